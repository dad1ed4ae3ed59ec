"""Doors for workers: each enters its account's scope and calls one domain function. All of them are safe to run twice.

The sweepers find what is due and nobody works on: after a broker that lost its queue, a worker that was killed, a back-off.
"""

from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from accounts.queueing import GRACE, AccountTask, sweep


@shared_task(base=AccountTask)
def process_inbound_event(*, account_id: int, event_id: int) -> None:
    from inbox.receiving import process_event

    process_event(event_id=event_id)


@shared_task(base=AccountTask)
def deliver_message(*, account_id: int, message_id: int) -> None:
    from inbox.delivery import deliver

    deliver(message_id=message_id)


@shared_task(base=AccountTask)
def settle_abandoned_message(*, account_id: int, message_id: int) -> None:
    from inbox.delivery import settle_abandoned

    settle_abandoned(message_id=message_id)


@shared_task(base=AccountTask)
def fetch_attachment(*, account_id: int, attachment_id: int) -> None:
    from inbox.attachments import fetch

    fetch(attachment_id=attachment_id)


@shared_task(base=AccountTask)
def greet(*, account_id: int, session_id: int) -> None:
    from inbox.bots import take_turn

    take_turn(session_id=session_id)


@shared_task
def sweep_inbound_events() -> int:
    """Ask for every stored event that is due."""
    from inbox.models import InboundEvent

    def due() -> QuerySet[InboundEvent]:
        return InboundEvent.scoped().filter(state=InboundEvent.State.PENDING, next_attempt_at__lte=timezone.now() - GRACE)

    return sweep(process_inbound_event, "event_id", lambda: due().order_by("next_attempt_at").values_list("pk", flat=True))


@shared_task
def sweep_outbound_messages() -> int:
    """Ask for every accepted message that is due, and settle those whose worker died."""
    from inbox.delivery import CLAIM_LASTS
    from inbox.models import OutboundMessage

    def due() -> QuerySet[OutboundMessage]:
        return OutboundMessage.scoped().filter(state=OutboundMessage.State.QUEUED, next_attempt_at__lte=timezone.now() - GRACE)

    def abandoned() -> QuerySet[OutboundMessage]:
        return OutboundMessage.scoped().filter(state=OutboundMessage.State.CLAIMED, claimed_at__lt=timezone.now() - CLAIM_LASTS)

    asked = sweep(deliver_message, "message_id", lambda: due().order_by("message").values_list("message", flat=True))
    return asked + sweep(settle_abandoned_message, "message_id", lambda: abandoned().values_list("message", flat=True))


@shared_task
def sweep_attachments() -> int:
    """Ask for every file that is due."""
    from inbox.models import Attachment

    def due() -> QuerySet[Attachment]:
        return Attachment.scoped().filter(state=Attachment.State.WAITING, next_attempt_at__lte=timezone.now() - GRACE)

    return sweep(fetch_attachment, "attachment_id", lambda: due().order_by("next_attempt_at").values_list("pk", flat=True))


@shared_task
def sweep_bot_sessions() -> int:
    """Ask for the bot's turn wherever somebody wrote and it has not looked yet."""
    from inbox.models import BotSession

    def due() -> QuerySet[BotSession]:
        return BotSession.scoped().filter(due_at__lte=timezone.now() - GRACE, finished_at=None)

    return sweep(greet, "session_id", lambda: due().order_by("due_at").values_list("pk", flat=True))
