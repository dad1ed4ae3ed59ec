"""Where the test process hands its tasks.

The browser tests keep a worker running beside all other tests of their process, on the same database. What those tests hand to the
broker is not for it: it would do their work before they can look. So tasks go where nobody listens, unless a test asks for a worker.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from kombu import pools

from accounts import queueing
from config.celery import app


@contextmanager
def tasks_go_to(url: str) -> Iterator[None]:
    """Hand the tasks of this process to the broker at ``url``, and forget afterwards what became of it."""
    usual = app.conf.broker_write_url
    try:
        app.conf.broker_write_url = url
        _forget()
        yield
    finally:
        app.conf.broker_write_url = usual
        _forget()


def _forget() -> None:
    """Close every connection, so that the next call goes where the settings point now, and leave no broker alone."""
    queueing._leave_alone_until = 0.0
    pools.reset()
    app._after_fork()
