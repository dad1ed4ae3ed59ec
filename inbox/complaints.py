"""Somebody reported one of our messages as spam: nothing more leaves for that address, and the thread says why."""

from django.db import transaction

from accounts.models import Channel
from consent.fingerprints import point_of
from consent.suppressing import suppress
from consent.vocabulary import Origin, SuppressionReason
from inbox.adapters import Complaint
from inbox.conversations import lock_conversation_of
from inbox.live_updates import tell_account
from inbox.models import Direction, Message
from inbox.statuses import find_message
from inbox.thread_events import EventKind, tell_thread


class UnknownMessage(LookupError):
    """The complaint names a message that is not there (any more): the event stays, and is shown."""


@transaction.atomic
def take_complaint(*, channel: Channel, complaint: Complaint) -> None:
    """Suppress the address that the message went to, once, and note it in its thread. Raises ``UnknownMessage``.

    The report may arrive in another mailbox of the account than the one that wrote.
    """
    message = find_message(channel_id=channel.pk, provider_id=complaint.provider_id) or (
        Message.scoped()
        .filter(channel__kind=channel.kind, provider_id=complaint.provider_id)
        .select_related("strand__profile", "identifier")
        .first()
    )
    if message is None or message.identifier is None or message.direction != Direction.OUT:
        raise UnknownMessage(complaint.provider_id)
    lock_conversation_of(message.strand_id)
    suppress(
        ref=point_of(message.identifier),
        reason=SuppressionReason.COMPLAINT,
        at=complaint.occurred_at,
        key=f"complaint:{message.pk}",
        origin=Origin.PLATFORM,
        profile=message.strand.profile,
    )
    told = Message.scoped().filter(strand=message.strand_id, kind=EventKind.COMPLAINED, payload__message=message.pk)
    if told.exists():
        return
    event = tell_thread(
        strand=message.strand,
        kind=EventKind.COMPLAINED,
        at=complaint.occurred_at,
        message=message.pk,
        value=message.identifier.value,
    )
    tell_account(event.account_id, "message", conversation=message.strand.conversation_id, message=event.pk)
