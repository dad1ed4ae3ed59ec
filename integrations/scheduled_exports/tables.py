"""The tables of a scheduled export: those of an export by hand, and one row for each conversation; all, or what changed in a window.

Changes are found by when they were written, not by when they happened. What is written in a transaction that is not over yet comes
with the next run, whose window begins a little before this one's end: a row may come twice and is told by its id.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from consent.models import ConsentEvent
from contacts.models import Contact, Identifier, Profile
from contacts.queries import visible_contacts
from inbox.models import Conversation, Direction, Message
from integrations.exporting import tables
from integrations.exporting.tables import Row
from integrations.models.scheduled_exports import ScheduledExport

Since = datetime | None
CONVERSATIONS = {
    "conversation": "text",
    "hilo_contact": "int",
    "channel": "text",
    "status": "text",
    "assignee": "text",
    "subject": "text",
    "messages": "int",
    "created_at": "moment",
    "last_message_at": "moment",
    "resolved_at": "moment",
}
GONE = {"hilo_contact": "int", "reason": "text", "into": "int", "at": "moment"}


@dataclass(frozen=True)
class Table:
    """``key`` names the column by which a later row takes the place of an earlier one."""

    columns: Mapping[str, str]
    key: str
    rows: Callable[[Since, datetime], Iterator[list[Row]]]


def _changed_contacts(since: datetime, until: datetime) -> set[int]:
    """Contacts about whom anything was written in the window: by their history, which misses nothing that the table shows."""
    window: dict[str, Any] = {"history_date__gte": since, "history_date__lt": until}
    profiles = set(Identifier.history.filter(**window).values_list("profile_id", flat=True))
    found = set(Profile.scoped().filter(pk__in=profiles).values_list("contact_id", flat=True))
    found |= set(Profile.history.filter(**window).values_list("contact_id", flat=True))
    return found | set(Contact.history.filter(**window).values_list("id", flat=True))


def _contacts(since: Since, until: datetime) -> Iterator[list[Row]]:
    shown = visible_contacts().filter(is_erased=False)
    return tables.contact_rows(shown if since is None else shown.filter(pk__in=_changed_contacts(since, until)))


def _messages(since: Since, until: datetime) -> Iterator[list[Row]]:
    shown = tables.spoken_messages().filter(created_at__lt=until)
    if since is not None:
        shown = shown.filter(Q(created_at__gte=since) | Q(edited_at__gte=since))
    return tables.message_rows(shown)


def _consents(since: Since, until: datetime) -> Iterator[list[Row]]:
    shown = ConsentEvent.scoped().filter(recorded_at__lt=until)
    return tables.consent_rows(shown if since is None else shown.filter(recorded_at__gte=since))


def _conversations(since: Since, until: datetime) -> Iterator[list[Row]]:
    shown = Conversation.scoped().filter(created_at__lt=until)
    if since is not None:
        # Whatever becomes of a conversation leaves a line in its thread.
        told = Message.scoped().filter(created_at__gte=since).values("strand__conversation")
        shown = shown.filter(Q(created_at__gte=since) | Q(pk__in=told))
    for lot in tables.lots(shown.select_related("profile", "channel", "assignee__user")):
        yield [_conversation_row(each) for each in lot]


def _conversation_row(conversation: Conversation) -> Row:
    return {
        "conversation": str(conversation.pk),
        "hilo_contact": conversation.profile.contact_id,
        "channel": conversation.channel.kind,
        "status": conversation.status,
        "assignee": str(conversation.assignee or ""),
        "subject": conversation.subject,
        "messages": conversation.message_count,
        "created_at": conversation.created_at,
        "last_message_at": conversation.last_message_at,
        "resolved_at": conversation.resolved_at,
    }


def gone(since: Since, until: datetime) -> Iterator[list[Row]]:
    """Contacts that whoever read earlier files has to take out: erased ones, and those that were merged into another."""
    erased = Profile.scoped().filter(contact__is_erased=True, erased_at__isnull=False)
    if since is not None:
        erased = erased.filter(erased_at__gte=since)
    for lot in tables.lots(erased):
        yield [
            {"hilo_contact": pk, "reason": "erased", "into": None, "at": profile.erased_at}
            for profile in lot
            for pk in {profile.contact_id, profile.home_id or profile.contact_id}
        ]
    emptied = Profile.scoped().filter(home__is_empty=True, erased_at=None)
    if since is not None:
        emptied = emptied.filter(home__in=_changed_contacts(since, until))
    for lot in tables.lots(emptied):
        yield [{"hilo_contact": each.home_id, "reason": "merged", "into": each.contact_id, "at": None} for each in lot]


Name = ScheduledExport.Table
TABLES: dict[str, Table] = {
    Name.CONTACTS: Table(tables.PEOPLE, "hilo_id", _contacts),
    Name.CONVERSATIONS: Table(CONVERSATIONS, "conversation", _conversations),
    Name.MESSAGES: Table({**tables.MESSAGES, "hilo_message": "int"}, "hilo_message", _messages),
    Name.CONSENTS: Table({**tables.CONSENTS, "hilo_event": "int"}, "hilo_event", _consents),
}
__all__ = ["GONE", "TABLES", "Direction", "Table", "gone"]
