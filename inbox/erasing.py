"""Destroy a person's part of the conversations: messages, files, receipts, and the stored events that they came in."""

from collections.abc import Collection

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from accounts.redacting import ERASED, redact_json
from accounts.scope import current_account_id
from contacts.erasers import Person, Report
from contacts.models import Contact
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.models import Attachment, BotSession, Conversation, Direction, InboundEvent, Message, StatusReceipt, Strand

# Whoever reads the report looks at these messages; more than this says as much.
MOST_MENTIONS = 500
# An event that waits is about to become a message; it is left to that.
SETTLED = (InboundEvent.State.PROCESSED, InboundEvent.State.PARTLY, InboundEvent.State.UNREADABLE, InboundEvent.State.FAILED)
EVENTS = """
UPDATE inbox_inboundevent SET body = '', context = '{"erased": true}', error = ''
WHERE account_id = %s AND state = ANY(%s) AND body <> ''
  AND EXISTS (SELECT FROM unnest(%s::bytea[]) AS word WHERE position(word IN body) > 0)
"""


def forget_conversations(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``. Other people's messages stay as they are; those that name the person are listed."""
    strands = list(Strand.scoped().filter(profile__in=person.profile_ids))
    conversations = list(
        Conversation.scoped().select_for_update().filter(pk__in={strand.conversation_id for strand in strands}).order_by("pk")
    )
    _forget_messages([strand.pk for strand in strands], person, report)
    BotSession.scoped().filter(profile__in=person.profile_ids).delete()
    Strand.scoped().filter(pk__in=[strand.pk for strand in strands]).delete()
    for conversation in conversations:
        _close_up(conversation, report)
    report.removed["stored_events"] += _forget_events(person)
    _forget_names(person, {conversation.pk for conversation in conversations}, report)
    report.mentions += _mentions(person)
    report.kept["drafts"] = "Drafts that agents have not sent live in their own browsers."


def _forget_messages(strand_ids: Collection[int], person: Person, report: Report) -> None:
    mine = Message.scoped().filter(strand__in=strand_ids)
    files = [row.file for row in Attachment.scoped().filter(message__in=mine) if row.file]
    for file in files:
        transaction.on_commit(lambda file=file: file.storage.delete(file.name))  # type: ignore[misc]
    report.removed["files"] += len(files)
    receipts = StatusReceipt.scoped()
    report.removed["receipts"] += receipts.filter(recipient__in=person.values).delete()[0]
    sent = mine.filter(direction=Direction.OUT).exclude(provider_id="")
    ours = sent.filter(channel=OuterRef("channel"), provider_id=OuterRef("provider_id"))
    report.removed["receipts"] += receipts.filter(Exists(ours)).delete()[0]
    report.removed["messages"] += mine.exclude(direction=Direction.EVENT).count()
    mine.delete()


def _close_up(conversation: Conversation, report: Report) -> None:
    """Without its strands the conversation is gone, or goes on as that of the others."""
    rest = Strand.scoped().filter(conversation=conversation).order_by("-pk").first()
    if rest is None:
        report.removed["conversations"] += 1
        tell_account(conversation.account_id, "conversation", conversation=conversation.pk)
        conversation.delete()
        return
    conversation.profile_id = rest.profile_id
    # Nobody can tell any more whose words these were.
    conversation.subject = conversation.preview = ""
    recount(conversation)
    tell_account(conversation.account_id, "conversation", conversation=conversation.pk)


def _forget_events(person: Person) -> int:
    """Empty the stored bytes that name one of the person's addresses. What they held of others was made into messages long since."""
    words = {value.encode() for value in person.values if len(value) > 4}
    words |= {value.removeprefix("+").encode() for value in person.values if value.startswith("+")}
    if not words:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [current_account_id(), [state.value for state in SETTLED], sorted(words)])
        return cursor.rowcount


def _forget_names(person: Person, conversation_ids: Collection[int], report: Report) -> None:
    """Events in the threads of others tell who was joined or separated, by name."""
    events = Message.scoped().filter(direction=Direction.EVENT)
    about = Q(payload__profile__in=list(person.profile_ids)) | Q(payload__contact__in=list(person.contact_ids))
    about |= Q(payload__conversation__in=list(conversation_ids))
    names = set(Contact.scoped().filter(pk__in=person.contact_ids).values_list("name", flat=True)) | person.names | person.values
    report.removed["thread_events"] += redact_json(events.filter(about), "payload", names - {"", ERASED})


def _mentions(person: Person) -> list[dict[str, int]]:
    """Messages of others that contain one of the person's addresses."""
    said = Q()
    for value in person.values:
        if len(value) > 4:
            said |= Q(body__icontains=value)
    if not said:
        return []
    found = Message.scoped().filter(said).order_by("pk").values_list("pk", "strand__conversation_id")
    return [{"message": pk, "conversation": conversation} for pk, conversation in found[:MOST_MENTIONS]]
