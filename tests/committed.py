"""For tests whose rows other threads, processes and sockets read: import ``db`` into the module, and everything commits.

Nothing is rolled back or truncated: every test opens accounts of its own.
"""

from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database, without a transaction around the test."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


def at_once(*doings: Callable[[], Any]) -> list[Any]:
    """Do these at the same instant, each in a thread with a connection of its own; what they return, or the error they raised."""
    barrier = Barrier(len(doings))
    results: list[Any] = [None] * len(doings)

    def run(number: int, do: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            results[number] = do()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair) for pair in enumerate(doings)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
