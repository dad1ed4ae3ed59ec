"""Check the whole ledger by a worker, for a page that shows what was found."""

from dataclasses import asdict

from django.db import transaction

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from consent.models import LedgerCheck
from consent.verifying import verify

State = LedgerCheck.State


@transaction.atomic
def start_check(*, by: Actor) -> LedgerCheck:
    """Ask for a check; the one that is under way, where there is one. Raises ``PermissionDenied``."""
    require(by, Ability.MANAGE_CONSENT)
    run = LedgerCheck.unfinished().order_by("-pk").first()
    if run is None:
        run = LedgerCheck.objects.create(asked_by=by.membership)
        audit(actor=by, action="ledger.check", target=run)
        from consent.tasks import carry_out_ledger_check

        enqueue(carry_out_ledger_check, account_id=run.account_id, run_id=run.pk)
    return run


def carry_out(*, run_id: int) -> LedgerCheck:
    """Do the run, unless somebody does it already; returns the row as it ended."""
    run = LedgerCheck.take(run_id)
    if run is None:
        return LedgerCheck.scoped().get(pk=run_id)
    try:
        run.figures = asdict(verify())
    except Exception as error:
        run.end(State.FAILED, f"{type(error).__name__}: {error}")
        raise
    run.end(State.DONE)
    return run
