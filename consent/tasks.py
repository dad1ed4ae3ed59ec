"""Doors for the beat and for workers: ledgers are sealed and their heads copied out, requests are answered. All are safe to run twice."""

import structlog
from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from accounts.entrances import all_account_ids
from accounts.queueing import GRACE, AccountTask, sweep
from accounts.scope import account_scope

log = structlog.get_logger("hilo.ledger")

# Batches of one account in one round; the rest waits for the next one.
MOST_BATCHES = 20


@shared_task
def seal_ledgers() -> int:
    """Seal what was recorded since the last round; gives how many events."""
    from consent.sealing import BATCH, LedgerBroken, seal

    sealed = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            try:
                for _batch in range(MOST_BATCHES):
                    count = seal()
                    sealed += count
                    if count < BATCH:
                        break
            except LedgerBroken:
                # Consent goes on being recorded and asked; the other accounts' ledgers are theirs.
                log.error("ledger_broken", account=account_id)
    return sealed


@shared_task
def export_ledger_heads() -> int:
    """Copy the heads of the days that are over; gives how many."""
    from consent.sealing import export_anchors

    exported = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            exported += export_anchors()
    return exported


@shared_task(base=AccountTask)
def carry_out_rights_request(*, account_id: int, request_id: int) -> None:
    from consent.answering_requests import carry_out

    carry_out(request_id=request_id)


@shared_task
def sweep_rights_requests() -> int:
    """Ask again for requests that were begun and are not done: the broker lost them, or their worker died."""
    from consent.answering_requests import begun

    return sweep(carry_out_rights_request, "request_id", lambda: begun().values_list("pk", flat=True))


@shared_task
def forget_expired_archives() -> int:
    """Delete what people were given to fetch, a week later."""
    from consent.answering_requests import forget_expired_archives as forget

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget()
    return forgotten


@shared_task(base=AccountTask)
def answer_sign_in(*, account_id: int, sign_in_id: int) -> None:
    from consent.portal.signing_in import answer

    answer(sign_in_id=sign_in_id)


@shared_task
def sweep_sign_ins() -> int:
    """Ask for every letter that the broker lost, while its link would still hold."""
    from consent.models import PortalSignIn

    def waiting() -> QuerySet[PortalSignIn]:
        now = timezone.now()
        return PortalSignIn.scoped().filter(handled_at=None, asked_at__lte=now - GRACE, expires_at__gt=now)

    return sweep(answer_sign_in, "sign_in_id", lambda: waiting().order_by("pk").values_list("pk", flat=True))


@shared_task
def forget_portal_visits() -> int:
    """Delete what is left of visits of the portal; gives how many."""
    from consent.portal.visits import forget_old_visits

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget_old_visits()
    return forgotten


@shared_task(base=AccountTask)
def carry_out_reconsent(*, account_id: int, run_id: int) -> None:
    from consent.carrying_out_campaigns import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_reconsent() -> int:
    """Ask again for campaigns that the broker or a worker lost, and for those in which a pause or quiet hours are over."""
    from consent.asking_again import wake_due
    from consent.models import ReconsentCampaign

    for account_id in all_account_ids():
        with account_scope(account_id):
            wake_due()
    return sweep(carry_out_reconsent, "run_id", lambda: ReconsentCampaign.forgotten().order_by("pk").values_list("pk", flat=True))


@shared_task(base=AccountTask)
def carry_out_ledger_check(*, account_id: int, run_id: int) -> None:
    from consent.checking_ledger import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_ledger_checks() -> int:
    """Ask again for checks that the broker or a worker lost."""
    from consent.models import LedgerCheck

    return sweep(carry_out_ledger_check, "run_id", lambda: LedgerCheck.forgotten().order_by("pk").values_list("pk", flat=True))


@shared_task(base=AccountTask)
def carry_out_retention(*, account_id: int, run_id: int) -> None:
    from consent.retaining import carry_out

    carry_out(run_id=run_id)


@shared_task
def begin_retention() -> int:
    """Every night: let go of what each account's rules let go of; gives in how many accounts there was a rule."""
    from consent.retaining import start_run

    begun = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            begun += start_run() is not None
    return begun


@shared_task
def sweep_retention() -> int:
    """Ask again for nights that the broker or a worker lost."""
    from consent.models import RetentionRun

    return sweep(carry_out_retention, "run_id", lambda: RetentionRun.forgotten().order_by("pk").values_list("pk", flat=True))


@shared_task(base=AccountTask)
def carry_out_registry_copy(*, account_id: int, run_id: int) -> None:
    from consent.registries import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_registry_copies() -> int:
    """Ask again for copies that the broker or a worker lost."""
    from consent.models import RegistryCopy

    return sweep(carry_out_registry_copy, "run_id", lambda: RegistryCopy.forgotten().order_by("pk").values_list("pk", flat=True))
