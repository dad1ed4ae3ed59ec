"""Ask for a preview or a switch, and carry it out in the background: resumable, with progress, at most one switch at a time."""

import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.background_runs import Cancelled
from accounts.changing_settings import change_settings
from accounts.models import Account
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from contacts.locks import StillMoving
from contacts.models import UnificationRun
from contacts.queries import visible_contacts
from contacts.unification.giving_back import contacts_of_several, give_back
from contacts.unification.joining import join_group, suggest_apart
from contacts.unification.planning import plan_account
from contacts.unification.previewing import figures_of

log = structlog.get_logger("hilo.unification")

Kind, State = UnificationRun.Kind, UnificationRun.State
SWITCHES = (Kind.ON, Kind.OFF)
BEAT_EVERY = 0.5  # seconds
Step = TypeVar("Step")


class Mode(StrEnum):
    """Where an account stands. While it is being switched, live traffic follows the new rule already."""

    OFF = "off"
    SWITCHING_ON = "switching_on"
    ON = "on"
    SWITCHING_OFF = "switching_off"


def mode_of(account: Account) -> Mode:
    """One query."""
    under_way = switch_under_way()
    if under_way is not None:
        return Mode.SWITCHING_ON if under_way.kind == Kind.ON else Mode.SWITCHING_OFF
    return Mode.ON if account.unification_enabled else Mode.OFF


def switch_under_way() -> UnificationRun | None:
    return UnificationRun.unfinished().filter(kind__in=SWITCHES).first()


def latest_run(*kinds: str) -> UnificationRun | None:
    return UnificationRun.scoped().filter(kind__in=kinds).order_by("-pk").first()


@transaction.atomic
def ask_for_preview(*, account: Account, by: Actor) -> UnificationRun:
    """A run that counts what would change; the one that is under way, where there is one. Changes nothing else."""
    require(by, Ability.MANAGE_ACCOUNT)
    Account.objects.select_for_update().get(pk=account.pk)
    run = UnificationRun.unfinished().filter(kind=Kind.PREVIEW).first()
    return run or _start(Kind.PREVIEW, by)


@transaction.atomic
def switch(*, account: Account, enabled: bool, by: Actor, gives_back: bool = True) -> UnificationRun | None:
    """Switch the rule, from the first second for what arrives, and ask for the job that brings the contacts there are in line.

    ``gives_back``: on switching off, part what the rule had joined; otherwise contacts stay as they are. ``None`` when nothing
    changes. Raises ``PermissionDenied``.
    """
    before = account.unification_enabled
    changed = change_settings(account=account, changes={"unification_enabled": enabled}, by=by)
    if changed.unification_enabled == before:
        return None
    run = switch_under_way()
    assert run is not None  # asked for by the change itself
    if not enabled and run.gives_back != gives_back:
        run.gives_back = gives_back
        run.save(update_fields=["gives_back"])
    return run


def follow_setting(*, account: Account, by: Actor) -> None:
    """Whatever door changed the setting, the job follows, in the same transaction. One that is under way ends where it is."""
    UnificationRun.scoped().filter(kind__in=SWITCHES, state=State.QUEUED).update(state=State.CANCELLED, finished_at=timezone.now())
    UnificationRun.scoped().filter(kind__in=SWITCHES, state=State.RUNNING).update(state=State.CANCELLED)
    _start(Kind.ON if account.unification_enabled else Kind.OFF, by, gives_back=not account.unification_enabled)


def _start(kind: str, by: Actor, *, gives_back: bool = False) -> UnificationRun:
    run = UnificationRun.objects.create(kind=kind, gives_back=gives_back, asked_by=by.membership)
    _enqueue(run)
    return run


def _enqueue(run: UnificationRun, *, in_seconds: float = 0) -> None:
    from contacts.tasks import carry_out_unification

    enqueue(carry_out_unification, in_seconds=in_seconds, account_id=run.account_id, run_id=run.pk)


