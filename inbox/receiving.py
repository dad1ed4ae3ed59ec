"""The way in: stored event → parts → whose it is → which conversation → message. Everything here is safe to run twice.

Each part of an event has a transaction of its own, so that one that cannot be handled leaves the others alone.
"""

import dataclasses
import hashlib
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.models import Account, Channel
from accounts.queueing import back_off, enqueue
from accounts.roles import Ability, require
from contacts.claims import Address
from contacts.matching import Recognition, recognise
from contacts.models import Identifier
from contacts.reading_claims import normal_address
from inbox import revising
from inbox.adapters import (
    AddressChange,
    Complaint,
    IdentityChange,
    Inbound,
    InboundMessage,
    MessageEdit,
    MessageReaction,
    MessageWithdrawal,
    PartNotRead,
    PreferenceChange,
    ReadUpTo,
    StatusUpdate,
    UnreadableEvent,
    adapter_for,
)
from inbox.announcements import ConversationChange, MessageChange, announce, announce_conversation, announce_step
from inbox.channel_health import note_activity
from inbox.choosing import choose_conversation, open_profile_on_shared
from inbox.complaints import take_complaint
from inbox.conversations import reopen_locked
from inbox.counters import count_in
from inbox.filing import Filing
from inbox.hearing import hear
from inbox.live_updates import tell_account
from inbox.locks import lock_provider_message
from inbox.models import Conversation, ConversationStatus, Direction, InboundEvent, Message, MessageStatus, Strand
from inbox.searching import words_of
from inbox.statuses import apply_status, find_message
from inbox.storable import storable
from inbox.thread_events import EventKind, tell_recognition, tell_thread

log = structlog.get_logger("hilo.receiving")

MOST_ATTEMPTS = 8
# A part that names a message we do not have may have overtaken it; after so many attempts it names one from before our time.
ATTEMPTS_FOR_EARLY_PARTS = 5
# How far a provider's clock may run ahead; the channel simulator's is moved by days on purpose.
MOST_AHEAD = timedelta(days=31)
# What an admin is shown, and may have processed again.
BROKEN = (InboundEvent.State.PARTLY, InboundEvent.State.UNREADABLE, InboundEvent.State.FAILED)
# How long a worker may hold an event before it counts as dead. Two workers on one event do no harm.
LEASE = timedelta(seconds=60)


def store_event(*, channel: Channel, body: bytes, context: dict[str, Any]) -> InboundEvent | None:
    """Keep the bytes and ask for their processing; ``None`` when the channel brought the same bytes before."""
    with transaction.atomic():
        event, is_new = InboundEvent.scoped().get_or_create(
            channel=channel, sha256=hashlib.sha256(body).digest(), defaults={"body": body, "context": context}
        )
        if not is_new:
            return None
        _enqueue(event)
    return event


def _enqueue(event: InboundEvent, *, in_seconds: float = 0) -> None:
    from inbox.tasks import process_inbound_event

    enqueue(process_inbound_event, in_seconds=in_seconds, account_id=event.account_id, event_id=event.pk)


