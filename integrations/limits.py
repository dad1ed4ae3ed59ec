"""How often somebody may do something: counters in the shared cache, per window."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache

log = structlog.get_logger("hilo.limits")


@dataclass(frozen=True)
class Limit:
    """At most ``count`` in each window of ``seconds``."""

    name: str
    count: int
    seconds: int


def address_of(*, client: tuple[str, int] | list[Any] | None, forwarded: bytes) -> str:
    """The address that limits count by: the visitor's, also behind a proxy, where every socket comes from the proxy itself.

    Of ``X-Forwarded-For`` only the last address is the proxy's own word; those before it are whatever the visitor wrote.
    """
    if settings.BEHIND_PROXY and (told := forwarded.decode("latin-1").rpartition(",")[2].strip()):
        return told[:64]
    return str(client[0]) if client else ""


def seconds_to_wait(limit: Limit, who: object) -> float:
    """Count one use by ``who``: 0 when it is allowed, else the seconds until the window ends.

    A cache that does not answer allows: losing a customer's message is worse than a flood for some seconds.
    """
    now = time.time()
    window = int(now // limit.seconds)
    key = f"limit:{limit.name}:{hashlib.sha256(str(who).encode()).hexdigest()[:24]}:{window}"
    try:
        cache.add(key, 0, timeout=limit.seconds * 2)
        used = cache.incr(key)
    except Exception as error:
        log.warning("limit_not_counted", limit=limit.name, error=type(error).__name__)
        return 0.0
    return 0.0 if used <= limit.count else (window + 1) * limit.seconds - now