@transaction.atomic
def try_again(*, by: Actor) -> UnificationRun | None:
    """Ask again for the last switch, if some of it failed. What it did already is not done twice."""
    require(by, Ability.MANAGE_ACCOUNT)
    last = UnificationRun.scoped().select_for_update().filter(kind__in=SWITCHES).order_by("-pk").first()
    if last is None or last.state != State.FAILED:
        return None
    last.state, last.error, last.finished_at = State.QUEUED, "", None
    last.save(update_fields=["state", "error", "finished_at"])
    _enqueue(last)
    return last


def carry_out(*, run_id: int) -> None:
    """Do the run's work, or go on with it. Safe to call any number of times; two workers do not take the same run."""
    run = _claim(run_id)
    if run is None:
        return
    account = Account.objects.get(pk=run.account_id)
    if run.kind in SWITCHES:
        run.figures.setdefault("contacts_before", visible_contacts().count())
    try:
        failed = WORK[Kind(run.kind)](account, run)
    except Cancelled:
        UnificationRun.scoped().filter(pk=run.pk).update(finished_at=timezone.now(), done=run.done, total=run.total)
        return
    except Exception as error:
        log.exception("unification_failed", run=run.pk)
        _finish(run, State.FAILED, f"{type(error).__name__}: {error}")
        return
    _finish(run, State.FAILED if failed else State.DONE, _("%(count)d could not be done.") % {"count": failed} if failed else "")


def _claim(run_id: int) -> UnificationRun | None:
    # A switch that was cancelled is still in the middle of a step: what it does now would be missed.
    alive_since = timezone.now() - UnificationRun.DEAD_AFTER
    ending = UnificationRun.scoped().filter(state=State.CANCELLED, finished_at=None, beat_at__gte=alive_since)
    run = UnificationRun.scoped().filter(pk=run_id).first()
    if run is not None and run.kind in SWITCHES and ending.exists():
        _enqueue(run, in_seconds=1)
        return None
    return UnificationRun.take(run_id)


def _preview(account: Account, run: UnificationRun) -> int:
    run.figures = figures_of(account)
    return 0


def _join_everybody(account: Account, run: UnificationRun) -> int:
    plan = plan_account(account)
    emptied, failed = _step_by_step(run, plan.groups, lambda group: join_group(account=account, group=group, run_id=run.pk))
    run.figures |= {
        "joined": run.figures.get("joined", 0) + emptied,
        "review": suggest_apart(plan),
        "shared_count": len(plan.shared),
        "failed": failed,
    }
    return failed


def _give_back(_account: Account, run: UnificationRun) -> int:
    if not run.gives_back:
        return 0
    parted, failed = _step_by_step(run, contacts_of_several(), lambda contact_id: give_back(contact_id=contact_id))
    run.figures |= {"given_back": run.figures.get("given_back", 0) + parted, "failed": failed}
    return failed


WORK: dict[str, Callable[[Account, UnificationRun], int]] = {Kind.PREVIEW: _preview, Kind.ON: _join_everybody, Kind.OFF: _give_back}


def _step_by_step(run: UnificationRun, steps: Iterable[Step], work: Callable[[Step], int]) -> tuple[int, int]:
    """(sum of what the steps gave, how many failed); the progress is written down as it goes."""
    every = list(steps)
    run.done, run.total = 0, len(every)
    beaten = 0.0
    sum_, failed = 0, 0
    for step in every:
        if time.monotonic() - beaten > BEAT_EVERY:
            beaten = time.monotonic()
            run.beat()
        try:
            sum_ += _retrying(work, step)
        except Exception:
            failed += 1
            log.exception("unification_step_failed", run=run.pk)
        run.done += 1
    return sum_, failed


def _retrying(work: Callable[[Step], int], step: Step) -> int:
    for _attempt in range(3):
        try:
            return work(step)
        except StillMoving:
            continue
    return work(step)


@transaction.atomic
def _finish(run: UnificationRun, state: str, error: str) -> None:
    if run.kind in SWITCHES:
        run.figures["contacts_after"] = visible_contacts().count()
        by = Actor.person(run.asked_by) if run.asked_by else SYSTEM
        record(actor=by, action="unification.finish", target=run, kind=run.kind, state=state, figures=run.figures)
    run.end(state, error)
