"""What is kept for a time only."""

from datetime import timedelta

from django.utils import timezone

from integrations.models import EchoEntry, SyncLog

LOG_KEPT = timedelta(days=180)


def forget_old_rows() -> None:
    """Entries of the ledger that are out of date, and lines of the log older than 180 days."""
    now = timezone.now()
    EchoEntry.scoped().filter(expires_at__lt=now).delete()
    SyncLog.scoped().filter(at__lt=now - LOG_KEPT).delete()
