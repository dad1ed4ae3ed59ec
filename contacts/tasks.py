"""Doors for workers: each enters its account's scope and calls one domain function. All of them are safe to run twice."""

from celery import shared_task

from accounts.entrances import all_account_ids
from accounts.queueing import AccountTask, publish
from accounts.scope import account_scope


@shared_task(base=AccountTask)
def carry_out_unification(*, account_id: int, run_id: int) -> None:
    from contacts.unification.switching import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_unification_runs() -> None:
    """Ask again for previews and switches whose worker died, or that the broker lost."""
    from contacts.unification.switching import dead_runs

    for account_id in all_account_ids():
        with account_scope(account_id):
            for run_id in dead_runs():
                publish(carry_out_unification, account_id=account_id, run_id=run_id)
