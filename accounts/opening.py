"""Open an account."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from accounts.models import Account, Membership, User
from accounts.roles import Role
from accounts.scope import account_scope

# Called inside the scope and the transaction of a new account: rooms to the left give it what it begins with.
_listeners: list[Callable[[Account], None]] = []


def on_account_opened(listener: Callable[[Account], None]) -> None:
    """Called from ``AppConfig.ready()``; adding a listener again changes nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


@transaction.atomic
def open_account(*, name: str, slug: str, admin: User | None = None, **settings: Any) -> Account:
    """Create an account, with ``admin`` as its first administrator.

    The id is drawn first, because row-level security shows and accepts an account only in its own scope.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('accounts_account', 'id'))")
        account_id = cursor.fetchone()[0]
    account = Account(id=account_id, name=name, slug=slug, **settings)
    with account_scope(account_id):
        account.full_clean(exclude=["slug"])
        account.save(force_insert=True)
        if admin is not None:
            Membership.objects.create(user=admin, role=Role.ADMIN)
        for listener in _listeners:
            listener(account)
    return account
