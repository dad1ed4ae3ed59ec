"""What holds for a person: every address, every purpose, every channel; and what was said about it. Constant numbers of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from consent.gate import Question, Ruling, decide_many
from consent.models import ConsentEvent, ContactPoint, Purpose
from consent.points import ADDRESSES, LinkedPoint, linked
from consent.standing import Standing, standing
from contacts.models import Contact, Identifier

# How each kind of address is written to.
CHANNELS = {
    "email": ("email",),
    "phone": ("whatsapp", "sms", "voice"),
    "whatsapp_user": ("whatsapp",),
    "instagram": ("instagram",),
    "messenger": ("messenger",),
    "telegram": ("telegram",),
    "visitor": ("webchat",),
    "app_user": ("app",),
}
# Every kind of channel by which somebody can be written to.
KINDS = tuple(sorted({channel for channels in CHANNELS.values() for channel in channels}))


@dataclass(frozen=True)
class Line:
    """What holds at one address for one purpose on one channel; ``ruling`` is the gate's word on a message that would leave now."""

    linked: LinkedPoint
    purpose: Purpose
    channel: str
    standing: Standing
    ruling: Ruling


def consent_of(contact: Contact) -> list[Line]:
    """Every address of the contact × its channels × the account's purposes. Four queries."""
    identifiers = Identifier.scoped().filter(profile__contact=contact, valid_to=None, kind__in=ADDRESSES).order_by("pk")
    points = linked(identifiers)
    purposes = list(Purpose.scoped().filter(is_active=True).order_by("position", "pk"))
    places = [(each, channel, purpose) for each in points for channel in CHANNELS.get(each.ref.kind, ()) for purpose in purposes]
    now = timezone.now()
    rulings = decide_many([_question(each, channel, purpose, now) for each, channel, purpose in places])
    return [
        Line(each, purpose, channel, _standing(ruling), ruling) for (each, channel, purpose), ruling in zip(places, rulings, strict=True)
    ]


def _question(each: LinkedPoint, channel: str, purpose: Purpose, now: datetime) -> Question:
    return Question(
        ref=each.ref,
        profile_id=each.identifier.profile_id,
        channel=channel,
        purpose=purpose.key,
        at=now,
        template=str(purpose.purpose_class) if channel == "whatsapp" else "",
        has_unsubscribe=channel == "email",
    )


def _standing(ruling: Ruling) -> Standing:
    question, facts = ruling.question, ruling.facts
    return standing(
        facts.cells if facts is not None else (),
        profile_id=question.profile_id,
        channel=question.channel,
        purpose=question.purpose,
        is_shared=facts.is_shared if facts is not None else True,
        recycled_at=facts.recycled_at if facts is not None else None,
    )


def events_of(profile_ids: Sequence[int]) -> QuerySet[ConsentEvent]:
    """What the profiles' people said, and what was said at the points they wrote from; the latest first."""
    points = ConsentEvent.scoped().filter(profile__in=profile_ids).values("point")
    return (
        ConsentEvent.scoped()
        .filter(point__in=ContactPoint.scoped().filter(pk__in=points))
        .select_related("point", "notice")
        .order_by("-occurred_at", "-pk")
    )