def process_event(*, event_id: int) -> None:
    """Turn one stored event into messages and whatever else it says, if it is due and nobody else has it."""
    event = _claim(event_id)
    if event is None:
        return
    try:
        parts = adapter_for(event.channel.kind).parse(channel=event.channel, event=event)
    except UnreadableEvent as error:
        log.warning("event_unreadable", event_id=event.pk, channel=event.channel_id)
        _settle(event, InboundEvent.State.UNREADABLE, error=str(error) or "unreadable")
        return
    except Exception as error:
        log.exception("parse_failed", event_id=event.pk, channel=event.channel_id)
        _try_later(event, [f"{type(error).__name__}: {error}"], [], early_only=False)
        return
    not_read = [part.reason for part in parts if isinstance(part, PartNotRead)]
    read = [part for part in parts if not isinstance(part, PartNotRead)]
    problems: list[str] = []
    early_only = True
    for number, part in enumerate(read, start=1):
        try:
            with transaction.atomic():
                _take(event.channel, _not_from_the_future(part, event))
                if number == len(read) and not problems:
                    _settle_taken(event, not_read)
        except revising.NotYetKnown as error:
            problems.append(f"{number}/{len(read)} {type(part).__name__}: {error}")
        except Exception as error:
            early_only = False
            log.exception("part_failed", event_id=event.pk, channel=event.channel_id, part=number)
            problems.append(f"{number}/{len(read)} {type(part).__name__}: {type(error).__name__}: {error}")
    if problems:
        _try_later(event, problems, not_read, early_only=early_only)
    elif not_read and not read:
        _settle(event, InboundEvent.State.UNREADABLE, error="\n".join(not_read))
    elif not read:
        _settle(event, InboundEvent.State.PROCESSED)


def _not_from_the_future(part: Inbound, event: InboundEvent) -> Inbound:
    """A part that says it happens long after it arrived is dated when it arrived: it would head every list for good."""
    if isinstance(part, PartNotRead) or part.occurred_at <= event.received_at + MOST_AHEAD:
        return part
    return dataclasses.replace(part, occurred_at=event.received_at)


def _claim(event_id: int) -> InboundEvent | None:
    """The event, leased to this worker. Its attempt is counted before the work, so that an event that kills workers ends as failed."""
    with transaction.atomic():
        now = timezone.now()
        event = (
            InboundEvent.scoped()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("channel__account")
            .filter(pk=event_id, state=InboundEvent.State.PENDING, next_attempt_at__lte=now)
            .first()
        )
        if event is None:
            return None
        event.attempts += 1
        event.next_attempt_at = now + LEASE
        event.save(update_fields=["attempts", "next_attempt_at"])
        if event.attempts > MOST_ATTEMPTS:
            _settle(event, InboundEvent.State.FAILED, error=event.error or "no worker finished it")
            return None
    note_activity(event.channel, at=event.received_at)
    return event


def _settle(event: InboundEvent, state: str, *, error: str = "") -> None:
    InboundEvent.scoped().filter(pk=event.pk).update(state=state, error=storable(error)[:2000], processed_at=timezone.now())


def _settle_taken(event: InboundEvent, not_read: list[str], also: list[str] | None = None) -> None:
    """Whatever can be taken of the event was taken."""
    state = InboundEvent.State.PARTLY if not_read else InboundEvent.State.PROCESSED
    _settle(event, state, error="\n".join([*not_read, *(also or [])]))


def _try_later(event: InboundEvent, problems: list[str], not_read: list[str], *, early_only: bool) -> None:
    error = "\n".join([*problems, *not_read])
    if early_only and event.attempts >= ATTEMPTS_FOR_EARLY_PARTS:
        _settle_taken(event, not_read, problems)
    elif event.attempts >= MOST_ATTEMPTS:
        _settle(event, InboundEvent.State.FAILED, error=error)
    else:
        wait = back_off(event.attempts)
        InboundEvent.scoped().filter(pk=event.pk).update(error=storable(error)[:2000], next_attempt_at=timezone.now() + wait)
        _enqueue(event, in_seconds=wait.total_seconds() + 0.1)


@transaction.atomic
def replay(*, event: InboundEvent, by: Actor) -> InboundEvent:
    """Process an event again that was unreadable, wholly or in part, or failed. What it already brought is not brought twice."""
    locked = InboundEvent.scoped().select_for_update().get(pk=event.pk)
    require(by, Ability.MANAGE_CHANNELS)
    if locked.state not in BROKEN:
        return locked
    locked.state, locked.attempts, locked.next_attempt_at = InboundEvent.State.PENDING, 0, timezone.now()
    locked.processed_at = None
    locked.save(update_fields=["state", "attempts", "next_attempt_at", "processed_at"])
    record(actor=by, action="inbound_event.replay", target=locked)
    _enqueue(locked)
    return locked


