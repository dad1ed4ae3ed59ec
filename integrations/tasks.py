"""Doors for the workers."""

import structlog
from celery import shared_task

from accounts.queueing import AccountTask
from inbox.adapters import DeliveryError

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
