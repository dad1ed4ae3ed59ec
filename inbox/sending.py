"""Accept a message for sending: permission, the gate, then message and outbox row in one transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account, Channel
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from consent.explaining import in_words
from consent.gate import Reason, Ruling, decide_many, keep
from consent.models import Decision
from consent.one_click import token_for, unsubscribe_headers, unsubscribe_url
from consent.own_words import language_for, mail_footer
from contacts.models import Contact, Identifier, Profile
from inbox.adapters import ChannelAdapter, adapter_for, registered_kinds
from inbox.asking import SERVICE, Line, ask, last_inbound_by_line, line_of, question_about
from inbox.conversations import hold_conversation, lock_conversation_of, reopen_locked
from inbox.counters import count_in, recount
from inbox.filing import Filing
from inbox.live_updates import tell_account
from inbox.models import Conversation, ConversationStatus, Direction, Message, MessageStatus, OutboundMessage, Strand
from inbox.searching import words_of

# How many earlier messages an email names in its References header.
MOST_REFERENCES = 20


class Why(StrEnum):
    """Why an address is the recommended one."""

    LAST_WROTE = "last_wrote"
    ALLOWED_NOW = "allowed_now"


class SendingRefused(Exception):
    """The message was not accepted; nothing was stored.

    ``reason`` is a code, ``text`` says why in the reader's language, ``alternative`` is what is allowed instead: ``template``,
    ``other_address``, ``record_consent`` (where they told one of ours that they agree) or nothing.
    """

    def __init__(self, reason: str, text: str, alternative: str = "") -> None:
        super().__init__(text)
        self.reason, self.text, self.alternative = reason, text, alternative


@dataclass(frozen=True)
class SendOption:
    """One address of the person on one of our channels, and what the gate says about a free text now."""

    channel: Channel
    identifier: Identifier
    decision: Ruling
    recommended: bool
    why: Why | None
    last_inbound_at: datetime | None


def refusal_text(reason: str) -> tuple[str, str]:
    """What the agent reads for a reason of refusal, and the alternative's code."""
    texts = {
        Reason.TEMPLATE_REQUIRED: (
            _("More than 24 hours have passed since the last message: WhatsApp allows only a template."),
            "template",
        ),
        Reason.WINDOW_CLOSED: (_("Too much time has passed since the last message on this channel."), "other_address"),
        Reason.NEVER_WROTE: (_("This person never wrote on this channel."), "other_address"),
        Reason.NO_CONSENT: (in_words(Reason.NO_CONSENT), "record_consent"),
        "not_theirs": (_("This address does not belong to the person of this conversation."), "other_address"),
        "ended": (_("This address is no longer in use."), "other_address"),
        "channel_off": (_("This channel is switched off."), "other_address"),
        "not_reached": (_("This channel cannot reach this address."), "other_address"),
        "empty": (_("Write something first."), ""),
        "files": (_("The files cannot be sent."), ""),
        "template": (_("A template needs a name and a language."), ""),
        "not_resendable": (_("Only a message that failed, or whose outcome is unknown, is sent again."), ""),
    }
    if reason in texts:
        return texts[reason]
    if reason in Reason.values:
        return in_words(Reason(reason)), ""
    return _("This message cannot be sent now."), ""


def refuse(reason: str) -> SendingRefused:
    text, alternative = refusal_text(reason)
    return SendingRefused(str(reason), text, alternative)


def can_reach(channel: Channel, adapter: ChannelAdapter, identifier: Identifier) -> bool:
    """Whether the channel writes to this address. A value with a scope is known on the channel that told us of it only.

    Needs ``identifier.profile``.
    """
    if identifier.kind not in adapter.reaches:
        return False
    return not identifier.scope or identifier.profile.channel_id == channel.pk


