"""The door at which addresses are masked: every page and every answer of the API to a member who does not see them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import Membership
from accounts.scope import account_scope
from contacts.masking import Level, level_of, mask_known

# Set on an answer that shows one value on purpose, after the audit was written.
SHOWS_ADDRESSES = "shows_addresses"
# Stands in no text: PostgreSQL does not take it.
BETWEEN = "\0"
MASKED_TYPES = ("text/", "application/json", "application/vnd.oai")


class MaskingMiddleware:
    """Stands before ``AccountScopeMiddleware``, so that it sees what views, errors and the API answered. Files are left as they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        membership: Membership | None = getattr(request, "membership", None)
        if membership is None or response.streaming or getattr(response, SHOWS_ADDRESSES, False):
            return response
        if not response.headers.get("Content-Type", "").startswith(MASKED_TYPES) or level_of(membership) is Level.SHOWN:
            return response
        with account_scope(membership.account_id):
            masked = mask_answer(response, region=membership.account.default_region)
        response.content = masked  # type: ignore[attr-defined]
        return response


def mask_answer(response: Any, *, region: str) -> bytes:
    """The content of the answer, masked. JSON is read first: what people wrote over several lines is one word with ``\\n`` in it."""
    charset = response.charset or "utf-8"
    text = response.content.decode(charset)
    if not response.headers["Content-Type"].startswith("application/json") or not text.strip():
        return mask_known(text, region=region).encode(charset)
    content = json.loads(text)
    texts = list(_texts(content))
    fresh = iter(mask_known(BETWEEN.join(texts), region=region).split(BETWEEN))
    return json.dumps(_with(content, fresh), ensure_ascii=False, separators=(",", ":")).encode(charset)


def _texts(content: Any) -> Iterator[str]:
    match content:
        case str():
            yield content.replace(BETWEEN, "")
        case list():
            for each in content:
                yield from _texts(each)
        case dict():
            for name, each in content.items():
                yield name
                yield from _texts(each)


def _with(content: Any, fresh: Iterator[str]) -> Any:
    match content:
        case str():
            return next(fresh)
        case list():
            return [_with(each, fresh) for each in content]
        case dict():
            return {next(fresh): _with(each, fresh) for each in content.values()}
    return content
