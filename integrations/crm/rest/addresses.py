"""What is filled into the addresses that the settings give, and the times that an interface writes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

PLACE = re.compile(r"\{(\w+)\}")
# Later than any time in seconds that is meant: the year 5138.
SECONDS_AT_MOST = 1e11


def places(place: Mapping[str, Any]) -> dict[str, str]:
    """What is filled into the address of the list. Before the first run the time is empty, in numbers 0."""
    since = next(iter(moments(place.get("since"))), None)
    seconds = since.timestamp() if since else 0
    said = {
        "since": place.get("since", ""),
        "since_seconds": int(seconds),
        "since_milliseconds": int(seconds * 1000),
        "cursor": place.get("cursor") or "",
        "page": place.get("page", 1),
        "offset": place.get("offset", 0),
    }
    return {name: quote(str(value)) for name, value in said.items()}


def filled(template: str, known: Mapping[str, str]) -> str:
    """The address with ``{id}`` and the like filled in; a word in braces that is none of ours stays as it is."""
    return PLACE.sub(lambda found: known.get(found[1], found[0]), template)


def moments(value: Any) -> list[datetime]:
    """The time, if it is one: ISO 8601, or seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str) and value.isdecimal() and len(value) > len("20260102"):
            value = int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return [datetime.fromtimestamp(value / 1000 if value > SECONDS_AT_MOST else value, UTC)]
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return []
    return [found if found.tzinfo else found.replace(tzinfo=UTC)]
