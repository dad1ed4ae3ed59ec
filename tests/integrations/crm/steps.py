"""Short words for the engine's tests: what a worker does, done at once."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.actors import SYSTEM
from contacts.models import Contact, Identifier
from integrations.models import Connection, ExternalRecord, SyncOutbox, SyncRun
from integrations.syncing import back_filling, pulling, pushing


def fill(connection: Connection, kind: str = "back_fill") -> SyncRun:
    """A whole back-fill, or its rehearsal."""
    run = back_filling.ask(connection=connection, kind=kind, by=SYSTEM)
    back_filling.work(run_id=run.pk)
    run.refresh_from_db()
    return run


def hear(connection: Connection) -> int | None:
    """Ask for changes now."""
    Connection.scoped().filter(pk=connection.pk).update(next_pull_at=timezone.now() - timedelta(seconds=1), held_until=None)
    return pulling.pull(connection_id=connection.pk)


def say(connection: Connection | None = None) -> int:
    """Say everything that waits, whenever it is due; how many rows there were."""
    rows = SyncOutbox.scoped().order_by("pk")
    if connection is not None:
        rows = rows.filter(connection=connection)
    ids = list(rows.values_list("pk", flat=True))
    SyncOutbox.scoped().filter(pk__in=ids).update(due_at=timezone.now() - timedelta(seconds=1))
    for pk in ids:
        pushing.say(outbox_id=pk)
    return len(ids)


def settle_down(*connections: Connection, rounds: int = 6) -> int:
    """Hear and say until nothing moves any more; how many rounds that took. Fails when it never ends."""
    for number in range(rounds):
        for connection in connections:
            hear(connection)
        if not say() and number:
            return number
    raise AssertionError("It never comes to rest")


def record_of(connection: Connection, external_id: str) -> ExternalRecord:
    return ExternalRecord.scoped().select_related("profile__contact").get(connection=connection, external_id=external_id)


def person(connection: Connection, external_id: str) -> Contact:
    """Whoever the record is here."""
    return Contact.scoped().get(pk=record_of(connection, external_id).profile.contact_id)


def shown(contact: Contact) -> dict[str, Any]:
    """The contact in the words of ``Other.values``."""
    fields = Contact.scoped().get(pk=contact.pk).fields
    emails = Identifier.scoped().filter(profile__contact=contact.pk, kind="email", valid_to=None).values_list("value", flat=True)
    value = {name: fields[name]["value"] if name in fields else None for name in ("name", "city")}
    return {**value, "emails": sorted(set(emails))}
