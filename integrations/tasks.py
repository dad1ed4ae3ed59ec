"""Doors for the workers."""

import structlog
from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from accounts.entrances import all_account_ids
from accounts.queueing import GRACE, MOST_PER_SWEEP, AccountTask, publish, sweep
from accounts.scope import account_scope
from inbox.adapters import DeliveryError
from integrations.syncing import tasks as syncing_tasks  # noqa: F401
from integrations.webhooks.letters import LetterNotSent

log = structlog.get_logger("hilo.intake")


@shared_task(base=AccountTask)
def process_inbound_events(*, account_id: int, event_ids: list[int]) -> None:
    """Process what the intake stored together. One event that breaks leaves the others alone; the sweeper takes it up again."""
    from inbox.receiving import process_event

    for event_id in event_ids:
        try:
            process_event(event_id=event_id)
        except Exception:
            log.exception("event_broke", event_id=event_id)


@shared_task(base=AccountTask, autoretry_for=(DeliveryError,), max_retries=4, retry_backoff=30)
def look_up_person(*, account_id: int, profile_id: int) -> None:
    """Ask the provider for a name."""
    from integrations.looking_up import look_up

    look_up(profile_id=profile_id)


@shared_task(base=AccountTask)
def deliver_webhook(*, account_id: int, delivery_id: int) -> None:
    from integrations.webhooks.delivering import deliver

    deliver(delivery_id=delivery_id)


@shared_task(base=AccountTask)
def deliver_waiting_webhooks(*, account_id: int, subscription_id: int) -> None:
    """Ask for what is due of one subscription; what does not fit is the sweeper's."""
    from integrations.webhooks.delivering import due

    for pk in due().filter(subscription=subscription_id).order_by("next_attempt_at").values_list("pk", flat=True)[:MOST_PER_SWEEP]:
        publish(deliver_webhook, account_id=account_id, delivery_id=pk)


@shared_task
def sweep_webhooks() -> int:
    """Ask for every delivery whose time has come."""
    from integrations.webhooks.delivering import due

    def waiting() -> QuerySet:
        return due().filter(next_attempt_at__lte=timezone.now() - GRACE).order_by("next_attempt_at").values_list("pk", flat=True)

    return sweep(deliver_webhook, "delivery_id", waiting)


@shared_task
def forget_webhook_log() -> int:
    """Delete events, deliveries and their log when they are old."""
    from integrations.webhooks.delivering import forget_old
    from integrations.webhooks.schedule import KEPT

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget_old(timezone.now() - KEPT)
    return forgotten


@shared_task(base=AccountTask, autoretry_for=(LetterNotSent,), max_retries=5, retry_backoff=60)
def tell_of_paused_webhook(*, account_id: int, subscription_id: int) -> None:
    """Write to whoever made the subscription that it is paused."""
    from integrations.webhooks.pausing import tell_owner

    tell_owner(subscription_id=subscription_id)


@shared_task(base=AccountTask)
def take_customer_data(*, account_id: int, message_ids: list[int]) -> None:
    """Take what was stored together, in its order. One message that breaks leaves the others alone; the sweeper takes it up again."""
    from integrations.cdp.receiving import process

    for message_id in message_ids:
        try:
            process(message_id=message_id)
        except Exception:
            log.exception("customer_data_broke", message_id=message_id)


@shared_task(base=AccountTask)
def take_customer_message(*, account_id: int, message_id: int) -> None:
    from integrations.cdp.receiving import process

    process(message_id=message_id)


@shared_task
def sweep_customer_data() -> int:
    """Ask for every stored message that is due."""
    from integrations.models import CustomerDataMessage

    def due() -> QuerySet:
        rows = CustomerDataMessage.scoped().filter(state=CustomerDataMessage.State.PENDING, next_attempt_at__lte=timezone.now() - GRACE)
        return rows.order_by("next_attempt_at", "pk").values_list("pk", flat=True)

    return sweep(take_customer_message, "message_id", due)


@shared_task
def forget_customer_messages() -> int:
    """Delete what arrived long ago; what it brought stays."""
    from integrations.cdp.receiving import forget_old
    from integrations.webhooks.schedule import KEPT

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget_old(timezone.now() - KEPT)
    return forgotten


@shared_task(base=AccountTask)
def carry_out_import(*, account_id: int, run_id: int) -> None:
    from integrations.importing.running import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_imports() -> int:
    """Ask again for every check, run and undo that the broker lost, or whose worker is gone."""
    from integrations.models import ImportRun

    return sweep(carry_out_import, "run_id", lambda: ImportRun.forgotten().values_list("pk", flat=True))


@shared_task
def forget_old_imports() -> int:
    """Take away rejected rows and uploaded files whose time is over."""
    from integrations.importing.keeping import forget_old

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget_old()
    return forgotten


@shared_task(base=AccountTask)
def carry_out_export(*, account_id: int, run_id: int) -> None:
    from integrations.exporting.running import carry_out

    carry_out(run_id=run_id)


@shared_task
def sweep_exports() -> int:
    """Ask again for every export that the broker lost, or whose worker is gone."""
    from integrations.models import Export

    return sweep(carry_out_export, "run_id", lambda: Export.forgotten().values_list("pk", flat=True))


@shared_task
def forget_expired_exports() -> int:
    """Take away exported files whose time is over."""
    from integrations.exporting.running import forget_expired

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget_expired()
    return forgotten


@shared_task(base=AccountTask)
def carry_out_scheduled_export(*, account_id: int, run_id: int) -> None:
    from integrations.scheduled_exports.running import carry_out

    carry_out(run_id=run_id)


@shared_task
def begin_scheduled_exports() -> int:
    """Begin every scheduled export whose hour has come."""
    from integrations.scheduled_exports.running import begin_due

    begun = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            begun += begin_due()
    return begun


@shared_task
def sweep_scheduled_exports() -> int:
    """Ask again for every run that the broker lost, whose worker is gone, or that is to be tried again."""
    from integrations.scheduled_exports.running import waiting

    return sweep(carry_out_scheduled_export, "run_id", waiting)