def _take(channel: Channel, part: Inbound) -> None:
    match part:
        case InboundMessage():
            receive(channel=channel, inbound=part)
        case StatusUpdate():
            apply_status(channel=channel, update=storable(part))
        case MessageReaction():
            revising.react(channel=channel, reaction=storable(part))
        case MessageEdit():
            revising.edit(channel=channel, change=storable(part))
        case MessageWithdrawal():
            revising.withdraw(channel=channel, withdrawal=storable(part))
        case ReadUpTo():
            revising.read_up_to(channel=channel, mark=storable(part))
        case PreferenceChange():
            revising.change_preference(channel=channel, change=storable(part))
        case AddressChange():
            revising.change_address(channel=channel, change=storable(part))
        case Complaint():
            take_complaint(channel=channel, complaint=storable(part))
        case IdentityChange():
            revising.note_identity_change(channel=channel, change=storable(part))


def receive(*, channel: Channel, inbound: InboundMessage) -> Message | None:
    """Store one message of the other side, or one of ours that was written in the provider's own app.

    ``None`` when it was stored before: by an earlier delivery, or as our own send that comes back as an echo. Raises
    ``contacts.locks.StillMoving`` when its people were moved again and again meanwhile; then nothing was stored.
    """
    inbound = storable(inbound)
    with Filing() as filing, transaction.atomic(savepoint=False):
        provider_id = _new_provider_id(channel, inbound)
        if provider_id is None:
            return None
        account = channel.account
        replies_to, answered = _answered(channel, inbound, region=account.default_region)
        recognition = recognise(
            channel=channel,
            address=inbound.sender,
            claim=inbound.claim,
            occurred_at=inbound.occurred_at,
            replies_to=replies_to.strand.profile if replies_to else None,
            open_profile_on_shared=open_profile_on_shared,
            cause=f"message:{provider_id}",
        )
        conversation, strand = _join(account, channel, inbound, recognition, answered)
        message = _write(channel, inbound, recognition, strand, provider_id, answered)
        if not inbound.is_echo and not inbound.is_automatic:
            hear(message=message, inbound=inbound, recognition=recognition, conversation=conversation)
        attachments = filing.store_theirs(message, inbound.files)
        count_in(conversation, message, awaits_answer=not inbound.is_automatic)
        tell_recognition(strand=strand, recognition=recognition, at=inbound.occurred_at)
        if recognition.asks_who:
            tell_thread(strand=strand, kind=EventKind.ASKED_WHO, at=inbound.occurred_at, value=inbound.sender.value)
        announce_step(message, MessageChange.SENT if inbound.is_echo else MessageChange.RECEIVED)
        if not inbound.is_echo:
            announce(message=message, inbound=inbound, recognition=recognition, conversation=conversation)
        for attachment in attachments:
            if attachment.state == attachment.State.WAITING:
                _fetch(attachment)
        tell_account(channel.account_id, "message", conversation=conversation.pk, message=message.pk)
    return message


def _new_provider_id(channel: Channel, inbound: InboundMessage) -> str | None:
    """The id under which this message is stored; ``None`` when it is there already. Holds the id's lock."""
    provider_id = inbound.provider_id
    if len(provider_id) > 400:
        provider_id = hashlib.sha256(provider_id.encode()).hexdigest()
    if not provider_id:
        return ""
    lock_provider_message(channel_id=channel.pk, provider_id=provider_id)
    known = find_message(channel_id=channel.pk, provider_id=provider_id)
    if known is None:
        return provider_id
    # Where the sender makes up the id (email), other content under a known id is another message.
    if not inbound.fingerprint or known.payload.get("fingerprint") in (None, inbound.fingerprint):
        return None
    other = f"{provider_id[:330]}#{inbound.fingerprint}"
    lock_provider_message(channel_id=channel.pk, provider_id=other)
    return None if find_message(channel_id=channel.pk, provider_id=other) else other


