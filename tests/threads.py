"""Run functions at the same instant, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.core.cache import caches
from django.db import connections


def at_once(functions: Sequence[Callable[[], Any]], *, seconds: float = 60) -> list[Any]:
    """What each function gave; an exception is given, not raised, so that a test can say which are allowed."""
    results: list[Any] = [None] * len(functions)
    barrier = threading.Barrier(len(functions))

    def run(index: int) -> None:
        try:
            barrier.wait(seconds)
            results[index] = functions[index]()
        except Exception as error:
            results[index] = error
        finally:
            leave_nothing_open()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a thread still waits: a deadlock that nobody noticed"
    return results


def leave_nothing_open() -> None:
    """Close what this thread opened: a socket that is left to the garbage collector is a warning in some later test."""
    connections.close_all()
    for pool in caches["default"]._cache._pools.values():  # type: ignore[attr-defined]
        pool.disconnect()
