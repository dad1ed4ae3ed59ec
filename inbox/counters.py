"""What a conversation's row says about its messages: kept in step on each message, computed anew where messages moved."""

from datetime import datetime

from django.db.models import Count, Max, Min, Q

from inbox.models import Conversation, Direction, Message, MessageStatus

PREVIEW_LENGTH = 200
# Who answers a customer: a person, by whatever door. A bot's greeting leaves the customer waiting.
ANSWERERS = frozenset({"person", "api", "native"})
SPOKEN = (Direction.IN, Direction.OUT)
# The author of messages that were exchanged elsewhere (inbox.past_messages): nobody waits for an answer to them.
IMPORTED = "imported"


def preview_of(message: Message) -> str:
    """The line of the list: the text without line breaks, else nothing (the screen then names the kind)."""
    return " ".join((message.body or str(message.payload.get("subject", ""))).split())[:PREVIEW_LENGTH]


def count_in(conversation: Conversation, message: Message, *, awaits_answer: bool = True) -> None:
    """Take one new message, received or sent, into the conversation's row, which the caller has locked.

    Messages may arrive in any order: an older one changes neither the line of the list nor who waits. ``awaits_answer`` is false
    for machine mail.
    """
    at = message.occurred_at
    conversation.message_count += 1
    if message.direction == Direction.IN:
        conversation.last_inbound_at = _latest(conversation.last_inbound_at, at)
        if awaits_answer and conversation.waiting_since is None and not _answered_after(conversation, at):
            conversation.waiting_since = at
        elif awaits_answer and conversation.waiting_since is not None:
            conversation.waiting_since = min(conversation.waiting_since, at)
    elif message.author_kind in ANSWERERS and conversation.waiting_since is not None and conversation.waiting_since <= at:
        conversation.waiting_since = None
    if conversation.message_count == 1 or at >= conversation.last_message_at:
        conversation.last_message_at = at
        conversation.preview = preview_of(message)
        conversation.preview_is_ours = message.direction == Direction.OUT
        conversation.profile_id = message.strand.profile_id
        if message.channel_id is not None:
            conversation.channel_id = message.channel_id
    conversation.save()


def _latest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _answers(conversation_id: int) -> Q:
    return Q(strand__conversation=conversation_id, direction=Direction.OUT, author_kind__in=ANSWERERS) & ~Q(status=MessageStatus.FAILED)


def _answered_after(conversation: Conversation, at: datetime) -> bool:
    if conversation.message_count <= 1:
        return False
    return Message.objects.filter(_answers(conversation.pk), occurred_at__gt=at).exists()


def recount(conversation: Conversation) -> None:
    """Compute the row from the messages: after strands moved, or the last message was taken back. The caller has locked it."""
    spoken = Message.objects.filter(strand__conversation=conversation, direction__in=SPOKEN)
    received = Q(direction=Direction.IN) & ~Q(author_kind=IMPORTED)
    figures = spoken.aggregate(
        count=Count("pk"),
        last_inbound=Max("occurred_at", filter=received),
        answered=Max("occurred_at", filter=_answers(conversation.pk)),
    )
    waiting = spoken.filter(received)
    if figures["answered"] is not None:
        waiting = waiting.filter(occurred_at__gt=figures["answered"])
    conversation.message_count = figures["count"]
    conversation.last_inbound_at = figures["last_inbound"]
    conversation.waiting_since = waiting.exclude(payload__has_key="is_automatic").aggregate(first=Min("occurred_at"))["first"]
    last = spoken.select_related("strand").order_by("-occurred_at", "-id").first()
    if last is not None:
        conversation.last_message_at = last.occurred_at
        conversation.preview = preview_of(last)
        conversation.preview_is_ours = last.direction == Direction.OUT
        conversation.profile_id = last.strand.profile_id
        if last.channel_id is not None:
            conversation.channel_id = last.channel_id
    conversation.save()
