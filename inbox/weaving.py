"""Keep conversations whole when profiles change contact: every conversation belongs to one contact."""

from collections import defaultdict
from typing import Any

from django.db.models import Count

from accounts.actors import SYSTEM, Actor
from accounts.scope import current_account_id
from contacts.models import MergeEvent
from inbox.announcements import ConversationChange, announce_conversation
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.models import Conversation, Strand
from inbox.thread_events import EventKind, tell_thread

NAMED_ONE_BY_ONE = 20


def split_conversations(sender: Any, *, profile_ids: list[int], event: MergeEvent | None = None, **_kwargs: Any) -> None:
    """Split each conversation that is woven of profiles of several contacts, by moving strands.

    Runs inside the transaction that moved the profiles. The contact that was left keeps the conversation; each other gets a new one
    with the same assignee and status. Messages, notes and their times stay on their strands.
    """
    touched = Strand.scoped().filter(profile__in=profile_ids).values("conversation")
    # Nearly all are of one contact as before: a long history costs what a short one does.
    people = Count("profile__contact", distinct=True)
    woven = Strand.scoped().filter(conversation__in=touched).values("conversation").annotate(people=people).filter(people__gt=1)
    for conversation in Conversation.scoped().select_for_update().filter(pk__in=woven.values("conversation")).order_by("pk"):
        by_contact: dict[int, list[Strand]] = defaultdict(list)
        for strand in Strand.scoped().filter(conversation=conversation).select_related("profile__contact").order_by("pk"):
            by_contact[strand.profile.contact_id].append(strand)
        if len(by_contact) < 2:
            continue
        staying = _staying_contact(conversation, by_contact, set(profile_ids))
        former_name = str(by_contact[staying][0].profile.contact)
        for contact_id, strands in by_contact.items():
            if contact_id != staying:
                _split_off(conversation, strands, former_name=former_name, event=event)
        conversation.profile = by_contact[staying][-1].profile
        recount(conversation)
        _tell_separated(by_contact[staying][-1], other=next(s[0] for c, s in by_contact.items() if c != staying), event=event)
        tell_account(conversation.account_id, "conversation", conversation=conversation.pk)


def _staying_contact(conversation: Conversation, by_contact: dict[int, list[Strand]], moved: set[int]) -> int:
    for contact_id, strands in by_contact.items():
        if any(strand.profile_id not in moved for strand in strands):
            return contact_id
    return next(c for c, strands in by_contact.items() if any(s.profile_id == conversation.profile_id for s in strands))


def _split_off(conversation: Conversation, strands: list[Strand], *, former_name: str, event: MergeEvent | None) -> None:
    new = Conversation.objects.create(
        profile=strands[-1].profile,
        channel_id=conversation.channel_id,
        status=conversation.status,
        assignee_id=conversation.assignee_id,
        subject=conversation.subject,
        resolved_at=conversation.resolved_at,
        last_message_at=conversation.last_message_at,
        split_from=conversation,
    )
    Strand.scoped().filter(pk__in=[strand.pk for strand in strands]).update(conversation=new)
    recount(new)
    tell_thread(strand=strands[-1], kind=EventKind.SEPARATED, by=_actor(event), name=former_name, conversation=conversation.pk)
    announce_conversation(new, ConversationChange.CREATED)
    tell_account(new.account_id, "conversation", conversation=new.pk)


def _tell_separated(strand: Strand, *, other: Strand, event: MergeEvent | None) -> None:
    tell_thread(
        strand=strand, kind=EventKind.SEPARATED, by=_actor(event), name=str(other.profile.contact), conversation=other.conversation_id
    )


def _actor(event: MergeEvent | None) -> Actor:
    if event is None:
        return SYSTEM
    return Actor(kind=event.actor_kind, name=event.actor_name, membership=event.membership)


def tell_of_contacts(sender: Any, *, contact_ids: list[int], **_kwargs: Any) -> None:
    """Tell open screens which people changed; of very many at once (an import), that some did."""
    if len(contact_ids) > NAMED_ONE_BY_ONE:
        tell_account(current_account_id(), "contact", contact=None)
        return
    for contact_id in contact_ids:
        tell_account(current_account_id(), "contact", contact=contact_id)
