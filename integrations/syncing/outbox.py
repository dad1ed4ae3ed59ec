"""What the other systems are still to hear: rows written in the transaction of the change."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F
from django.utils import timezone

from accounts.queueing import enqueue
from contacts.models import Contact, Profile
from integrations.models import Connection, ExternalRecord, SyncOutbox

Kind = SyncOutbox.Kind


def hear_of_changes(sender: Any, *, contact_ids: Iterable[int], **_kwargs: Any) -> None:
    """Contacts changed: ask for a comparison of every record that one of them is, and for a record where one is to be made.

    Registered for ``contacts_changed``; runs inside the transaction of the change.
    """
    wanted = set(contact_ids)
    records = ExternalRecord.scoped().filter(profile__contact__in=wanted, state=ExternalRecord.State.LIVE)
    for record in records.order_by("pk"):
        ask(connection_id=record.connection_id, profile_id=record.profile_id, record_id=record.pk)
    for connection_id in Connection.scoped().filter(creates_there=True).values_list("pk", flat=True):
        known = ExternalRecord.scoped().filter(connection=connection_id, state=ExternalRecord.State.LIVE)
        people = Contact.scoped().filter(pk__in=wanted, is_anonymous=False, is_empty=False, is_erased=False)
        homes = Profile.scoped().filter(home__in=people, contact=F("home"), erased_at=None)
        for profile_id in homes.exclude(contact__in=known.values("profile__contact")).values_list("pk", flat=True):
            ask(connection_id=connection_id, profile_id=profile_id)


def ask(*, connection_id: int, profile_id: int, record_id: int | None = None, kind: str = Kind.PUSH) -> None:
    """Note that one profile is to be compared, and tell a worker. Asked again while it is being said, it will be said again."""
    from integrations.syncing.tasks import say_to_others

    SyncOutbox.objects.bulk_create(
        [SyncOutbox(connection_id=connection_id, profile_id=profile_id, record_id=record_id, kind=kind)], ignore_conflicts=True
    )
    mine = SyncOutbox.scoped().filter(connection=connection_id, profile=profile_id, kind=kind)
    mine.update(asked=F("asked") + 1)
    for row in mine:
        enqueue(say_to_others, account_id=row.account_id, outbox_id=row.pk)


def due() -> Any:
    """What no worker has and whose time has come, of connections that work."""
    return (
        SyncOutbox.scoped()
        .filter(due_at__lte=timezone.now(), connection__paused=False)
        .exclude(connection__state__in=[Connection.State.MISCONFIGURED, Connection.State.BRAKED])
        .order_by("due_at", "pk")
    )
