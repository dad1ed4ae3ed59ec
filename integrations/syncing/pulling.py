"""Ask the other system what changed, and take it in: page by page, the cursor kept after what it covers."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.queueing import back_off
from contacts.models import Profile
from integrations.crm.contract import Misconfigured, Page, Permanent, RemoteRecord, Retry
from integrations.models import Connection, DeadLetter, ExternalRecord
from integrations.syncing import reconciling
from integrations.syncing.brake import Brake, Braked
from integrations.syncing.dead_letters import Place, bury, dig_up
from integrations.syncing.erasing import gone_there
from integrations.syncing.opening import Desk, open_desk
from integrations.syncing.taking import MissingSurvivor, Outcome, lock_record, take

log = structlog.get_logger("hilo.syncing")
State = Connection.State
# Longer than a page takes. A worker that dies holds the connection for so long.
HELD = timedelta(seconds=120)
DEEPEST_CHAIN = 10
# One failure may be a restart; after so many somebody should know.
FAILURES_TO_TELL = 2
# How many known records are looked up per run in systems that do not tell what was deleted.
LOOKED_UP = 200


def pull(*, connection_id: int) -> int | None:
    """Take in what changed since the cursor; how many records were read, ``None`` where it is not time or another worker does it."""
    from integrations.syncing.noticing import read_noticed

    now = timezone.now()
    free = Q(held_until=None) | Q(held_until__lt=now)
    mine = Connection.scoped().filter(free, pk=connection_id, paused=False, next_pull_at__lte=now).exclude(cursor="")
    mine = mine.exclude(state__in=[State.MISCONFIGURED, State.BRAKED])
    if not mine.update(held_until=now + HELD):
        return None
    connection = Connection.scoped().get(pk=connection_id)
    desk = open_desk(connection)
    count = 0
    try:
        brake = Brake.of(connection)
        if reconciling.is_due(desk):
            _reconcile(desk, brake)
        read_noticed(desk)
        count = _pages(desk, brake)
        if not desk.connector.tells_deletions_for:
            _look_for_gone(desk, brake)
    except Braked as error:
        stop(connection, State.BRAKED, str(error))
    except Misconfigured as error:
        stop(connection, State.MISCONFIGURED, str(error))
    except Retry as error:
        wait_longer(connection, error)
    except Permanent as error:
        # The question itself was refused, not a record: somebody has to know, and it may be theirs to put right.
        wait_longer(connection, Retry(str(error)))
    else:
        is_well(connection)
    finally:
        Connection.scoped().filter(pk=connection_id).update(held_until=None)
    return count


def _pages(desk: Desk, brake: Brake) -> int:
    connection, count = desk.connection, 0
    before: Page | None = None
    while True:
        page = next_page(desk, connection.cursor, before=before)
        before = page
        count += take_page(desk, page, brake)
        connection.cursor = page.cursor
        Connection.scoped().filter(pk=connection.pk).update(cursor=page.cursor, pulled_at=timezone.now(), held_until=timezone.now() + HELD)
        if not page.has_more:
            Connection.scoped().filter(pk=connection.pk, brake_lifted=True).update(brake_lifted=False)
            return count


def next_page(desk: Desk, cursor: str, *, before: Page | None) -> Page:
    """The page behind the cursor. Raises ``Misconfigured`` where it is the one before once more, with yet another to follow: an interface
    that does not understand which page is asked for would be asked for ever."""
    page = desk.connector.changes(cursor)
    if page.has_more and before is not None and (page.cursor == cursor or _is_again(page, before)):
        raise Misconfigured(_("The other system sends the same page again and again."))
    return page


def _is_again(page: Page, before: Page) -> bool:
    ids = [(each.external_id, each.version) for each in page.records]
    return bool(ids) and ids == [(each.external_id, each.version) for each in before.records]


def take_page(desk: Desk, page: Page, brake: Brake, figures: dict[str, Any] | None = None) -> int:
    """Take in the records of one page. One that is refused is put aside; the others go on. ``figures`` counts what became of them."""
    figures = {} if figures is None else figures
    gone = missing_records(desk, page.every_id) if page.every_id is not None else []
    deleted = len(gone) + deleted_in(desk, page)
    figures["deleted"] = figures.get("deleted", 0) + deleted
    brake.check_gone(deleted)
    for remote in page.records:
        outcome = take_or_bury(desk=desk, remote=remote)
        word = outcome.word if outcome else "refused"
        figures[word] = figures.get(word, 0) + 1
        brake.count(outcome)
    _mark_gone(desk, gone)
    return len(page.records) + len(gone)


def take_or_bury(*, desk: Desk, remote: RemoteRecord) -> Outcome | None:
    """Take a record in, with the survivor it was merged into; ``None`` where it was put aside. Raises ``Retry``, ``Misconfigured``."""
    place = Place(desk.connection, DeadLetter.Direction.IN, desk.object_type, external_id=remote.external_id)
    try:
        outcome = _with_survivor(desk, remote, depth=0)
    except (ValidationError, DataError, IntegrityError, Permanent, ValueError, Profile.DoesNotExist) as error:
        log.warning("record_refused", connection=desk.connection.pk, error=type(error).__name__)
        bury(place, error)
        return None
    dig_up(place)
    return outcome


def _with_survivor(desk: Desk, remote: RemoteRecord, *, depth: int) -> Outcome:
    try:
        return take(desk=desk, remote=remote)
    except MissingSurvivor as missing:
        survivor = desk.connector.read(missing.external_id)
        if survivor is None or depth > DEEPEST_CHAIN:
            raise Permanent("It was merged into a record that is not there") from None
        _with_survivor(desk, survivor, depth=depth + 1)
        return take(desk=desk, remote=remote)


def deleted_in(desk: Desk, page: Page) -> int:
    """How many records that we know the page says are gone."""
    ids = [remote.external_id for remote in page.records if remote.is_deleted or remote.is_erased]
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, external_id__in=ids)
    return known.filter(state=ExternalRecord.State.LIVE).count() if ids else 0


def missing_records(desk: Desk, every_id: frozenset[str]) -> list[str]:
    """Ids of records that we know and that are not among these."""
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, state=ExternalRecord.State.LIVE)
    return sorted(set(known.values_list("external_id", flat=True)) - every_id)


def _mark_gone(desk: Desk, external_ids: Iterable[str]) -> None:
    for external_id in external_ids:
        with transaction.atomic():
            gone_there(desk, lock_record(desk, external_id))


def _reconcile(desk: Desk, brake: Brake) -> None:
    """What was deleted there so long ago that it is not told any more."""
    mine = Connection.scoped().filter(pk=desk.connection.pk)
    gone = reconciling.find_gone(desk, go_on=lambda: mine.update(held_until=timezone.now() + HELD))
    brake.check_gone(len(gone))
    _mark_gone(desk, gone)


def _look_for_gone(desk: Desk, brake: Brake) -> None:
    """The known records that were compared longest ago: do they still exist? In turn, some in every run."""
    live = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, state=ExternalRecord.State.LIVE)
    oldest = list(live.order_by("looked_at", "pk").values_list("external_id", flat=True)[:LOOKED_UP])
    gone = desk.connector.gone(oldest) if oldest else set()
    brake.check_gone(len(gone))
    _mark_gone(desk, sorted(gone))
    live.filter(external_id__in=oldest).update(looked_at=timezone.now())


def stop(connection: Connection, state: str, problem: str) -> None:
    """Nothing goes on until a person did something."""
    Connection.scoped().filter(pk=connection.pk).update(state=state, problem=problem[:300])


def wait_longer(connection: Connection, error: Retry) -> None:
    """It did not work now: later, and later still after each failure. A budget that is used up is no failure."""
    failures = connection.failures + 1
    wait = max(timedelta(seconds=error.after), back_off(min(failures, 20)) if not error.after else timedelta())
    Connection.scoped().filter(pk=connection.pk).update(
        failures=failures,
        state=State.FAILING if failures > FAILURES_TO_TELL else connection.state,
        problem=str(error)[:300],
        next_pull_at=timezone.now() + wait,
    )


def is_well(connection: Connection) -> None:
    Connection.scoped().filter(pk=connection.pk).update(
        failures=0, state=State.WORKING, problem="", next_pull_at=timezone.now() + timedelta(seconds=connection.poll_seconds)
    )


def due() -> Any:
    """Connections whose time to be asked has come and that nobody asks."""
    now = timezone.now()
    free = Q(held_until=None) | Q(held_until__lt=now)
    found = Connection.scoped().filter(free, paused=False, next_pull_at__lte=now).exclude(cursor="")
    return found.exclude(state__in=[State.MISCONFIGURED, State.BRAKED]).values_list("pk", flat=True)
