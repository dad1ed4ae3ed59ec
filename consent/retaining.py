"""How long an account keeps what it can let go of. Without a rule everything is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record as audit
from accounts.background_runs import Cancelled
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from consent.models import RetentionRule, RetentionRun
from consent.retention_kinds import RetentionKind, all_kinds

SHORTEST, LONGEST = 7, 3650  # days
BATCH = 200
State = RetentionRun.State


@dataclass(frozen=True)
class Line:
    """One kind as the page shows it. ``days`` is ``None`` where it is kept; ``would_go`` is how many the next night deletes."""

    kind: RetentionKind
    days: int | None
    would_go: int


def overview() -> list[Line]:
    """Every kind with its rule. One query, and one for each kind that has one."""
    days = dict(RetentionRule.scoped().values_list("kind", "days"))
    lines = []
    for kind in all_kinds():
        kept = days.get(kind.key)
        lines.append(Line(kind, kept, kind.count(_before(kept)) if kept else 0))
    return lines


def would_go(*, kind: str, days: int) -> int:
    """How many rows a rule of so many days would delete now. Raises ``ValidationError``."""
    return _kind(kind).count(_before(_checked(days)))


@transaction.atomic
def change_rule(*, kind: str, days: int | None, by: Actor) -> None:
    """Keep a kind for so many days, or for good (``None``). Raises ``ValidationError``, ``PermissionDenied``."""
    require(by, Ability.MANAGE_CONSENT)
    found = _kind(kind)
    if days is not None:
        _checked(days)
    row, _new = RetentionRule.scoped().select_for_update().get_or_create(kind=found.key)
    if row.days == days:
        return
    old, row.days, row.changed_by = row.days, days, by.membership
    row.save()
    audit(actor=by, action="retention.change", target=row, kind=found.key, old=old, new=days)


@transaction.atomic
def start_run(*, by: Actor = SYSTEM) -> RetentionRun | None:
    """Have a worker carry the rules out; ``None`` where no rule lets anything go. The one under way, where there is one."""
    require(by, Ability.MANAGE_CONSENT)
    if not RetentionRule.scoped().filter(days__isnull=False).exists():
        return None
    run = RetentionRun.unfinished().first()
    if run is None:
        from consent.tasks import carry_out_retention

        run = RetentionRun.objects.create(asked_by=by.membership)
        enqueue(carry_out_retention, account_id=run.account_id, run_id=run.pk)
    return run


def carry_out(*, run_id: int) -> RetentionRun:
    """Do the run, unless somebody does it already; returns the row as it ended. Safe to run twice."""
    run = RetentionRun.take(run_id)
    if run is None:
        return RetentionRun.scoped().get(pk=run_id)
    try:
        _forget(run)
    except Cancelled:
        run.refresh_from_db()
        return run
    except Exception as error:
        run.end(State.FAILED, f"{type(error).__name__}: {error}")
        raise
    with transaction.atomic():
        if run.figures:
            audit(actor=SYSTEM, action="retention.carry_out", target=run, count=sum(run.figures.values()))
        run.end(State.DONE)
    return run


def _forget(run: RetentionRun) -> None:
    days = dict(RetentionRule.scoped().filter(days__isnull=False).values_list("kind", "days"))
    for kind in all_kinds():
        if kind.key not in days:
            continue
        before = _before(days[kind.key])
        while count := kind.forget(before, BATCH):
            run.figures[kind.key] = run.figures.get(kind.key, 0) + count
            run.done += count
            run.beat()


def _before(days: int | None) -> datetime:
    return timezone.now() - timedelta(days=days or 0)


def _kind(key: str) -> RetentionKind:
    found = next((kind for kind in all_kinds() if kind.key == key), None)
    if found is None:
        raise ValidationError({"kind": _("There is no such kind of data.")})
    return found


def _checked(days: int) -> int:
    if not SHORTEST <= days <= LONGEST:
        raise ValidationError({"days": _("Choose from %(least)d to %(most)d days.") % {"least": SHORTEST, "most": LONGEST}})
    return days
