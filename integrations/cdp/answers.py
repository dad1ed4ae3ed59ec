"""What the doors of customer data have in common: reading a body within its limit, answering, and browsers of other sites."""

import math
import zlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

# What the libraries of Segment and of those who speak its language send from a page.
BROWSER_HEADERS = "authorization, content-type, anonymousid"
REMEMBER_PREFLIGHT = 86_400  # seconds


class Refusal(Exception):
    """Nothing was taken; the message says why, for whoever wrote the program. ``wait``: seconds until it may try again."""

    def __init__(self, status: int, message: str, *, wait: float = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.wait = status, message, wait


def read_raw(request: HttpRequest, *, largest: int) -> bytes | None:
    """The body as it arrived, whether its length was announced or not; ``None`` where it is larger. No more than that is in memory."""
    raw = request.read(largest + 1)
    return None if len(raw) > largest else raw


def unpack(raw: bytes, *, largest: int) -> bytes | None:
    """What was packed with gzip; ``None`` where it is larger. No more than that is unpacked. Raises ``Refusal``."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unpacking.decompress(raw, largest + 1)
    except zlib.error:
        content = b""
    if len(content) > largest:
        return None
    if not unpacking.eof:
        raise Refusal(400, "The body is said to be gzip, and is not, or was cut off.")
    return content


def taken(rejected: Sequence[dict[str, Any]] = ()) -> HttpResponse:
    return JsonResponse({"success": True, **({"rejected": list(rejected)} if rejected else {})})


def say_no(refusal: Refusal) -> HttpResponse:
    answer = JsonResponse({"success": False, "message": refusal.message}, status=refusal.status)
    if refusal.wait:
        answer["Retry-After"] = str(math.ceil(refusal.wait))
    return answer


def open_to_browsers(door: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let pages of any site call the door and read its answer. It knows keys and no cookies, so that nothing else opens with that."""

    @wraps(door)
    def wrapped(request: HttpRequest, **named: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            answer = HttpResponse(status=204)
            answer["Access-Control-Allow-Methods"] = "POST"
            answer["Access-Control-Allow-Headers"] = BROWSER_HEADERS
            answer["Access-Control-Max-Age"] = str(REMEMBER_PREFLIGHT)
        else:
            answer = door(request, **named)
            answer["Access-Control-Expose-Headers"] = "retry-after"
        answer["Access-Control-Allow-Origin"] = "*"
        return answer

    return wrapped
