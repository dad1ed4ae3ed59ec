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


@shared_task(base=AccountTask)
def search_for_duplicates(*, account_id: int, run_id: int) -> None:
    from contacts.deduplication.running import work

    work(run_id=run_id)


@shared_task
def search_what_changed() -> int:
    """Ask for a search in every account that has anybody: what changed since the last one, or everybody the first time."""
    from contacts.deduplication.running import ask
    from contacts.models import DeduplicationRun, Profile

    asked = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            if Profile.scoped().exists():
                done = DeduplicationRun.scoped().filter(state=DeduplicationRun.State.DONE).exists()
                ask(kind=DeduplicationRun.Kind.CHANGED if done else DeduplicationRun.Kind.WHOLE)
                asked += 1
    return asked


@shared_task
def search_everybody() -> int:
    """Ask for a search among everybody in every account that has anybody."""
    from contacts.deduplication.running import ask
    from contacts.models import DeduplicationRun, Profile

    asked = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            if Profile.scoped().exists():
                ask(kind=DeduplicationRun.Kind.WHOLE)
                asked += 1
    return asked


@shared_task
def sweep_deduplication() -> int:
    """Ask again for every search that waits for a worker, or whose worker is gone."""
    from contacts.deduplication.running import abandoned
    from contacts.models import DeduplicationRun

    asked = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            for pk in DeduplicationRun.scoped().filter(abandoned()).values_list("pk", flat=True):
                if not publish(search_for_duplicates, account_id=account_id, run_id=pk):
                    return asked
                asked += 1
    return asked


@shared_task
def renew_quality() -> int:
    """Work out the quality scores of whatever changed. Each account gets a portion, the rest comes with the next call."""
    from contacts.quality.scoring import renew_due

    renewed = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            renewed += renew_due()
    return renewed
