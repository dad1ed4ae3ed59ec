"""``POST /v1/identify``, ``track``, ``page``, ``screen``, ``alias``, ``batch``: check the key, store, answer, and nothing else."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.scope import account_scope
from integrations.cdp.reading import read_time
from integrations.cdp.receiving import LARGEST_MESSAGE, store
from integrations.cdp.sources import find_source, read_key

LARGEST_BATCH = 500 * 1024
MOST_IN_BATCH = 2500


@csrf_exempt
@require_POST
def single(request: HttpRequest, kind: str) -> JsonResponse:
    """One message."""
    body, problem = _read(request, largest=LARGEST_MESSAGE)
    if problem is not None:
        return problem
    return _take(request, body, [(kind, body)])


@csrf_exempt
@require_POST
def batch(request: HttpRequest) -> JsonResponse:
    """Many: each names its own type, and one that makes no sense loses none of the others."""
    body, problem = _read(request, largest=LARGEST_BATCH)
    if problem is not None:
        return problem
    messages = body.get("batch")
    if not isinstance(messages, list) or len(messages) > MOST_IN_BATCH:
        return _refuse(400, f"“batch” must be a list of at most {MOST_IN_BATCH} messages.")
    return _take(request, body, [(_kind(each), each) for each in messages])


def _kind(message: Any) -> str:
    kind = message.get("type") or message.get("action") if isinstance(message, Mapping) else ""
    return kind if isinstance(kind, str) else ""


def _read(request: HttpRequest, *, largest: int) -> tuple[dict[str, Any], JsonResponse | None]:
    try:
        raw = request.body
    except RequestDataTooBig:
        raw = b" " * (largest + 1)
    if len(raw) > largest:
        return {}, _refuse(400, f"The body is larger than {largest // 1024} KB.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}, _refuse(400, "The body is no JSON.")
    return (body, None) if isinstance(body, dict) else ({}, _refuse(400, "The body must be an object."))


def _take(request: HttpRequest, body: Mapping[str, Any], messages: list[tuple[str, Any]]) -> JsonResponse:
    key = read_key(_key(request, body))
    if key is None:
        return _refuse(401, "The write key is missing or unknown.")
    with account_scope(key.account_id):
        source = find_source(key.digest)
        if source is None:
            return _refuse(401, "The write key is missing or unknown.")
        refused = store(source=source, messages=messages, sent_at=read_time(body.get("sentAt")))
    answer: dict[str, Any] = {"success": True}
    if refused:
        answer["rejected"] = [{"index": each.index, "reason": each.reason} for each in refused]
    return JsonResponse(answer)


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


def _refuse(status: int, message: str) -> JsonResponse:
    return JsonResponse({"success": False, "message": message}, status=status)
