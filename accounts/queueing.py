"""Ask a worker to do something after the transaction; the database stays the queue of record.

A broker that is down or loses everything loses nothing: what is pending is a row, and a sweeper asks again.
"""

import functools
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from celery import Task
from django.db import transaction
from django.db.models import QuerySet
from kombu.exceptions import KombuError

from accounts.entrances import all_account_ids
from accounts.scope import account_scope

log = structlog.get_logger("hilo.queue")


class AccountTask(Task):
    """A task of one account: it enters the scope, and its log lines carry the ids it was given."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        account_id: int = kwargs["account_id"]
        with account_scope(account_id), structlog.contextvars.bound_contextvars(task=self.name, **kwargs):
            return super().__call__(*args, **kwargs)


# What one sweep asks for per account; the rest waits for the next one.
MOST_PER_SWEEP = 500
# The broker gives a task that it holds longer than its visibility time-out to a second worker. Longer waits are the sweepers'.
LONGEST_WAIT = 60.0
# A row that was made just now has just been handed to the broker: no sweep asks for it yet.
GRACE = timedelta(seconds=10)
LEAVE_ALONE = 2.0  # seconds
_leave_alone_until = 0.0


def enqueue(task: Task, *, in_seconds: float = 0, **ids: Any) -> None:
    """Hand ``task`` to the broker once the transaction has committed (at once outside one). Never raises for a dead broker.

    A task that is to run later than a minute from now is left to the sweeper that looks for its row.
    """
    if in_seconds > LONGEST_WAIT:
        return
    transaction.on_commit(functools.partial(publish, task, in_seconds=in_seconds, **ids))


def publish(task: Task, *, in_seconds: float = 0, **ids: Any) -> bool:
    """Hand ``task`` to the broker now; ``False`` when the broker did not take it.

    After a failure nobody waits for the broker again for a moment: a page that saves ten things would wait ten times.
    """
    global _leave_alone_until
    if time.monotonic() < _leave_alone_until:
        return False
    try:
        task.apply_async(kwargs=ids, countdown=in_seconds or None, retry=False)
    except (KombuError, OSError) as error:
        _leave_alone_until = time.monotonic() + LEAVE_ALONE
        log.warning("broker_unreachable", task=task.name, error=type(error).__name__, **ids)
        return False
    return True


def back_off(attempt: int) -> timedelta:
    """How long to wait after the given attempt (the first is 1): 5 s, doubled each time, at most an hour."""
    return timedelta(seconds=min(5 * 2 ** (attempt - 1), 3600))


def sweep(task: Task, argument: str, find: Callable[[], QuerySet]) -> int:
    """Ask ``task`` for every id that ``find`` gives, account by account and inside its scope.

    What is pending is asked for again until it is done, so a refusal of the broker ends the sweep. Returns how many were asked for.
    """
    asked = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            for pk in find()[:MOST_PER_SWEEP]:
                if not publish(task, account_id=account_id, **{argument: pk}):
                    return asked
                asked += 1
    return asked
