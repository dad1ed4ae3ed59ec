"""Addresses of the workspace for a row, whose account is read in its own scope."""

from accounts.scope import account_scope
from accounts.tenancy import TenantModel


def inbox_url(row: TenantModel, path: str = "") -> str:
    """``path`` below the inbox of the row's account."""
    with account_scope(row.account_id):
        return f"/a/{row.account.slug}/inbox/{path}"
