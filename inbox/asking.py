"""What the inbox asks of the gate: may this message go to this address by this channel."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from accounts.models import Channel
from consent.fingerprints import point_of
from consent.gate import BOT, HUMAN, Question, Ruling, decide_many
from consent.vocabulary import PurposeClass
from contacts.models import Identifier, IdentifierKind
from inbox.models import Conversation, Direction, Message

Line = tuple[str, str]
SERVICE = str(PurposeClass.SERVICE)


def line_of(identifier: Identifier) -> Line:
    """What two identifiers share when they are one address: a WhatsApp id and its phone are one line."""
    if identifier.kind in (IdentifierKind.PHONE, IdentifierKind.WHATSAPP):
        return "line", identifier.key.lstrip("+")
    return identifier.kind, identifier.key


def last_inbound_by_line(identifiers: Iterable[Identifier]) -> dict[tuple[int, Line], datetime]:
    """(channel id, line) → the provider's time of the last message that the address sent there, whoever's it was. One query."""
    asked = list(identifiers)
    keys = {spelling for each in asked for spelling in (each.key, f"+{each.key}", each.key.lstrip("+"))}
    # The kinds are named because the index of keys begins with them.
    kinds = {each.kind for each in asked} | {IdentifierKind.PHONE, IdentifierKind.WHATSAPP}
    rows = (
        Message.scoped()
        .filter(direction=Direction.IN, identifier__kind__in=kinds, identifier__key__in=keys)
        .values_list("channel_id", "identifier__kind", "identifier__key")
        .annotate(at=Max("occurred_at"))
    )
    latest: dict[tuple[int, Line], datetime] = {}
    for channel_id, kind, key, at in rows:
        place = (channel_id, line_of(Identifier(kind=kind, key=key)))
        latest[place] = max(at, latest.get(place, at))
    return latest


def question_about(
    *,
    channel: Channel,
    identifier: Identifier,
    by_person: bool,
    at: datetime,
    last_inbound_at: datetime | None,
    conversation: Conversation | None = None,
    template: dict[str, Any] | None = None,
    purpose: str = SERVICE,
    category: str = "",
    subject: str = "",
) -> Question:
    """One message to one address. What is written in a conversation answers what the person wrote there last.

    A template that its provider approved for marketing is marketing, whoever sends it.
    """
    kind = category_of(channel, template)
    if kind == PurposeClass.MARKETING and purpose == SERVICE:
        purpose = str(PurposeClass.MARKETING)
    is_promotion = purpose == PurposeClass.MARKETING
    return Question(
        ref=point_of(identifier),
        profile_id=identifier.profile_id,
        channel=channel.kind,
        sender_id=channel.pk,
        purpose=purpose,
        at=at,
        actor=HUMAN if by_person else BOT,
        category=category,
        reply_to_at=conversation.last_inbound_at if conversation is not None else None,
        inbound_known=True,
        last_inbound_at=last_inbound_at,
        template=kind,
        asked_now=purpose == PurposeClass.AUTHENTICATION,
        is_bulk=is_promotion and not by_person,
        # Mail that promotes leaves with both headers (inbox.sending).
        has_unsubscribe=is_promotion and channel.kind == "email",
        subject=subject,
    )


def category_of(channel: Channel, template: dict[str, Any] | None) -> str:
    """The category under which the provider approved the template; "utility" for one that is not listed; empty for free text."""
    if template is None:
        return ""
    for row in channel.settings.get("templates") or []:
        if (row.get("name"), row.get("language")) == (template.get("name"), template.get("language")):
            return str(row.get("category") or PurposeClass.UTILITY)
    return str(PurposeClass.UTILITY)


def ask(*, channel: Channel, identifier: Identifier, at: datetime | None = None, **asked: Any) -> Ruling:
    """The gate's word on one message to one address, now unless ``at`` is given. Three queries. ``asked``: as ``question_about``."""
    last = last_inbound_by_line([identifier]).get((channel.pk, line_of(identifier)))
    question = question_about(channel=channel, identifier=identifier, at=at or timezone.now(), last_inbound_at=last, **asked)
    return decide_many([question])[0]
