"""A mark on an embedded database that is being filled for the first time, and what remains of it after an interruption."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

NAME = "unfinished"


@contextlib.contextmanager
def marked(home: Path) -> Iterator[None]:
    """Mark the database of this home as unfinished until the block ends without an error.

    The mark is a locked file: the lock says that somebody is at work, the file alone that they were stopped.
    """
    descriptor = os.open(home / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        (home / NAME).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def was_interrupted(home: Path) -> bool:
    """Tell whether whoever filled the database was stopped before the end."""
    try:
        descriptor = os.open(home / NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def forget(home: Path) -> None:
    """Drop the mark, because its data is gone."""
    (home / NAME).unlink(missing_ok=True)
