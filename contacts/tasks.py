"""Doors for workers: each enters its account's scope and calls one domain function. All of them are safe to run twice."""

from celery import shared_task

from accounts.entrances import all_account_ids
from accounts.queueing import AccountTask, publish, sweep
from accounts.scope import account_scope


@shared_task(base=AccountTask)
def carry_out_unification(*, account_id: int, run_id: int) -> None:
    from contacts.unification.switching import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_unification_runs() -> int:
    """Ask again for previews and switches whose worker died, or that the broker lost."""
    from contacts.models import UnificationRun

    return sweep(carry_out_unification, "run_id", lambda: UnificationRun.forgotten().values_list("pk", flat=True))


@shared_task(base=AccountTask)
def search_for_duplicates(*, account_id: int, run_id: int) -> None:
    from contacts.deduplication.running import work

    work(run_id=run_id)


@shared_task
def search_what_changed() -> None:
    """Ask for a search in every account that has anybody: what changed since the last one, or everybody the first time."""
    from contacts.models import DeduplicationRun

    for account_id in all_account_ids():
        with account_scope(account_id):
            done = DeduplicationRun.scoped().filter(state=DeduplicationRun.State.DONE).exists()
            _search(DeduplicationRun.Kind.CHANGED if done else DeduplicationRun.Kind.WHOLE)


@shared_task
def search_everybody() -> None:
    """Ask for a search among everybody in every account that has anybody."""
    from contacts.models import DeduplicationRun

    for account_id in all_account_ids():
        with account_scope(account_id):
            _search(DeduplicationRun.Kind.WHOLE)


def _search(kind: str) -> None:
    from contacts.deduplication.running import ask
    from contacts.models import Profile

    if Profile.scoped().exists():
        ask(kind=kind)


@shared_task
def sweep_deduplication() -> int:
    """Ask again for every search that the broker lost, or whose worker is gone."""
    from contacts.models import DeduplicationRun

    return sweep(search_for_duplicates, "run_id", lambda: DeduplicationRun.forgotten().values_list("pk", flat=True))


@shared_task
def renew_quality() -> int:
    """Work out the quality scores of whatever changed. Each account gets a portion, the rest comes with the next call."""
    from contacts.quality.scoring import renew_due

    renewed = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            renewed += renew_due()
    return renewed


@shared_task(base=AccountTask)
def suggest_similar_people(*, account_id: int, profile_id: int) -> None:
    from contacts.suggesting_similar import suggest_similar

    suggest_similar(profile_id=profile_id)


@shared_task
def sweep_lookups() -> int:
    """Ask again for every look-up that the broker lost, or whose worker died."""
    from contacts.suggesting_similar import waiting

    return sweep(suggest_similar_people, "profile_id", waiting)


@shared_task(base=AccountTask)
def build_block_keys(*, account_id: int) -> None:
    from contacts.building_block_keys import build

    build()


@shared_task
def sweep_block_keys() -> int:
    """Ask for the keys of every account whose keys are of older rules, or whose worker is gone."""
    from contacts.building_block_keys import outdated

    asked = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            if outdated():
                if not publish(build_block_keys, account_id=account_id):
                    return asked
                asked += 1
    return asked


@shared_task(base=AccountTask)
def clean_account(*, account_id: int, run_id: int) -> None:
    from contacts.quality.cleaning import clean

    clean(report_id=run_id)


@shared_task
def clean_everybody() -> int:
    """Ask for the nightly cleaning of every account."""
    from accounts.actors import SYSTEM
    from contacts.quality.cleaning import ask_for_cleaning

    account_ids = all_account_ids()
    for account_id in account_ids:
        with account_scope(account_id):
            ask_for_cleaning(by=SYSTEM)
    return len(account_ids)


@shared_task
def sweep_cleanings() -> int:
    """Ask again for every cleaning that the broker lost, or whose worker is gone."""
    from contacts.quality.models import CleaningReport

    return sweep(clean_account, "run_id", lambda: CleaningReport.forgotten().values_list("pk", flat=True))


@shared_task(base=AccountTask)
def recompute_contacts(*, account_id: int, run_id: int) -> None:
    from contacts.choosing_survivorship import recompute

    recompute(run_id=run_id)


@shared_task
def sweep_recomputations() -> int:
    """Ask again for every computation of contacts that the broker lost, or whose worker is gone."""
    from contacts.quality.models import RecomputeRun

    return sweep(recompute_contacts, "run_id", lambda: RecomputeRun.forgotten().values_list("pk", flat=True))
