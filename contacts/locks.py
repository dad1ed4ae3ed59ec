"""Advisory locks in two classes: match keys first, then contacts, each class in sorted order.

They are taken inside a transaction and given back with it. Row locks alone would lose updates: under READ COMMITTED two
transactions each see the rows as they were before the other one moved them.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import connection, transaction

from accounts.busy import Busy
from accounts.scope import current_account_id
from contacts.models import Profile

Found = TypeVar("Found")
ATTEMPTS = 25


class StillMoving(Busy):
    """The people in question were merged or separated again and again while we waited: try the whole transaction again."""


def lock_keys(keys: Iterable[tuple[str, str]]) -> None:
    """Hold the match keys ``(kind, key)`` until the transaction ends, so that nobody else decides about them meanwhile."""
    _lock(f"key:{kind}:{key}" for kind, key in keys)


def lock_contacts(contact_ids: Iterable[int]) -> None:
    """Hold the contacts until the transaction ends: nobody else joins or separates their profiles meanwhile."""
    _lock(f"contact:{contact_id}" for contact_id in contact_ids)


def _lock(names: Iterable[str]) -> None:
    account_id = current_account_id()
    numbers = sorted({_number(f"{account_id}:{name}") for name in names})
    if not numbers:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(n) FROM unnest(%s::bigint[]) WITH ORDINALITY AS locks(n, i) ORDER BY i", [numbers])


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


class _Moved(Exception):
    pass


def hold(find: Callable[[], Found], *, contacts_of: Callable[[Found], dict[int, int]], also: Iterable[int] = ()) -> Found:
    """Find profiles, lock the contacts they sit in, and make sure they still sit there; otherwise let go and start again.

    ``contacts_of`` gives profile id → contact id of what was found. ``also`` are contacts to lock besides. The locks of a failed
    attempt are given back by rolling back its savepoint, so that the sorted order holds. Raises ``StillMoving``.
    """
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                found = find()
                expected = contacts_of(found)
                lock_contacts({*expected.values(), *also})
                if expected and dict(Profile.scoped().filter(pk__in=expected).values_list("pk", "contact_id")) != expected:
                    raise _Moved
                return found
        except _Moved:
            continue
    raise StillMoving