def addresses_for(conversation: Conversation, *, by_person: bool = True) -> list[SendOption]:
    """Every address of the conversation's person on every active channel that reaches it, the recommended one first.

    Recommended is where the person wrote last in this conversation if a free text may leave there, else the one that may and was
    used last. An address that several profiles carry is listed once. Six queries, two of them the gate's.
    """
    adapters = {kind: adapter_for(kind) for kind in registered_kinds()}
    channels = [channel for channel in Channel.scoped().filter(is_active=True).order_by("pk") if channel.kind in adapters]
    identifiers = list(
        Identifier.scoped()
        .filter(profile__contact__profiles=conversation.profile_id, valid_to=None)
        .select_related("profile")
        .order_by("-last_seen_at", "-pk")
    )
    latest = last_inbound_by_line(identifiers)
    wrote = _last_wrote(conversation)
    now = timezone.now()
    places: dict[tuple[int, Line], tuple[Channel, Identifier]] = {}
    for channel in channels:
        adapter = adapters[channel.kind]
        # The channel's own kind of address goes before another that means the same line.
        for identifier in sorted(identifiers, key=lambda item: item.kind != adapter.address_kind):
            place = (channel.pk, line_of(identifier))
            if place not in places and can_reach(channel, adapter, identifier):
                places[place] = (channel, identifier)
    questions = [
        question_about(
            channel=channel,
            identifier=identifier,
            by_person=by_person,
            at=now,
            last_inbound_at=latest.get(place),
            conversation=conversation,
        )
        for place, (channel, identifier) in places.items()
    ]
    rulings = zip(places.items(), decide_many(questions), strict=True)
    found = {place: SendOption(*address, ruling, False, None, latest.get(place)) for (place, address), ruling in rulings}
    return _recommend(found, wrote)


def _last_wrote(conversation: Conversation) -> tuple[int, Line] | None:
    last = (
        Message.scoped()
        .filter(strand__conversation=conversation.pk, direction=Direction.IN, identifier__isnull=False, channel__isnull=False)
        .select_related("identifier")
        .order_by("-occurred_at", "-id")
        .first()
    )
    return (last.channel_id, line_of(last.identifier)) if last and last.identifier and last.channel_id else None


def _recommend(found: dict[tuple[int, Line], SendOption], wrote: tuple[int, Line] | None) -> list[SendOption]:
    def rank(place: tuple[int, Line]) -> tuple[bool, bool, float]:
        option = found[place]
        used = option.last_inbound_at.timestamp() if option.last_inbound_at else 0.0
        return (not option.decision.allowed, place != wrote, -used)

    ordered = sorted(found, key=rank)
    options = [found[place] for place in ordered]
    if options and options[0].decision.allowed:
        first = options[0]
        why = Why.LAST_WROTE if ordered[0] == wrote else Why.ALLOWED_NOW
        options[0] = SendOption(first.channel, first.identifier, first.decision, True, why, first.last_inbound_at)
    return options


def send_message(
    *,
    conversation: Conversation,
    channel: Channel,
    identifier: Identifier,
    body: str,
    by: Actor,
    files: Sequence[File] = (),
    template: dict[str, Any] | None = None,
    reply_to: Message | None = None,
    client_key: str | None = None,
    purpose: str = SERVICE,
    category: str = "",
) -> Message:
    """Accept one message for ``identifier`` by ``channel``; a worker sends it after commit, or when the gate allows it.

    ``template`` is ``{name, language, parameters}``, with ``body`` as the text the receiver reads. ``client_key`` is made by the
    writer's screen: the same key in the same conversation gives the message that is there already. A resolved conversation is
    opened again. ``purpose`` and ``category`` are consent's: what is no answer needs what its purpose asks for.
    Raises ``SendingRefused`` and ``PermissionDenied``; then nothing was stored.
    """
    with Filing() as filing, transaction.atomic():
        locked = hold_conversation(conversation.pk)
        require(by, Ability.WORK_CONVERSATIONS)
        stored_key = f"{locked.pk}:{client_key}"[:160] if client_key else ""
        if stored_key and (sent := Message.scoped().filter(outbound__client_key=stored_key).first()):
            return sent
        profile_id = _check_address(locked, channel, identifier)
        text = body.strip()
        if not text and not files and template is None:
            raise refuse("empty")
        if template is not None and not (template.get("name") and template.get("language")):
            raise refuse("template")
        by_person = by.kind in ("person", "api")
        ruling = ask(
            channel=channel,
            identifier=identifier,
            by_person=by_person,
            conversation=locked,
            template=template,
            purpose=purpose,
            category=category,
        )
        if not (ruling.allowed or ruling.deferred):
            raise refuse(ruling.reason)
        strand = Strand.scoped().get_or_create(conversation=locked, profile_id=profile_id)[0]
        strand.conversation = locked
        message = Message.objects.create(
            strand=strand,
            direction=Direction.OUT,
            kind="template" if template is not None else "text",
            body=text,
            payload={
                **({"template": template} if template is not None else {}),
                **_threading(locked, channel, identifier),
                **_promoting(ruling, channel, identifier),
            },
            channel=channel,
            identifier=identifier,
            reply_to=_answered(locked, channel, identifier, reply_to),
            author=by.membership,
            author_kind=by.kind,
            status=MessageStatus.QUEUED,
            problem=waits_for(ruling),
            # A provider's clock may run ahead of ours: an answer stands after what it answers.
            occurred_at=max(timezone.now(), locked.last_message_at),
            words=words_of(text),
        )
        try:
            filing.store_ours(message, files)
        except ValidationError as error:
            raise SendingRefused("files", " ".join(error.messages)) from error
        outbound = OutboundMessage(message=message, client_key=stored_key, verdict={"accepted": as_data(ruling)})
        outbound.decision = keep_about(message, ruling, stage=Decision.Stage.ACCEPTED)
        if ruling.not_before is not None:
            outbound.next_attempt_at = ruling.not_before
        outbound.save()
        if locked.status == ConversationStatus.RESOLVED:
            reopen_locked(locked, by=by)
        count_in(locked, message)
        _note_activity(profile_id, message.occurred_at)
        if ruling.allowed:
            queue_delivery(message)
        tell_account(locked.account_id, "message", conversation=locked.pk, message=message.pk)
    return message


