"""Which account the running code works for.

The scope lives in django-scopes' context variable, so that it follows requests, tasks, sockets and threads that asgiref
starts. ``accounts.tenancy`` filters by it, and ``accounts.database`` tells PostgreSQL the same before each statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django_scopes import ScopeError, get_scope, scope

if TYPE_CHECKING:
    from accounts.models import Account


@contextmanager
def account_scope(account: "Account | int") -> Iterator[None]:
    """Run the body for one account: queries see its rows only, and new rows belong to it."""
    with scope(account=account if isinstance(account, int) else account.pk):
        yield


def current_account_id() -> int:
    """The account the running code works for. Raises ``ScopeError`` where no scope was entered."""
    account_id = scoped_account_id()
    if account_id is None:
        raise ScopeError("This needs an account: wrap it in account_scope(account).")
    return account_id


def scoped_account_id() -> int | None:
    """Like ``current_account_id``, but ``None`` where no scope was entered."""
    return get_scope().get("account")
