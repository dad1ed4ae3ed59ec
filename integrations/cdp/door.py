"""``POST /v1/identify``, ``track``, ``page``, ``screen``, ``alias``, ``batch``: check the key, store, answer, and nothing else.

Libraries in a browser write from any page, and shorten the addresses: ``/v1/i``, ``/v1/t`` …, ``/v1/b``.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.scope import account_scope
from integrations.cdp import limiting
from integrations.cdp.answers import Refusal, open_to_browsers, read_raw, say_no, taken, unpack
from integrations.cdp.reading import read_time
from integrations.cdp.receiving import LARGEST_MESSAGE, store
from integrations.cdp.sources import find_source, read_key

LARGEST_BATCH = 500 * 1024
MOST_IN_BATCH = 2500
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "a": "alias"}


@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
@open_to_browsers
def single(request: HttpRequest, kind: str) -> HttpResponse:
    """One message."""
    try:
        body = _read(request, largest=LARGEST_MESSAGE)
        return _take(request, body, [(SHORT.get(kind, kind), body)])
    except Refusal as refusal:
        return say_no(refusal)


@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
@open_to_browsers
def batch(request: HttpRequest) -> HttpResponse:
    """Many: each names its own type, and one that makes no sense loses none of the others."""
    try:
        body = _read(request, largest=LARGEST_BATCH)
        messages = body.get("batch")
        if not isinstance(messages, list) or len(messages) > MOST_IN_BATCH:
            raise Refusal(400, f"“batch” must be a list of at most {MOST_IN_BATCH} messages.")
        return _take(request, body, [(_kind(each), each) for each in messages])
    except Refusal as refusal:
        return say_no(refusal)


def _kind(message: Any) -> str:
    kind = message.get("type") or message.get("action") if isinstance(message, Mapping) else ""
    return kind if isinstance(kind, str) else ""


def _read(request: HttpRequest, *, largest: int) -> dict[str, Any]:
    raw = read_raw(request, largest=largest)
    if raw is not None and request.headers.get("Content-Encoding", "").strip().lower() == "gzip":
        raw = unpack(raw, largest=largest)
    if raw is None:
        raise Refusal(400, f"The body is larger than {largest // 1024} KB.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is no JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body must be an object.")
    return body


def _take(request: HttpRequest, body: Mapping[str, Any], messages: list[tuple[str, Any]]) -> HttpResponse:
    key = read_key(_key(request, body))
    if key is None:
        raise limiting.refused(request, Refusal(401, "The write key is missing or unknown."))
    with account_scope(key.account_id):
        source = find_source(key.digest)
        if source is None:
            raise limiting.refused(request, Refusal(401, "The write key is missing or unknown."))
        limiting.count(request, source)
        refused = store(source=source, messages=messages, sent_at=read_time(body.get("sentAt")))
    return taken([{"index": each.index, "reason": each.reason} for each in refused])


def _key(request: HttpRequest, body: Mapping[str, Any]) -> str:
    """The user name of Basic authentication, or ``writeKey`` of the body."""
    scheme, _, content = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(content.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            return ""
    key = body.get("writeKey")
    return key if isinstance(key, str) else ""