def subject_of(message: Message) -> str:
    """How the gate's decisions name a message."""
    return f"message:{message.pk}"


def keep_about(message: Message, ruling: Ruling, *, stage: str) -> Decision:
    """Store the gate's word on a message."""
    return keep(replace(ruling, question=replace(ruling.question, subject=subject_of(message))), stage=stage)


def waits_for(ruling: Ruling) -> dict[str, Any]:
    """What a message says of itself while it waits for its time; nothing where it need not."""
    if ruling.not_before is None:
        return {}
    return {
        "code": str(ruling.reason),
        "text": in_words(ruling.reason),
        "permanent": False,
        "until": ruling.not_before.isoformat(),
    }


def _promoting(ruling: Ruling, channel: Channel, identifier: Identifier) -> dict[str, Any]:
    """What a message keeps of its purpose where it is no answer; mail that promotes carries its way out."""
    question = ruling.question
    kept: dict[str, Any] = {"purpose": question.purpose, "category": question.category}
    if "list_unsubscribe" in ruling.obligations and ruling.rulebook is not None:
        token = token_for(ref=question.ref, profile=identifier.profile, purpose=question.purpose)
        kept["headers"] = unsubscribe_headers(token, mailbox=str(channel.settings.get("address") or ""))
        account = Account.objects.get(pk=channel.account_id)
        kept["footer"] = mail_footer(
            account=account,
            postal_address=ruling.rulebook.account.postal_address,
            unsubscribe_url=unsubscribe_url(token),
            language=language_for(identifier.profile, account=account),
        )
    return {name: value for name, value in kept.items() if value and value != SERVICE}


def queue_delivery(message: Message, *, in_seconds: float = 0) -> None:
    """Ask a worker to deliver it once this transaction has committed."""
    from inbox.tasks import deliver_message

    enqueue(deliver_message, in_seconds=in_seconds, account_id=message.account_id, message_id=message.pk)


def as_data(ruling: Ruling) -> dict[str, Any]:
    """A ruling as the outbox row keeps it."""
    return {
        "verdict": ruling.verdict.value,
        "reason": ruling.reason.value,
        "reasons": [reason.value for reason in ruling.reasons],
        "until": ruling.until.isoformat() if ruling.until else None,
        "at": timezone.now().isoformat(),
    }


def ask_again(message: Message, *, by_person: bool) -> Ruling:
    """The gate's word now on a message that was accepted before. Needs its channel, identifier, strand and conversation."""
    assert message.channel is not None
    assert message.identifier is not None
    return ask(
        channel=message.channel,
        identifier=message.identifier,
        by_person=by_person,
        conversation=message.strand.conversation,
        template=message.payload.get("template"),
        purpose=message.payload.get("purpose", SERVICE),
        category=message.payload.get("category", ""),
        subject=subject_of(message),
    )


def _check_address(conversation: Conversation, channel: Channel, identifier: Identifier) -> int:
    """The profile whose strand the message joins. The address must be the person's, in use, and reachable by an active channel."""
    fresh = Identifier.scoped().select_related("profile").filter(pk=identifier.pk).first()
    contact_id = Conversation.scoped().values_list("profile__contact_id", flat=True).get(pk=conversation.pk)
    if fresh is None or fresh.profile.contact_id != contact_id:
        raise refuse("not_theirs")
    if fresh.valid_to is not None:
        raise refuse("ended")
    if not Channel.scoped().filter(pk=channel.pk, is_active=True).exists() or channel.kind not in registered_kinds():
        raise refuse("channel_off")
    if not can_reach(channel, adapter_for(channel.kind), fresh):
        raise refuse("not_reached")
    return fresh.profile_id


