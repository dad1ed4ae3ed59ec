"""The kinds of data that a rule can let go of: a registry that the rooms which keep them fill when they are ready.

The ledger, suppressions, notices and the audit are no such kinds: they prove what was allowed, and nothing here reaches them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RetentionKind:
    """One kind. ``count`` says how many rows of the account in scope are older than a time; ``forget`` deletes some of them, at most
    so many, in a transaction of its own, and gives how many: it is called until it gives 0."""

    key: str
    label: Any
    help: Any
    count: Callable[[datetime], int]
    forget: Callable[[datetime, int], int]


_kinds: dict[str, RetentionKind] = {}


def register(kind: RetentionKind) -> None:
    """Called from ``ready()``; registering again replaces."""
    _kinds[kind.key] = kind


def all_kinds() -> list[RetentionKind]:
    """In the order of their registration."""
    return list(_kinds.values())
