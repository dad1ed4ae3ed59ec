"""Doors for the workers."""

import structlog
from celery import shared_task

from accounts.queueing import AccountTask

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
