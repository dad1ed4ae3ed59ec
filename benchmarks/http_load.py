"""A load generator that costs little: requests written beforehand, sixteen connections, one thread, no parsing."""

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of it. ``milliseconds`` holds one figure for each answer."""

    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.accepted / self.seconds

    def percentile(self, share: float) -> float:
        """For example 0.99, in milliseconds."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class _Line:
    connection: socket.socket
    sent_at: float = 0.0
    answer: bytes = b""


def run(address: tuple[str, int], requests: Iterator[bytes], *, clients: int, seconds: float) -> Load:
    """Send requests one after another on each of ``clients`` connections. Answers must have an empty body."""
    load, selector = Load(), selectors.DefaultSelector()
    started = time.perf_counter()
    ends = started + seconds
    for _ in range(clients):
        line = _Line(socket.create_connection(address))
        line.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(line.connection, selectors.EVENT_READ, line)
        line.sent_at = time.perf_counter()
        line.connection.sendall(next(requests))
    open_lines = clients
    while open_lines:
        for key, _events in selector.select(5):
            line = key.data
            line.answer += line.connection.recv(4096)
            if b"\r\n\r\n" not in line.answer:
                continue
            now = time.perf_counter()
            if line.answer.startswith(b"HTTP/1.1 200"):
                load.accepted += 1
            else:
                load.refused += 1
            load.milliseconds.append((now - line.sent_at) * 1000)
            line.answer = b""
            request = next(requests, None) if now < ends else None
            if request is None:
                selector.unregister(line.connection)
                line.connection.close()
                open_lines -= 1
                continue
            line.sent_at = time.perf_counter()
            line.connection.sendall(request)
    load.seconds = time.perf_counter() - started
    return load
