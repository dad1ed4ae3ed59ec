"""What the other side does to messages that are there: reactions, edits, withdrawals, reading; and what they tell of themselves."""

from functools import partial

import structlog
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import Account, Channel
from accounts.scope import current_account_id
from consent.fingerprints import point_of, point_ref
from consent.hearing import hear_platform
from contacts.changing_addresses import change_address as change_persons_address
from contacts.claims import Address
from contacts.models import Identifier, Profile
from contacts.reading_claims import normal_address
from contacts.recycled_numbers import note_identity_change as let_number_go
from inbox.adapters import AddressChange, IdentityChange, MessageEdit, MessageReaction, MessageWithdrawal, PreferenceChange, ReadUpTo
from inbox.announcements import MessageChange, announce_step
from inbox.conversations import lock_conversation_of
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.models import Attachment, Direction, Message, MessageStatus, Strand
from inbox.searching import words_of
from inbox.statuses import find_message
from inbox.thread_events import EventKind, tell_recognition, tell_thread

log = structlog.get_logger("hilo.receiving")

MOST_FORMER_TEXTS = 20


class NotYetKnown(Exception):
    """The part names a message that we do not have, yet: providers deliver in any order."""


def _named(channel: Channel, provider_id: str, sender: Address) -> Message | None:
    """The message, locked, its conversation before it. ``None`` where the sender has no part in it. Raises ``NotYetKnown``."""
    found = find_message(channel_id=channel.pk, provider_id=provider_id)
    if found is None:
        raise NotYetKnown(provider_id)
    lock_conversation_of(found.strand_id)
    message = Message.scoped().select_for_update(of=("self",)).select_related("strand__profile", "identifier").get(pk=found.pk)
    value = _place(sender)
    if message.strand.profile.address != value and (
        message.identifier is None or message.identifier.value.lstrip("+") != value.lstrip("+")
    ):
        log.warning("not_the_senders_message", message=message.pk, channel=channel.pk)
        return None
    return message


def _place(address: Address) -> str:
    return normal_address(address, region=Account.objects.get(pk=current_account_id()).default_region)


def _tell(message: Message) -> None:
    tell_account(message.account_id, "message", conversation=message.strand.conversation_id, message=message.pk)


@transaction.atomic
def react(*, channel: Channel, reaction: MessageReaction) -> None:
    """Put the sender's emoji on a message, or take it back. Of two, the later one counts, whichever comes first."""
    message = _named(channel, reaction.provider_id, reaction.sender)
    if message is None:
        return
    at = reaction.occurred_at.isoformat()
    if message.payload.get("reacted_at", "") > at:
        return
    message.reactions = {who: emoji for who, emoji in message.reactions.items() if who != "contact"}
    if reaction.emoji:
        message.reactions["contact"] = reaction.emoji
    message.payload["reacted_at"] = at
    message.save(update_fields=["reactions", "payload"])
    _tell(message)


@transaction.atomic
def edit(*, channel: Channel, change: MessageEdit) -> None:
    """Take the sender's new text; the former ones are kept. Of two, the later one counts, whichever comes first."""
    message = _named(channel, change.provider_id, change.sender)
    if message is None or message.withdrawn_at is not None or (message.edited_at is not None and message.edited_at >= change.occurred_at):
        return
    former = [*message.payload.get("former", []), {"body": message.body, "until": change.occurred_at.isoformat()}]
    message.payload["former"] = former[-MOST_FORMER_TEXTS:]
    message.body, message.folded, message.edited_at = change.body, "", change.occurred_at
    message.words = words_of(str(message.payload.get("subject", "")), change.body)
    message.save(update_fields=["payload", "body", "folded", "edited_at", "words"])
    recount(lock_conversation_of(message.strand_id))
    _tell(message)


