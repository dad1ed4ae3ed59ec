"""How commands name an account."""

from django.core.management.base import CommandError

from accounts.entrances import account_id_by_slug


def account_named(slug: str) -> int:
    """The account's id. Raises ``CommandError`` where there is none."""
    account_id = account_id_by_slug(slug)
    if account_id is None:
        raise CommandError(f"There is no account “{slug}”.")
    return account_id
