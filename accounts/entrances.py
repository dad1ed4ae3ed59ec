"""The only unscoped look-ups: how a request, a token or a webhook finds the account it belongs to.

Each asks one SECURITY DEFINER function (``accounts.row_security``), which gives ids, never a row's content.
"""

import hashlib
from typing import NamedTuple

from django.db import connection


class AccountChoice(NamedTuple):
    """An account that a user may enter."""

    account_id: int
    slug: str
    name: str
    role: str


def _one(function: str, argument: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [argument])
        row = cursor.fetchone()
    return row[0] if row else None


def account_id_by_slug(slug: str) -> int | None:
    return _one("hilo_account_by_slug", slug)


def account_id_by_channel_key(key: str) -> int | None:
    return _one("hilo_account_by_channel", key)


def account_id_by_connection_key(key: str) -> int | None:
    return _one("hilo_account_by_connection", key)


def account_id_by_token(token: str) -> int | None:
    return _one("hilo_account_by_token", token_digest(token))


def token_digest(token: str) -> str:
    """What is kept of a bearer token. Tokens are 256 random bits, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def all_account_ids() -> list[int]:
    """For sweepers, which then enter each account's scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT hilo_account_ids()")
        return [row[0] for row in cursor.fetchall()]


def accounts_of_user(user_id: int) -> list[AccountChoice]:
    """The accounts in which the user has an active membership, by name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, slug, name, role FROM hilo_accounts_of_user(%s)", [user_id])
        return [AccountChoice(*row) for row in cursor.fetchall()]
