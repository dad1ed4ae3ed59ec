"""Take in everything that is there, once: in the background, with progress, going on after a worker died.

Each page's place is kept after the page was written, so that a restart reads one page twice and misses none. Live changes go on
meanwhile: they have a part of the budget to themselves. A rehearsal is the same work with nothing kept.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.background_runs import Cancelled
from accounts.queueing import back_off, enqueue
from accounts.roles import Ability, require
from contacts.merging import Refused
from integrations.crm.contract import ConnectorError, Misconfigured, Page, Retry
from integrations.models import Connection, SyncRun
from integrations.syncing import reconciling
from integrations.syncing.brake import Brake, Braked
from integrations.syncing.opening import Desk, open_desk
from integrations.syncing.pulling import State, next_page, stop, take_page
from integrations.syncing.rehearsing import rehearse_page, rehearse_reconciling

log = structlog.get_logger("hilo.syncing")
Kind, RunState = SyncRun.Kind, SyncRun.State
LONGEST_SILENCE = 20  # failures one after the other


@transaction.atomic
def ask(*, connection: Connection, kind: str, by: Actor) -> SyncRun:
    """Have a worker do it. Raises ``Refused`` while another run of the connection is under way, ``PermissionDenied``."""
    from integrations.syncing.tasks import carry_out_sync_run

    require(by, Ability.MANAGE_CHANNELS)
    try:
        with transaction.atomic():
            run = SyncRun.objects.create(connection=connection, kind=kind, asked_by=by.membership)
    except IntegrityError:
        raise Refused(_("A run is under way already."), code="under_way") from None
    audit(actor=by, action="connection.run", target=connection, kind=kind)
    enqueue(carry_out_sync_run, account_id=run.account_id, run_id=run.pk)
    return run


def work(*, run_id: int) -> None:
    """Do a run, or go on with it. Waits of the other system are waited for without a worker."""
    run = SyncRun.take(run_id)
    if run is None:
        return
    connection = Connection.scoped().get(pk=run.connection_id)
    desk = open_desk(connection, is_back_fill=True)
    run.done, run.total = run.figures.get("read", 0), run.figures.get("total", 0)
    try:
        _pages(run, desk, _step(run, desk))
    except Cancelled:
        return
    except Retry as error:
        _wait(run, error)
    except Braked as error:
        stop(connection, State.BRAKED, str(error))
        run.end(RunState.FAILED, str(error))
    except (Misconfigured, ConnectorError) as error:
        if isinstance(error, Misconfigured):
            stop(connection, State.MISCONFIGURED, str(error))
        run.end(RunState.FAILED, str(error))
    else:
        if run.kind == Kind.BACK_FILL:
            # From here on what changes is asked for. Where that is done already, its own place is the later one.
            Connection.scoped().filter(pk=connection.pk, cursor="").update(
                cursor=run.cursor, next_pull_at=timezone.now(), pulled_at=timezone.now()
            )
            Connection.scoped().filter(pk=connection.pk, brake_lifted=True).update(brake_lifted=False)
        run.end(RunState.DONE)


def _step(run: SyncRun, desk: Desk) -> Callable[[Page], int]:
    if run.kind == Kind.REHEARSAL:
        return lambda page: rehearse_page(desk, page, run.figures)
    brake = Brake.of(desk.connection)
    # What another worker did before it died counts too.
    brake.changes, brake.gone = run.figures.get("changed", 0), run.figures.get("deleted", 0)

    def take(page: Page) -> int:
        return take_page(desk, page, brake, figures=run.figures)

    return take


def _pages(run: SyncRun, desk: Desk, step: Callable[[Page], int]) -> None:
    before: Page | None = None
    while True:
        page = next_page(desk, run.cursor, before=before)
        before = page
        if page.total is not None:
            run.total = run.figures["total"] = page.total
        step(page)
        run.done = run.figures["read"] = run.figures.get("read", 0) + len(page.records)
        run.total = max(run.total, run.done)
        run.cursor = page.cursor
        run.figures["failures"] = 0
        run.beat("cursor")
        if not page.has_more:
            break
    if run.kind == Kind.REHEARSAL and reconciling.is_due(desk):
        rehearse_reconciling(desk, run.figures)


def _wait(run: SyncRun, error: Retry) -> None:
    """Queued again for when the other system may be asked; after too many failures it is over."""
    from integrations.syncing.tasks import carry_out_sync_run

    failures = run.figures.get("failures", 0) + (0 if error.after else 1)
    if failures > LONGEST_SILENCE:
        run.end(RunState.FAILED, str(error))
        return
    run.figures["failures"] = failures
    wait = timedelta(seconds=error.after) if error.after else back_off(max(failures, 1))
    run.state, run.error, run.created_at = RunState.QUEUED, "", timezone.now() + wait
    run.save(update_fields=["state", "error", "figures", "created_at", "cursor"])
    enqueue(carry_out_sync_run, in_seconds=wait.total_seconds(), account_id=run.account_id, run_id=run.pk)
