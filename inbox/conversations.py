"""What people do with a conversation: each function is one write, with its audit entry, its event and its live update."""

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Membership
from accounts.roles import Ability, require
from contacts.locks import hold
from contacts.models import Profile
from inbox.announcements import ConversationChange, announce_conversation
from inbox.filing import Filing
from inbox.live_updates import conversation_group, tell_account, tell_group
from inbox.models import Conversation, ConversationStatus, Direction, Message, ReadMark, Strand
from inbox.thread_events import EventKind, tell_thread

# Of the key a screen makes for a note.
KEY_LENGTH = 80


def lock_conversation(conversation_id: int) -> Conversation:
    """The row, locked until the transaction ends. Raises ``Conversation.DoesNotExist``."""
    return Conversation.scoped().select_for_update().get(pk=conversation_id)


def hold_conversation(conversation_id: int, *profile_ids: int) -> Conversation:
    """Like ``lock_conversation``, with the contact of the conversation (and those of further profiles) held before it.

    For writers that touch profiles too: receiving takes the locks in this order.
    """
    of_conversation = Conversation.scoped().filter(pk=conversation_id).values("profile")

    def find() -> dict[int, int]:
        wanted = Profile.scoped().filter(Q(pk__in=of_conversation) | Q(pk__in=profile_ids))
        return dict(wanted.values_list("pk", "contact_id"))

    hold(find, contacts_of=lambda found: found)
    return lock_conversation(conversation_id)


def lock_conversation_of(strand_id: int) -> Conversation:
    """Like ``lock_conversation``, for a strand's, which a separation may be moving right now.

    Whoever locks a conversation and its messages or outbox rows locks the conversation first.
    """
    while True:
        conversation_id = Strand.scoped().values_list("conversation_id", flat=True).get(pk=strand_id)
        locked = lock_conversation(conversation_id)
        if Strand.scoped().filter(pk=strand_id, conversation=conversation_id).exists():
            return locked


def current_strand(conversation: Conversation) -> Strand:
    """The strand of the profile that was active last: what agents do in the conversation goes there."""
    return Strand.scoped().get_or_create(conversation=conversation, profile_id=conversation.profile_id)[0]


def _tell(conversation: Conversation) -> None:
    tell_account(conversation.account_id, "conversation", conversation=conversation.pk)


@transaction.atomic
def assign(*, conversation: Conversation, to: Membership, by: Actor) -> Conversation:
    """Give the conversation to one member and tell open screens. Raises ``ValidationError`` for a member who left."""
    locked = lock_conversation(conversation.pk)
    require(by, Ability.WORK_CONVERSATIONS)
    if not Membership.scoped().filter(pk=to.pk, is_active=True).exists():
        raise ValidationError(_("This person no longer works in this account."))
    if locked.assignee_id == to.pk:
        return locked
    locked.assignee = to
    locked.save(update_fields=["assignee"])
    record(actor=by, action="conversation.assign", target=locked, to=to.pk)
    tell_thread(strand=current_strand(locked), kind=EventKind.ASSIGNED, by=by, to=str(to), membership=to.pk)
    announce_conversation(locked, ConversationChange.ASSIGNED)
    _tell(locked)
    return locked


@transaction.atomic
def unassign(*, conversation: Conversation, by: Actor) -> Conversation:
    """Put the conversation back where anybody may take it."""
    locked = lock_conversation(conversation.pk)
    require(by, Ability.WORK_CONVERSATIONS)
    if locked.assignee_id is None:
        return locked
    locked.assignee = None
    locked.save(update_fields=["assignee"])
    record(actor=by, action="conversation.unassign", target=locked)
    tell_thread(strand=current_strand(locked), kind=EventKind.UNASSIGNED, by=by)
    announce_conversation(locked, ConversationChange.ASSIGNED)
    _tell(locked)
    return locked


