"""``POST /hooks/identify/<source>/``: the business's own server says what its customer changed, and signs it.

The same message as Segment's ``identify``, stored and taken as every other; what differs is who is believed: the signature is that of
the Standard Webhooks specification, and ``webhook-id`` makes a second attempt change nothing.
"""

import json
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.scope import account_scope
from integrations.cdp import limiting
from integrations.cdp.answers import Refusal, read_raw, say_no, taken
from integrations.cdp.reading import Rejected, read
from integrations.cdp.receiving import LARGEST_MESSAGE, LONGEST_MESSAGE_ID, SIGNED, store
from integrations.cdp.sources import find_by_address, secrets_of
from integrations.models import CustomerDataSource
from integrations.signatures import Unproven, check_standard

KIND = "identify"


@csrf_exempt
@require_POST
def identify(request: HttpRequest, account_id: str, key: str) -> HttpResponse:
    """Take one message; the answer comes when it is stored. Every refusal says why and changes nothing."""
    try:
        raw = read_raw(request, largest=LARGEST_MESSAGE)
        if raw is None:
            raise Refusal(413, f"The body is larger than {LARGEST_MESSAGE // 1024} KB.")
        with account_scope(int(account_id)):
            source = find_by_address(key)
            if source is None:
                raise limiting.refused(request, Refusal(404, "There is no such address."))
            message_id = _proven(request, source, raw)
            limiting.count(request, source)
            _store(source, message_id, _understood(raw), _signed_at(request))
    except Refusal as refusal:
        return say_no(refusal)
    return taken()


def _proven(request: HttpRequest, source: CustomerDataSource, raw: bytes) -> str:
    """The id of a message that the source's server signed just now."""
    now = timezone.now()
    secrets = secrets_of(source, now)
    try:
        if not secrets:
            raise Unproven("No signing secret was made for this address.")
        headers = {name.lower(): value for name, value in request.headers.items()}
        message_id = check_standard(secrets=secrets, headers=headers, body=raw, now=now.timestamp())
    except Unproven as error:
        raise limiting.refused(request, Refusal(401, str(error))) from None
    if len(message_id) > LONGEST_MESSAGE_ID - len(SIGNED):
        raise Refusal(400, f"webhook-id must be at most {LONGEST_MESSAGE_ID - len(SIGNED)} characters.")
    return message_id


def _understood(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is no JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body must be an object.")
    try:
        said = read(kind=KIND, body=body, sent_at=None, received_at=timezone.now())
    except Rejected as rejected:
        raise Refusal(422, str(rejected)) from None
    if not said.user_id:
        raise Refusal(422, "userId is needed: who it is in your system.")
    return body


def _store(source: CustomerDataSource, message_id: str, body: dict[str, Any], sent_at: datetime) -> None:
    with transaction.atomic():
        refused = store(source=source, messages=[(KIND, body)], sent_at=sent_at, id_of=lambda _body: f"{SIGNED}{message_id}")
        if refused:
            raise Refusal(422, refused[0].reason)


def _signed_at(request: HttpRequest) -> datetime:
    return datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
