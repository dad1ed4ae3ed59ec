"""A write that carries an ``Idempotency-Key`` happens once, however often it is sent.

The key's row, the change and the stored answer are one transaction: a crash undoes all of them, and a duplicate that arrives
meanwhile waits on the row's unique index until the first one is done. Only successes are kept: what was refused changed
nothing and may be sent again with the same key.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict, Unprocessable
from accounts.models import ApiToken, IdempotentRequest

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
# How long a duplicate waits for the first one, in milliseconds.
PATIENCE = 15_000
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class IdempotencyMixin:
    """For views: wraps the handler of a write that carries the header."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        name = (request.method or "").lower()
        handler = getattr(self, name, None)
        if request.method in WRITES and HEADER in request.headers and handler is not None:
            key = _checked(request.headers[HEADER])

            def once(request: Request, *args: Any, **kwargs: Any) -> Response:
                return answer_once(request, key=key, handler=lambda: handler(request, *args, **kwargs))

            # A view object serves one request; dispatch looks the handler up after this.
            setattr(self, name, once)


def _checked(key: str) -> str:
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise ValidationError({HEADER: [_("Write 1 to 255 printable characters.")]})
    return key


def answer_once(request: Request, *, key: str, handler: Callable[[], Response]) -> Response:
    """Run the handler, or give again what it answered to the same key and request within 24 hours.

    Raises ``Unprocessable`` for the key of another request, ``Conflict`` when the first one takes too long.
    """
    token: ApiToken = request.auth  # type: ignore[assignment]
    fingerprint = _fingerprint(request)
    with transaction.atomic():
        row = _claim(token=token, key=key, fingerprint=fingerprint)
        if row is None:
            return _replay(token=token, key=key, fingerprint=fingerprint)
        response = handler()
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        # A view may keep less than it says: a secret is given once.
        kept = getattr(response, "kept", response.data)
        answer = {"data": json.loads(JSONRenderer().render(kept) or b"null"), "location": response.headers.get("Location", "")}
        IdempotentRequest.scoped().filter(pk=row).update(status=response.status_code, answer=answer)
        return response


def _fingerprint(request: Request) -> str:
    http = request._request
    return hashlib.sha256(b"\0".join([http.method.encode(), http.get_full_path().encode(), http.body])).hexdigest()  # type: ignore[union-attr]


def _claim(*, token: ApiToken, key: str, fingerprint: str) -> int | None:
    """The id of the new row, or ``None`` where the key is taken. Waits for a transaction that is just taking it."""
    now = timezone.now()
    IdempotentRequest.scoped().filter(token=token, key=key, created_at__lt=now - KEPT_FOR).delete()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {PATIENCE}")
            cursor.execute(
                "INSERT INTO accounts_idempotentrequest (account_id, token_id, key, fingerprint, created_at)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (account_id, token_id, key) DO NOTHING RETURNING id",
                [token.account_id, token.pk, key, fingerprint, now],
            )
            inserted = cursor.fetchone()
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Conflict(
                _("The same request is still being worked on. Send it again in a moment."), code="in_progress", retry_after=5
            ) from error
        raise
    return inserted[0] if inserted else None


def _replay(*, token: ApiToken, key: str, fingerprint: str) -> Response:
    row = IdempotentRequest.scoped().get(token=token, key=key)
    if row.fingerprint != fingerprint:
        raise Unprocessable(_("This Idempotency-Key was used for another request. Take a new key for each request."), "key_reused")
    answer: dict[str, Any] = row.answer or {}
    response = Response(answer["data"], status=row.status, headers={"Idempotency-Replayed": "true"})
    if answer["location"]:
        response["Location"] = answer["location"]
    return response


def forget_old_answers() -> int:
    """Delete what is older than 24 hours in the account in scope; gives how many."""
    return IdempotentRequest.scoped().filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0]