def _answered(channel: Channel, inbound: InboundMessage, *, region: str) -> tuple[Message | None, Message | None]:
    """(our own message that this one provably answers, the nearest message it names), of those that count for this sender."""
    nearest: Message | None = None
    for provider_id in inbound.reply_to:
        found = find_message(channel_id=channel.pk, provider_id=provider_id)
        if found is None or (inbound.reply_is_claimed and not _may_answer(found, inbound.sender, region=region)):
            continue
        nearest = nearest or found
        if found.direction == Direction.OUT:
            return found, nearest
    return None, nearest


def _may_answer(message: Message, sender: Address, *, region: str) -> bool:
    """Whether the sender is the address that the message went to or came from, or another one of that person's."""
    value = normal_address(sender, region=region)
    of_person = Identifier.scoped().filter(profile__contact=message.strand.profile.contact_id, kind=sender.kind, value=value)
    if of_person.filter(valid_to=None).exists():
        return True
    used = message.identifier
    return used is not None and used.kind == sender.kind and used.value == value


def _join(
    account: Account, channel: Channel, inbound: InboundMessage, recognition: Recognition, answered: Message | None
) -> tuple[Conversation, Strand]:
    """The conversation, locked, and the profile's strand in it."""
    profile = recognition.profile
    conversation = None
    if not recognition.asks_who:
        conversation = choose_conversation(
            account=account,
            channel=channel,
            contact_id=profile.contact_id,
            occurred_at=inbound.occurred_at,
            answered=answered,
        )
    if conversation is None:
        conversation = Conversation.objects.create(
            profile=profile,
            channel=channel,
            subject=inbound.subject[:300],
            asks_who=recognition.asks_who,
            last_message_at=inbound.occurred_at,
        )
        announce_conversation(conversation, ConversationChange.CREATED)
        return conversation, Strand.objects.create(conversation=conversation, profile=profile)
    strand = Strand.scoped().get_or_create(conversation=conversation, profile=profile)[0]
    # Machine mail and what our own people wrote elsewhere do not open a matter that was settled.
    if conversation.status == ConversationStatus.RESOLVED and not inbound.is_automatic and not inbound.is_echo:
        reopen_locked(conversation, by=SYSTEM)
    if inbound.subject and not conversation.subject:
        conversation.subject = inbound.subject[:300]
    strand.conversation = conversation
    return conversation, strand


def _write(
    channel: Channel,
    inbound: InboundMessage,
    recognition: Recognition,
    strand: Strand,
    provider_id: str,
    answered: Message | None,
) -> Message:
    facts = {
        "subject": inbound.subject,
        "is_automatic": inbound.is_automatic,
        "suppresses_replies": inbound.suppresses_replies,
        "fingerprint": inbound.fingerprint,
    }
    if answered is not None and answered.strand.profile.contact_id != recognition.profile.contact_id:
        answered = None  # somebody else's message is not quoted here
    return Message.objects.create(
        strand=strand,
        direction=Direction.OUT if inbound.is_echo else Direction.IN,
        kind=inbound.kind[:20],
        body=inbound.body,
        html=inbound.html,
        folded=inbound.folded,
        payload={**inbound.payload, **{name: value for name, value in facts.items() if value}},
        raw=inbound.raw,
        channel=channel,
        identifier=recognition.identifier,
        provider_id=provider_id,
        reply_to=answered,
        author_kind="native" if inbound.is_echo else "contact",
        status=MessageStatus.SENT if inbound.is_echo else MessageStatus.RECEIVED,
        occurred_at=inbound.occurred_at,
        words=words_of(inbound.subject, inbound.body),
    )


def _fetch(attachment: Any) -> None:
    from inbox.tasks import fetch_attachment

    enqueue(fetch_attachment, account_id=attachment.account_id, attachment_id=attachment.pk)
