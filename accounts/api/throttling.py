"""How often a token may call: counted in the shared cache, so that it holds over all processes."""

import time
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiToken

log = structlog.get_logger("hilo.api")
SECONDS = {"sec": 1, "min": 60, "hour": 3600}


class TokenThrottle(BaseThrottle):
    """At most so many requests per token in each window of the clock (``HILO_API_RATE``, for example ``1200/min``)."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        rates: dict[str, str] = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]  # type: ignore[assignment]
        limit, window = parse_rate(rates["token"])
        number, passed = divmod(time.time(), window)
        self.seconds_left = window - passed
        key = f"api-rate:{request.auth.digest}:{int(number)}"
        try:
            cache.add(key, 0, timeout=window * 2)
            return cache.incr(key) <= limit
        except (RedisError, ValueError) as error:
            # Without its counter the API works on: a dead cache must not close the doors.
            log.warning("throttle_unavailable", error=type(error).__name__)
            return True

    def wait(self) -> float:
        return self.seconds_left


def parse_rate(rate: str) -> tuple[int, int]:
    """``"1200/min"`` → (1200, 60 seconds)."""
    number, _, unit = rate.partition("/")
    if not number.isdigit() or unit not in SECONDS:
        raise ImproperlyConfigured(f"HILO_API_RATE is {rate!r}; write a number and sec, min or hour, for example 1200/min.")
    return int(number), SECONDS[unit]
