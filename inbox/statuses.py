"""What providers say about our messages: stored once, applied in rank order, even when it comes before our own receipt."""

import uuid

from django.db import transaction

from accounts.models import Channel
from consent.fingerprints import point_of
from consent.hearing import hear_refusal
from inbox.adapters import StatusUpdate
from inbox.announcements import MessageChange, announce_step
from inbox.channel_health import set_sending_problem
from inbox.conversations import lock_conversation_of
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.locks import lock_provider_message
from inbox.models import Direction, Message, MessageStatus, OutboundMessage, ProviderPart, StatusReceipt

# A later word never takes a message back. 'failed' is above 'sent', since a late 'sent' does not undo it, and below 'delivered',
# since what arrived did not fail. 'unknown' is settled by any word of the provider.
RANK = {
    MessageStatus.QUEUED: 0,
    MessageStatus.UNKNOWN: 1,
    MessageStatus.SENT: 2,
    MessageStatus.FAILED: 3,
    MessageStatus.DELIVERED: 4,
    MessageStatus.READ: 5,
}
WORDS = {"sent": MessageStatus.SENT, "failed": MessageStatus.FAILED, "delivered": MessageStatus.DELIVERED, "read": MessageStatus.READ}


def find_message(*, channel_id: int, provider_id: str) -> Message | None:
    """The message that a provider's id names on the channel, be it one part of several that ours left as."""
    if not provider_id:
        return None
    whole = Message.scoped().filter(channel=channel_id, provider_id=provider_id)
    part = ProviderPart.scoped().filter(channel=channel_id, provider_id=provider_id)
    # One round trip with an index for each side; an "or" would read the whole table.
    named = whole.values("pk").union(part.values("message"))
    return Message.scoped().select_related("strand__profile", "identifier").filter(pk__in=named).first()


@transaction.atomic
def apply_status(*, channel: Channel, update: StatusUpdate) -> Message | None:
    """Store the provider's word and move our message on. ``None`` when the message is not known (yet): the word is kept.

    The same word again changes nothing. Raises ``ValueError`` for a word that the contract does not have.
    """
    if update.status not in WORDS:
        raise ValueError(f"status {update.status!r}")
    lock_provider_message(channel_id=channel.pk, provider_id=update.provider_id)
    problem = {"code": update.code, "text": update.text, "permanent": True} if update.status == "failed" else {}
    receipt, is_new = StatusReceipt.scoped().get_or_create(
        channel=channel,
        provider_id=update.provider_id,
        status=update.status,
        recipient=update.recipient,
        defaults={"at": update.occurred_at, "problem": problem},
    )
    message = find_message(channel_id=channel.pk, provider_id=update.provider_id)
    if message is None and update.key:
        message = _settle_by_key(channel, update)
    if message is not None and is_new:
        move_status(message, receipt)
        _hear(message, channel, update)
        if update.is_of_channel:
            set_sending_problem(channel, update.text)
    return message


def _hear(message: Message, channel: Channel, update: StatusUpdate) -> None:
    """A failure may say something of the address: no such mailbox, no promotions wanted."""
    if update.status == "failed" and update.code and message.identifier is not None and message.direction == Direction.OUT:
        hear_refusal(
            ref=point_of(message.identifier),
            profile=message.strand.profile,
            channel=channel.kind,
            code=update.code,
            occurred_at=update.occurred_at,
            key=f"refused:{message.pk}:{update.code}",
        )


def apply_kept_statuses(message: Message) -> None:
    """Apply the words that came before our receipt. The caller holds the lock of the provider's id."""
    for receipt in StatusReceipt.scoped().filter(channel=message.channel_id, provider_id=message.provider_id).order_by("at", "pk"):
        move_status(message, receipt)


def move_status(message: Message, receipt: StatusReceipt) -> None:
    """Take the message to the receipt's status unless it is further already."""
    status = WORDS[receipt.status]
    conversation = lock_conversation_of(message.strand_id) if status == MessageStatus.FAILED else None
    fresh = Message.scoped().select_for_update(of=("self",)).select_related("strand").get(pk=message.pk)
    current = MessageStatus(fresh.status)
    if fresh.direction != Direction.OUT or RANK.get(current, -1) >= RANK[status]:
        return
    fresh.status = status
    fresh.problem = receipt.problem if status == MessageStatus.FAILED else {}
    fresh.save(update_fields=["status", "problem"])
    message.status, message.problem = fresh.status, fresh.problem
    announce_step(fresh, MessageChange(status.value))
    if current == MessageStatus.UNKNOWN:
        OutboundMessage.scoped().filter(message=fresh).update(state=OutboundMessage.State.SENT)
    if conversation is not None:
        # Nobody was answered: the customer waits again.
        recount(conversation)
        tell_account(fresh.account_id, "conversation", conversation=fresh.strand.conversation_id)
    tell_account(fresh.account_id, "message", conversation=fresh.strand.conversation_id, message=fresh.pk)


def _settle_by_key(channel: Channel, update: StatusUpdate) -> Message | None:
    """The provider gave our own key back: it has the message, whether or not we ever saw its receipt."""
    try:
        key = uuid.UUID(update.key)
    except ValueError:
        return None
    lost = Message.scoped().filter(outbound__key=key, channel=channel, provider_id="").first()
    if lost is None:
        return None
    lock_conversation_of(lost.strand_id)
    outbound = OutboundMessage.scoped().select_for_update().filter(key=key).first()
    if outbound is None or outbound.state not in (OutboundMessage.State.CLAIMED, OutboundMessage.State.UNKNOWN):
        return None
    Message.scoped().filter(pk=outbound.message_id).update(provider_id=update.provider_id)
    if outbound.state == OutboundMessage.State.UNKNOWN:
        outbound.state = OutboundMessage.State.SENT
        outbound.save(update_fields=["state"])
    return Message.scoped().select_related("strand__profile").get(pk=outbound.message_id)
