"""What is kept for a time only."""

from datetime import timedelta

from django.utils import timezone

from integrations.models import Conflict, EchoEntry, SyncLog
from integrations.syncing.conflicts import TAKEN_BACK_WITHIN

LOG_KEPT = timedelta(days=180)


def forget_old_rows() -> None:
    """Entries of the ledger that are out of date, lines of the log older than 180 days, and what old answers changed."""
    now = timezone.now()
    EchoEntry.scoped().filter(expires_at__lt=now).delete()
    SyncLog.scoped().filter(at__lt=now - LOG_KEPT).delete()
    Conflict.scoped().filter(decided_at__lt=now - TAKEN_BACK_WITHIN, before__isnull=False).update(before=None)
