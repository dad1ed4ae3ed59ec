"""Read what Meta sends without trusting its shape: a missing or odd field spoils its own part only."""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from inbox.adapters import PartNotRead, UnreadableEvent

# Later than this, a number of seconds is a number of milliseconds (the year 5138).
_MILLISECONDS_FROM = 100_000_000_000
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_UNSTORABLE = re.compile(r"\\u0000|\\ud[89a-f]|[\ud800-\udfff\x00]", re.IGNORECASE)
MAX_ID = 400
MAX_ADDRESS = 320


class UnreadablePart(ValueError):
    """This part of a batch cannot be read; the others can."""


def load(body: bytes) -> Any:
    """The JSON of a webhook, fit to be stored: no NUL, no half surrogates, no infinite numbers. Raises ``UnreadableEvent``."""
    try:
        return load_text(body.decode())
    except ValueError as error:
        raise UnreadableEvent(f"This is not JSON: {error}") from error


def load_text(document: str) -> Any:
    """Like ``load``, for JSON inside a string. Raises ``ValueError``."""
    try:
        loaded = json.loads(document, parse_constant=_refuse_constant, parse_float=_finite)
        # Characters that PostgreSQL's text and jsonb cannot hold arrive as escapes, hardly ever as themselves.
        return _storable(loaded) if _UNSTORABLE.search(document) else loaded
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def entries(body: bytes, *, expected: str) -> Iterator[dict[str, Any] | PartNotRead]:
    """The entries of Meta's envelope. Raises ``UnreadableEvent`` where it is none, or is another product's."""
    envelope = load(body)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("entry"), list):
        raise UnreadableEvent("This is not Meta's envelope: 'entry' is missing.")
    if envelope.get("object") != expected:
        raise UnreadableEvent(f"This is for {str(envelope.get('object'))[:80]!r}, not for {expected!r}.")
    return all_rows(envelope, "entry")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def mapping(source: Any, *path: str) -> dict[str, Any]:
    """The object at a path, empty where there is none."""
    for key in path:
        source = source.get(key) if isinstance(source, dict) else None
    return source if isinstance(source, dict) else {}


def rows(source: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of the list at a path; whatever else stands in the list is left out."""
    *above, last = path
    found = mapping(source, *above).get(last)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def all_rows(source: Any, key: str) -> Iterator[dict[str, Any] | PartNotRead]:
    """The objects of a list that should hold nothing else; what is none is said to be not read."""
    found = source.get(key)
    if found is None:
        return
    if not isinstance(found, list):
        yield PartNotRead(f"'{key}' is no list")
        return
    for item in found:
        yield item if isinstance(item, dict) else PartNotRead(f"'{key}' holds what is no object: {json.dumps(item)[:80]}")


def text(source: Any, *path: str) -> str:
    """The text at a path, empty where there is none. Numbers are ids that lost their quotes."""
    *above, last = path
    found = mapping(source, *above).get(last)
    if isinstance(found, bool):
        return ""
    if isinstance(found, int):
        return str(found)
    return found if isinstance(found, str) else ""


def identifier(source: Any, *path: str, longest: int = MAX_ID) -> str:
    """An id that must be there. Raises ``UnreadablePart``."""
    found = text(source, *path).strip()
    if not found or len(found) > longest:
        raise UnreadablePart(f"'{'.'.join(path)}' is missing or too long")
    return found


def moment(value: Any, *, fallback: Any = None) -> datetime:
    """A time in seconds or milliseconds since 1970, as a number or as text, in UTC; ``fallback`` where it is missing.

    Raises ``UnreadablePart`` where neither says a time.
    """
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
        if math.isfinite(number):
            at = datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
            if at >= _EARLIEST:
                return at
    except (ValueError, OverflowError, OSError):
        pass
    if isinstance(fallback, datetime):
        return fallback
    raise UnreadablePart("there is no time")


def number(value: Any) -> float | None:
    """A finite number, or nothing."""
    try:
        found = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
