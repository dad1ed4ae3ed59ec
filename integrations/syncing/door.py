"""``POST /hooks/crm/<key of the connection>/``: what other systems tell of changes. Check where it comes from, keep it, answer.

A provider signs the address as it was entered there, so the address that the connection's page shows is the one that is checked,
whatever a proxy made of it.
"""

import time
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.entrances import account_id_by_connection_key
from accounts.scope import account_scope
from integrations.crm.contract import HearsHooks
from integrations.crm.registry import connector_of
from integrations.models import Connection
from integrations.syncing.noticing import note
from integrations.syncing.opening import settings_of

log = structlog.get_logger("hilo.syncing")
LARGEST_BODY = 1024 * 1024


@csrf_exempt
@require_POST
def changes_there(request: HttpRequest, key: str) -> HttpResponse:
    """404 for what is no address, 413 for too much, 403 for a signature that proves nothing, 400 for what makes no sense; else 200."""
    account_id = account_id_by_connection_key(key)
    if account_id is None:
        return HttpResponse(status=404)
    with account_scope(account_id):
        connection = Connection.scoped().get(key=key)
        connector = connector_of(connection.kind)
        if not issubclass(connector, HearsHooks):
            return HttpResponse(status=404)
        try:
            body = request.body
        except RequestDataTooBig:
            return HttpResponse(status=413)
        if len(body) > LARGEST_BODY:
            return HttpResponse(status=413)
        known = _known(connection)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not connector.verify_hook(known, method="POST", url=_asked(request), headers=headers, body=body, now=time.time()):
            log.warning("hook_refused", connection=connection.pk)
            return HttpResponse(status=403)
        try:
            notices = connector.read_hook(known, body)
        except (ValueError, RecursionError):
            return HttpResponse(status=400)
        note(connection=connection, notices=notices)
    return HttpResponse(status=200)


def hook_address(connection: Connection) -> str:
    """The address to enter there; empty where the system sends no webhooks."""
    if not issubclass(connector_of(connection.kind), HearsHooks):
        return ""
    return settings.PUBLIC_URL.rstrip("/") + reverse("integrations:connection_hook", args=[connection.key])


def has_hook_secret(connection: Connection) -> bool:
    """Whether a webhook can prove where it comes from."""
    return bool(_known(connection).get("client_secret"))


def _known(connection: Connection) -> dict[str, Any]:
    """Settings and secrets. The connection's own secret comes before the one of the installation's app."""
    secrets: Any = connection.credentials
    return {**settings_of(connection), **{name: value for name, value in secrets.items() if value}}


def _asked(request: HttpRequest) -> str:
    return settings.PUBLIC_URL.rstrip("/") + request.get_full_path()
