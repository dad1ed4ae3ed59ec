"""Messages that were exchanged elsewhere, kept here to be read: nobody sends them, answers them or is told of them.

They name no channel and no address of ours, so they open no service window and count for no answering time; what they were said on
is kept as text. Their conversations are resolved from the first. Nothing hears them: neither the bot nor words about consent.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Channel, Membership
from contacts.locks import StillMoving
from contacts.models import Profile
from inbox.counters import IMPORTED, preview_of, recount
from inbox.live_updates import tell_account
from inbox.models import Conversation, ConversationStatus, Direction, Message, MessageStatus, Strand
from inbox.searching import words_of
from inbox.storable import storable


@dataclass(frozen=True)
class PastMessage:
    """``author_name``: who wrote it, where no member did. ``said_on``: what channel it was, in the other system's words."""

    direction: str
    occurred_at: datetime
    body: str
    subject: str = ""
    author: Membership | None = None
    author_name: str = ""
    said_on: str = ""


def open_past(*, profile: Profile, channel: Channel, subject: str, at: datetime) -> Strand:
    """A resolved conversation of the profile's person. ``channel`` is the one on which it would be gone on with."""
    conversation = Conversation.objects.create(
        profile=profile,
        channel=channel,
        subject=storable(subject)[:300],
        status=ConversationStatus.RESOLVED,
        last_message_at=at,
        resolved_at=at,
    )
    return Strand.objects.create(conversation=conversation, profile=profile)


def hold_strands(strand_ids: Collection[int]) -> dict[int, Strand]:
    """The strands with their conversations, which nobody splits until the transaction ends. Raises ``StillMoving``."""
    strands = {strand.pk: strand for strand in Strand.scoped().filter(pk__in=strand_ids)}
    ids = {strand.conversation_id for strand in strands.values()}
    held = {each.pk: each for each in Conversation.scoped().select_for_update().filter(pk__in=ids).order_by("pk")}
    if dict(Strand.scoped().filter(pk__in=strand_ids).values_list("pk", "conversation_id")) != {
        pk: strand.conversation_id for pk, strand in strands.items()
    }:
        raise StillMoving
    for strand in strands.values():
        strand.conversation = held[strand.conversation_id]
    return strands


def write_past(said: Mapping[int, Sequence[PastMessage]], *, strands: Mapping[int, Strand], cause: str) -> dict[int, list[Message]]:
    """Write the messages of each strand (by id), whose conversation the caller holds. Gives them in the order in which they were given."""
    written = {pk: [_message(strands[pk], each, cause) for each in messages] for pk, messages in said.items()}
    Message.objects.bulk_create([message for messages in written.values() for message in messages])
    touched: dict[int, Conversation] = {}
    for pk, messages in written.items():
        # Two strands may be of one conversation.
        conversation = touched.setdefault(strands[pk].conversation_id, strands[pk].conversation)
        for message in messages:
            _count_in(conversation, message)
    fields = ["message_count", "last_message_at", "preview", "preview_is_ours", "resolved_at"]
    Conversation.objects.bulk_update(touched.values(), fields)
    return written


def _message(strand: Strand, said: PastMessage, cause: str) -> Message:
    told = {"cause": cause, "author": said.author_name[:120], "channel": said.said_on[:40]}
    subject = storable(said.subject)
    return Message(
        strand=strand,
        direction=said.direction,
        body=storable(said.body),
        payload=storable({"subject": subject, "imported": told} if subject else {"imported": told}),
        author=said.author,
        author_kind=IMPORTED,
        status=MessageStatus.SENT if said.direction == Direction.OUT else MessageStatus.RECEIVED,
        occurred_at=said.occurred_at,
        words=words_of(subject, said.body),
    )


def _count_in(conversation: Conversation, message: Message) -> None:
    if message.direction == Direction.NOTE:
        return
    conversation.message_count += 1
    if conversation.message_count == 1 or message.occurred_at >= conversation.last_message_at:
        conversation.last_message_at = message.occurred_at
        conversation.preview = preview_of(message)
        conversation.preview_is_ours = message.direction == Direction.OUT
        if conversation.status == ConversationStatus.RESOLVED and (conversation.resolved_at or message.occurred_at) < message.occurred_at:
            conversation.resolved_at = message.occurred_at


def remove_past(message_ids: Collection[int]) -> Counter[str]:
    """Take imported messages away, and every conversation in which nobody else said or noted anything.

    Counts ``messages``, ``conversations`` and ``conversations_kept``. The caller holds the contacts of their strands.
    """
    mine = Message.scoped().filter(pk__in=message_ids, author_kind=IMPORTED)
    strands = set(mine.values_list("strand_id", flat=True))
    ids = set(Strand.scoped().filter(pk__in=strands).values_list("conversation_id", flat=True))
    held = list(Conversation.scoped().select_for_update().filter(pk__in=ids).order_by("pk"))
    counts: Counter[str] = Counter(messages=mine.count())
    mine.delete()
    left = Message.scoped().filter(strand__conversation__in=ids).exclude(direction=Direction.EVENT)
    speaking: dict[int, set[bool]] = {}
    for conversation_id, author_kind in left.values_list("strand__conversation_id", "author_kind"):
        speaking.setdefault(conversation_id, set()).add(author_kind == IMPORTED)
    for conversation in held:
        tell_account(conversation.account_id, "conversation", conversation=conversation.pk)
        if conversation.pk in speaking:
            recount(conversation)
            # With its last imported message it is known that it stays.
            counts["conversations_kept"] += speaking[conversation.pk] == {False}
            continue
        Message.scoped().filter(strand__conversation=conversation).delete()
        Strand.scoped().filter(conversation=conversation).delete()
        conversation.delete()
        counts["conversations"] += 1
    return counts