@transaction.atomic
def withdraw(*, channel: Channel, withdrawal: MessageWithdrawal) -> None:
    """Forget what the message said, files too; that it was there stays. The platforms ask for it."""
    message = _named(channel, withdrawal.provider_id, withdrawal.sender)
    if message is None or message.withdrawn_at is not None:
        return
    message.withdrawn_at = withdrawal.occurred_at
    message.body = message.html = message.folded = ""
    message.raw, message.words, message.reactions = None, None, {}
    message.payload = {name: message.payload[name] for name in ("fingerprint", "is_automatic") if name in message.payload}
    message.save()
    for attachment in Attachment.scoped().filter(message=message):
        if attachment.file:
            transaction.on_commit(partial(default_storage.delete, str(attachment.file.name)))
        attachment.delete()
    recount(lock_conversation_of(message.strand_id))
    _tell(message)


@transaction.atomic
def read_up_to(*, channel: Channel, mark: ReadUpTo) -> None:
    """Everything of ours that the sender had by then is read."""
    value = _place(mark.sender)
    unread = (
        Message.scoped()
        .filter(channel=channel, direction=Direction.OUT, identifier__kind=mark.sender.kind, identifier__value=value)
        .filter(status__in=[MessageStatus.SENT, MessageStatus.DELIVERED], occurred_at__lte=mark.occurred_at)
    )
    for message in unread.select_for_update(of=("self",)).select_related("strand").order_by("pk"):
        message.status = MessageStatus.READ
        message.save(update_fields=["status"])
        announce_step(message, MessageChange.READ)
        _tell(message)


@transaction.atomic
def change_preference(*, channel: Channel, change: PreferenceChange) -> None:
    """Record what the platform says they want, and note it in the person's latest thread. Somebody we never spoke with has no
    thread; what they want counts all the same."""
    place = _place(change.sender)
    profile = Profile.scoped().filter(channel=channel, address=place, is_current=True).first()
    known = Identifier.scoped().filter(profile=profile, kind=change.sender.kind, value=place).first()
    hear_platform(
        ref=point_of(known) if known is not None else point_ref(kind=change.sender.kind, value=place),
        profile=profile,
        channel=channel.kind,
        wants=change.wants,
        occurred_at=change.occurred_at,
        key=f"preference:{channel.pk}:{change.category}:{change.occurred_at.isoformat()}:{change.wants}",
    )
    strand = _latest_strand(profile)
    if strand is None:
        return
    at = change.occurred_at
    same = Message.scoped().filter(strand__profile=strand.profile_id, direction=Direction.EVENT, kind=EventKind.PREFERENCE, occurred_at=at)
    if same.filter(payload__category=change.category).exists():
        return
    event = tell_thread(strand=strand, kind=EventKind.PREFERENCE, at=at, category=change.category, wants=change.wants)
    _tell(event)


@transaction.atomic
def change_address(*, channel: Channel, change: AddressChange) -> None:
    """The person goes on under the successor address, in both modes; their open thread says so."""
    former, recognition = change_persons_address(
        channel=channel, former=change.sender, successor=change.successor, claim=change.claim, occurred_at=change.occurred_at
    )
    strand = _latest_strand(former)
    if strand is None or not recognition.is_new_profile:
        return
    event = tell_thread(
        strand=strand, kind=EventKind.ADDRESS_CHANGED, at=change.occurred_at, former=change.sender.value, value=change.successor.value
    )
    if recognition.conflict_names:
        tell_recognition(strand=strand, recognition=recognition, at=change.occurred_at)
    _tell(event)


@transaction.atomic
def note_identity_change(*, channel: Channel, change: IdentityChange) -> None:
    """Whoever writes next from the address is somebody new, with the former person suggested; the former one's thread says so."""
    region = Account.objects.get(pk=current_account_id()).default_region
    former = let_number_go(channel=channel, address=change.sender, occurred_at=change.occurred_at, region=region)
    strand = _latest_strand(former)
    if strand is not None:
        _tell(tell_thread(strand=strand, kind=EventKind.IDENTITY_CHANGED, at=change.occurred_at, value=change.sender.value))


def _latest_strand(profile: Profile | None) -> Strand | None:
    if profile is None:
        return None
    strands = Strand.scoped().filter(profile=profile).select_related("conversation")
    return strands.order_by("-conversation__last_message_at", "-pk").first()