@transaction.atomic
def resolve(*, conversation: Conversation, by: Actor) -> Conversation:
    """Close the matter. A message within the account's ``reopen_within_hours`` opens it again."""
    locked = lock_conversation(conversation.pk)
    require(by, Ability.WORK_CONVERSATIONS)
    if locked.status == ConversationStatus.RESOLVED:
        return locked
    locked.status = ConversationStatus.RESOLVED
    locked.resolved_at = timezone.now()
    locked.waiting_since = None
    locked.asks_who = False
    locked.save(update_fields=["status", "resolved_at", "waiting_since", "asks_who"])
    record(actor=by, action="conversation.resolve", target=locked)
    tell_thread(strand=current_strand(locked), kind=EventKind.RESOLVED, by=by)
    announce_conversation(locked, ConversationChange.RESOLVED)
    _tell(locked)
    return locked


@transaction.atomic
def reopen(*, conversation: Conversation, by: Actor) -> Conversation:
    """Open a resolved matter again."""
    locked = lock_conversation(conversation.pk)
    require(by, Ability.WORK_CONVERSATIONS)
    if locked.status == ConversationStatus.OPEN:
        return locked
    reopen_locked(locked, by=by)
    record(actor=by, action="conversation.reopen", target=locked)
    _tell(locked)
    return locked


def reopen_locked(locked: Conversation, *, by: Actor) -> None:
    """The change itself, for writers that hold the row: an agent, or a new message."""
    locked.status = ConversationStatus.OPEN
    locked.resolved_at = None
    locked.save(update_fields=["status", "resolved_at"])
    tell_thread(strand=current_strand(locked), kind=EventKind.REOPENED, by=by)
    announce_conversation(locked, ConversationChange.REOPENED)


def add_note(*, conversation: Conversation, body: str, by: Actor, files: Sequence[File] = (), client_key: str = "") -> Message:
    """Write an internal note: nobody outside ever receives it. Raises ``ValidationError`` when there is nothing in it.

    ``client_key`` is made by the writer's screen for each note: with the same one again, the note that is there is given back.
    """
    with Filing() as filing, transaction.atomic():
        locked = lock_conversation(conversation.pk)
        require(by, Ability.WORK_CONVERSATIONS)
        kept_key = client_key.replace("\x00", "")[:KEY_LENGTH]
        if kept_key and (there := _note_with(kept_key, locked)):
            return there
        if not body.strip() and not files:
            raise ValidationError(_("Write something first."))
        note = Message.objects.create(
            strand=current_strand(locked),
            direction=Direction.NOTE,
            kind="note",
            body=body.strip(),
            author=by.membership,
            author_kind=by.kind,
            occurred_at=timezone.now(),
            payload={"client_key": kept_key} if kept_key else {},
        )
        filing.store_ours(note, files)
        tell_account(locked.account_id, "message", conversation=locked.pk, message=note.pk)
    return note


def _note_with(client_key: str, conversation: Conversation) -> Message | None:
    notes = Message.scoped().filter(strand__conversation=conversation, direction=Direction.NOTE)
    return notes.filter(payload__client_key=client_key).first()


@transaction.atomic
def mark_read(*, conversation: Conversation, membership: Membership) -> None:
    """The member has seen what came in so far. Nobody else's marks change."""
    fresh = Conversation.scoped().get(pk=conversation.pk)
    _set_mark(fresh, membership, fresh.last_inbound_at or timezone.now())
    told = {"type": "conversation.update", "kind": "read"}
    transaction.on_commit(functools.partial(tell_group, conversation_group(fresh.pk), told))


@transaction.atomic
def mark_unread(*, conversation: Conversation, membership: Membership) -> None:
    """Show the last message from outside as unread again, to this member only."""
    fresh = Conversation.scoped().get(pk=conversation.pk)
    if fresh.last_inbound_at is not None:
        _set_mark(fresh, membership, fresh.last_inbound_at - timedelta(microseconds=1))


def _set_mark(conversation: Conversation, membership: Membership, read_at: datetime) -> None:
    ReadMark.objects.bulk_create(
        [ReadMark(conversation=conversation, membership=membership, read_at=read_at)],
        update_conflicts=True,
        unique_fields=["account", "membership", "conversation"],
        update_fields=["read_at"],
    )
