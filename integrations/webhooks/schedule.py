"""When a delivery that failed is tried again: for three days, at growing intervals."""

from datetime import timedelta

# After the first attempt, the second … Together 71 h 36 min 5 s: the last attempt comes within three days of the first.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=12),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS = len(WAITS) + 1
# How long a subscription may fail without one success before it is paused.
FAILS_FOR = timedelta(days=3)
# A worker that has held a delivery for so long is gone.
LEASE = timedelta(minutes=2)
# How long the log and the outbox are kept.
KEPT = timedelta(days=30)
# How long the former secret signs too, unless said otherwise.
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)


def wait_after(attempt: int) -> timedelta | None:
    """How long to wait after the given attempt (the first is 1); ``None`` when it was the last."""
    return WAITS[attempt - 1] if attempt <= len(WAITS) else None