def _note_activity(profile_id: int, at: datetime) -> None:
    """Silence is counted from the last message either way."""
    Profile.scoped().filter(pk=profile_id, last_seen_at__lt=at).update(last_seen_at=at)
    Contact.scoped().filter(profiles=profile_id, last_seen_at__lt=at).update(last_seen_at=at)


def _exchanged(conversation: Conversation, channel: Channel, identifier: Identifier) -> list[Message]:
    """The latest messages either way between this channel and this address in the conversation, newest first."""
    found = (
        Message.scoped()
        .filter(strand__conversation=conversation, channel=channel, direction__in=[Direction.IN, Direction.OUT])
        .exclude(provider_id="")
        .select_related("identifier")
        .order_by("-occurred_at", "-id")
    )
    line = line_of(identifier)
    return [m for m in found[: MOST_REFERENCES * 2] if m.identifier is not None and line_of(m.identifier) == line][:MOST_REFERENCES]


def _threading(conversation: Conversation, channel: Channel, identifier: Identifier) -> dict[str, Any]:
    """For channels that thread by reference (email): the subject, and the provider ids of the exchange so far, oldest first."""
    if not getattr(adapter_for(channel.kind), "threads_by_reference", False):
        return {}
    exchanged = _exchanged(conversation, channel, identifier)
    return {"subject": conversation.subject, "references": [message.provider_id for message in reversed(exchanged)]}


def _answered(conversation: Conversation, channel: Channel, identifier: Identifier, reply_to: Message | None) -> Message | None:
    """The message that this one answers for the provider: the one the agent chose, if it is of this conversation and channel."""
    if reply_to is not None:
        same = Message.scoped().filter(pk=reply_to.pk, strand__conversation=conversation, channel=channel).first()
        if same is not None:
            return same
    if getattr(adapter_for(channel.kind), "threads_by_reference", False):
        exchanged = _exchanged(conversation, channel, identifier)
        return next((m for m in exchanged if m.direction == Direction.IN), exchanged[0] if exchanged else None)
    return None


def resend(*, message: Message, by: Actor) -> Message:
    """Send a message again that failed, or whose outcome is unknown: a person takes that decision, never the system.

    Raises ``SendingRefused`` when it is in another state, or when the gate no longer allows it.
    """
    with transaction.atomic():
        conversation = lock_conversation_of(message.strand_id)
        require(by, Ability.WORK_CONVERSATIONS)
        outbound = OutboundMessage.scoped().select_for_update().filter(message=message.pk).first()
        fresh = Message.scoped().select_related("channel", "identifier__profile", "strand__conversation").get(pk=message.pk)
        if outbound is None or fresh.status not in (MessageStatus.FAILED, MessageStatus.UNKNOWN):
            raise refuse("not_resendable")
        if fresh.channel is None or fresh.identifier is None:
            raise refuse("not_theirs")
        _check_address(conversation, fresh.channel, fresh.identifier)
        ruling = ask_again(fresh, by_person=by.kind in ("person", "api"))
        if not (ruling.allowed or ruling.deferred):
            raise refuse(ruling.reason)
        _queue_again(outbound, fresh, ruling)
        recount(conversation)
        record(actor=by, action="message.resend", target=fresh)
        if ruling.allowed:
            queue_delivery(fresh)
        tell_account(fresh.account_id, "message", conversation=conversation.pk, message=fresh.pk)
    return fresh


def _queue_again(outbound: OutboundMessage, message: Message, ruling: Ruling) -> None:
    former: dict[str, list[str]] = defaultdict(list, {"former_ids": outbound.receipt.get("former_ids", [])})
    if message.provider_id:
        former["former_ids"].append(message.provider_id)
    if message.status == MessageStatus.FAILED:
        # A provider that honours the key may remember the refusal under it; after an unknown outcome the same key protects.
        outbound.key = OutboundMessage._meta.get_field("key").get_default()
    outbound.state, outbound.attempts = OutboundMessage.State.QUEUED, 0
    outbound.next_attempt_at = ruling.not_before or timezone.now()
    outbound.receipt, outbound.claimed_at = dict(former), None
    outbound.verdict = {"accepted": as_data(ruling)}
    outbound.decision = keep_about(message, ruling, stage=Decision.Stage.ACCEPTED)
    outbound.save()
    message.status, message.problem, message.provider_id = MessageStatus.QUEUED, waits_for(ruling), ""
    message.save(update_fields=["status", "problem", "provider_id"])
