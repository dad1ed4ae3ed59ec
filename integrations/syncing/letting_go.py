"""A permission that we no longer use is withdrawn at the system that gave it, so that nobody can use what it was worth.

The row that says so is written with the disconnecting, and deleted when the other system has heard of it, or never will.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.queueing import back_off, enqueue
from integrations.crm.contract import ConnectorError, Retry
from integrations.crm.oauth import revoke
from integrations.crm.registry import connector_of
from integrations.crm.wire import Wire
from integrations.models import Connection, EndedGrant
from integrations.syncing.opening import with_app

log = structlog.get_logger("hilo.syncing")
HELD = timedelta(seconds=120)
# A refresh token that was not revoked for so long is of a system that is no longer there.
KEPT = timedelta(days=3)


def let_go(connection: Connection) -> None:
    """Note that what the connection was given is to be withdrawn, unless another one was given the very same. No call is made here."""
    from integrations.syncing.tasks import withdraw_grant

    said = _own(connection)
    oauth, token = connector_of(connection.kind).oauth(said), _token(said)
    if oauth is None or not oauth.revoke_url or not token:
        return
    others = Connection.scoped().filter(kind=connection.kind).exclude(pk=connection.pk)
    if any(_token(_own(other)) == token for other in others):
        return
    grant = EndedGrant.objects.create(kind=connection.kind, name=connection.name, secrets=said)
    enqueue(withdraw_grant, account_id=grant.account_id, grant_id=grant.pk)


def withdraw(*, grant_id: int) -> None:
    """Tell the other system. Refused, it is as good as withdrawn: nobody can do more about it. Safe to run twice."""
    if not due().filter(pk=grant_id).update(due_at=timezone.now() + HELD, attempts=F("attempts") + 1):
        return
    grant = EndedGrant.scoped().get(pk=grant_id)
    own: Any = grant.secrets
    said = with_app(grant.kind, own)
    oauth = connector_of(grant.kind).oauth(said)
    try:
        if oauth is not None:
            revoke(oauth, said, Wire())
    except Retry as error:
        if grant.created_at > timezone.now() - KEPT:
            wait = timedelta(seconds=error.after) or back_off(grant.attempts)
            EndedGrant.scoped().filter(pk=grant.pk).update(due_at=timezone.now() + wait)
            return
        log.warning("grant_not_withdrawn", kind=grant.kind, connection=grant.name)
    except ConnectorError as error:
        log.warning("grant_not_withdrawn", kind=grant.kind, connection=grant.name, error=type(error).__name__)
    EndedGrant.scoped().filter(pk=grant.pk).delete()


def due() -> QuerySet[EndedGrant]:
    """What no worker has and whose time has come."""
    return EndedGrant.scoped().filter(due_at__lte=timezone.now()).order_by("due_at", "pk")


def _own(connection: Connection) -> dict[str, Any]:
    secrets: Any = connection.credentials
    return {**connection.settings, **secrets}


def _token(said: dict[str, Any]) -> str:
    return str(said.get("refresh_token") or said.get("access_token") or "")
