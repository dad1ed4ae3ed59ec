"""Webhooks of other systems: kept as notes that a record is to be read again, and read soon afterwards.

What a webhook says of a record is not believed: webhooks come late, twice and in any order. The record itself is read and taken in as
one of any other page, under the same brake. What is told twice before it was read is read once.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.queueing import back_off, enqueue
from accounts.tenancy import TenantQuerySet
from integrations.crm.contract import HearsHooks, Misconfigured, Notice, Page, RemoteRecord, Retry
from integrations.models import ChangeNotice, Connection
from integrations.syncing.brake import Brake, Braked
from integrations.syncing.opening import Desk, open_desk
from integrations.syncing.pulling import State, stop, take_page

# What one batch reads.
TOGETHER = 100
# Longer than a batch takes.
HELD = timedelta(seconds=120)
# A person is said to be erased there and the record still stands: so often it is looked at again, for five minutes in all.
LOOKS_FOR_ERASURE = 6


@transaction.atomic
def note(*, connection: Connection, notices: Sequence[Notice]) -> None:
    """Keep what a webhook named, and tell a worker."""
    from integrations.syncing.tasks import read_what_webhooks_named

    now = timezone.now()
    Connection.scoped().filter(pk=connection.pk).update(heard_at=now)
    if not notices:
        return
    ordered = sorted(notices, key=lambda each: each.external_id)
    ChangeNotice.objects.bulk_create(
        [ChangeNotice(connection=connection, external_id=each.external_id) for each in ordered], ignore_conflicts=True
    )
    mine = ChangeNotice.scoped().filter(connection=connection, external_id__in=[each.external_id for each in ordered])
    mine.update(asked=F("asked") + 1, attempts=0, due_at=now)
    mine.filter(external_id__in=[each.external_id for each in ordered if each.is_erasure]).update(is_erasure=True)
    enqueue(read_what_webhooks_named, account_id=connection.account_id, connection_id=connection.pk)


def work(*, connection_id: int) -> int | None:
    """Read what waits; how many records that were, ``None`` where the connection is not working. Safe to run twice and at once."""
    connection = _working().filter(pk=connection_id).first()
    if connection is None:
        return None
    try:
        return read_noticed(open_desk(connection))
    except Braked as error:
        stop(connection, State.BRAKED, str(error))
    except Misconfigured as error:
        stop(connection, State.MISCONFIGURED, str(error))
    except Retry:
        pass  # They are due again later.
    return None


def read_noticed(desk: Desk) -> int:
    """Read the records that webhooks named, and take them in. Raises ``Braked``, ``Misconfigured`` and ``Retry``; then they wait."""
    connector, brake, count = desk.connector, Brake.of(desk.connection), 0
    if not isinstance(connector, HearsHooks):
        return 0
    while rows := _claim(desk.connection):
        try:
            found = connector.read_several([row.external_id for row in rows])
            records = [_as_noticed(desk, row, found.get(row.external_id)) for row in rows]
            # Survivors before those that were merged into them.
            take_page(desk, Page(sorted(records, key=lambda each: bool(each.merged_into)), cursor=""), brake)
        except Exception as error:
            wait = timedelta(seconds=getattr(error, "after", 0)) or back_off(rows[0].attempts + 1)
            _rows(rows).update(due_at=timezone.now() + wait, attempts=F("attempts") + 1)
            raise
        for row in rows:
            _done_with(row, is_there=not _is_gone(found.get(row.external_id)))
        count += len(rows)
    return count


def _as_noticed(desk: Desk, row: ChangeNotice, found: RemoteRecord | None) -> RemoteRecord:
    if found is not None and not _is_gone(found):
        return found
    return RemoteRecord(desk.object_type, row.external_id, is_deleted=True, is_erased=row.is_erasure)


def _is_gone(found: RemoteRecord | None) -> bool:
    return found is None or found.is_deleted


def _claim(connection: Connection) -> list[ChangeNotice]:
    with transaction.atomic():
        due = ChangeNotice.objects.select_for_update(skip_locked=True).filter(connection=connection, due_at__lte=timezone.now())
        rows = list(due.order_by("due_at", "pk")[:TOGETHER])
        _rows(rows).update(due_at=timezone.now() + HELD)
    return rows


def _done_with(row: ChangeNotice, *, is_there: bool) -> None:
    """Named again meanwhile, it is read again; said to be erased and still there, it is looked at once more."""
    mine = ChangeNotice.scoped().filter(pk=row.pk)
    if row.is_erasure and is_there and row.attempts < LOOKS_FOR_ERASURE:
        mine.update(due_at=timezone.now() + back_off(row.attempts + 1), attempts=F("attempts") + 1)
    elif not mine.filter(asked=row.asked).delete()[0]:
        mine.update(due_at=timezone.now())


def _rows(rows: Sequence[ChangeNotice]) -> TenantQuerySet[ChangeNotice]:
    return ChangeNotice.scoped().filter(pk__in=[row.pk for row in rows])


def _working() -> TenantQuerySet[Connection]:
    """Connections that may be asked: before the first back-fill nothing is, it brings everything."""
    return Connection.scoped().filter(paused=False).exclude(state__in=[State.MISCONFIGURED, State.BRAKED]).exclude(cursor="")


def due() -> Any:
    """Connections of which something named by a webhook waits that is due."""
    waiting = ChangeNotice.scoped().filter(due_at__lte=timezone.now())
    return _working().filter(pk__in=waiting.values("connection")).values_list("pk", flat=True)
