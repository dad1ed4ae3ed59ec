"""Make what came from outside fit to be stored: PostgreSQL takes neither NUL nor half a surrogate pair, nor JSON with NaN."""

import dataclasses
import math
from typing import Any, TypeVar

Part = TypeVar("Part")


def storable(value: Part) -> Part:
    """A copy of text, mappings, sequences and dataclasses without what PostgreSQL refuses; anything else as it is."""
    return _storable(value)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        # The exact type is kept where nothing has to change (an enum's member is a string too).
        return value if value.isascii() and "\x00" not in value else _clean(value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_storable(item) for item in value)
    if isinstance(value, float):
        # Python reads NaN and 1e999 in JSON, which has no word for either.
        return value if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _storable(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
