"""Which conversation a message belongs to, once it is known whose it is."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import Account, Channel
from contacts.models import Profile
from inbox.models import Conversation, ConversationStatus, Message, Strand


def open_profile_on_shared(profile_ids: Collection[int]) -> Profile | None:
    """Of the profiles that use a shared address, the one whose open conversation was active last."""
    strand = (
        Strand.scoped()
        .filter(profile__in=profile_ids, conversation__status=ConversationStatus.OPEN)
        .select_related("profile")
        .order_by("-conversation__last_message_at", "-conversation_id", "-pk")
        .first()
    )
    return strand.profile if strand else None


def choose_conversation(
    *, account: Account, channel: Channel, contact_id: int, occurred_at: datetime, answered: Message | None
) -> Conversation | None:
    """The conversation a message joins, locked; ``None`` when it starts a new one. The caller holds the contact's lock.

    The open one: that of the message it answers, else the one that was active last, on whatever channel (on this one only, where
    the account keeps one per channel). Else the one on this channel that was resolved less than ``reopen_within_hours`` before.
    """
    mine = Conversation.scoped().filter(profile__contact=contact_id).order_by("-last_message_at", "-id")
    here = Strand.scoped().filter(profile__contact=contact_id, profile__channel=channel).values("conversation")
    opened = mine.filter(status=ConversationStatus.OPEN)
    if account.conversation_per_channel:
        opened = opened.filter(pk__in=here)
    if answered is not None and (same := _lock(opened.filter(strands=answered.strand_id))):
        return same
    if (latest := _lock(opened)) is not None:
        return latest
    since = occurred_at - timedelta(hours=account.reopen_within_hours)
    return _lock(mine.filter(pk__in=here, status=ConversationStatus.RESOLVED, resolved_at__gt=since))


def _lock(conversations: QuerySet[Conversation]) -> Conversation | None:
    """The first of them, locked. One that an agent resolves while we wait for the lock is found by the next rule."""
    return conversations.select_for_update(of=("self",)).first()
