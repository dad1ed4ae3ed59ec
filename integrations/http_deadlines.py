"""A time by which an exchange over HTTP is over.

The client's own time-outs are for each read and each write: a server that sends a byte now and then, in its headers too, would
keep a worker for as long as it likes. Here nothing is read or written after the end, whatever the other side does.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore

# How much is written before the clock is looked at again.
PART = 65536
_now = threading.local()


@contextmanager
def ending_at(moment: float) -> Iterator[None]:
    """Whatever this thread reads or writes within ends at the moment, by ``time.monotonic()``."""
    before = getattr(_now, "ends", None)
    _now.ends = moment
    try:
        yield
    finally:
        _now.ends = before


class Punctual(httpcore.NetworkStream):
    """A connection that gives up at the end of the exchange that uses it. Raises ``httpcore.ReadTimeout`` and ``WriteTimeout``."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PART):
            self._stream.write(buffer[start : start + PART], timeout=_left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return Punctual(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    ends = getattr(_now, "ends", None)
    if ends is None:
        return timeout
    left: float = ends - time.monotonic()
    if left <= 0:
        raise error("it answers too slowly")
    return left if timeout is None else min(left, timeout)
