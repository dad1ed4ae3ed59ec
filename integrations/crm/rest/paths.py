"""Paths into JSON such as ``address.city`` or ``emails.0.value``: read, and written without losing what stands beside."""

from collections.abc import Collection
from typing import Any


def at(value: Any, path: str) -> Any:
    """What stands at the path; ``None`` where there is nothing. ``emails.*.value`` gives a list. An empty path is the whole."""
    parts = path.split(".") if path else []
    for number, part in enumerate(parts):
        if part == "*":
            rest = ".".join(parts[number + 1 :])
            return [found for each in (value if isinstance(value, list) else []) if (found := at(each, rest)) is not None]
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set what stands at the path, making the objects on the way and keeping what stands beside it.

    ``emails.*.value`` takes the values that shall be there: entries that have one of them stay as they are, the others go, new
    values get an entry of their own. ``emails.0.value`` changes that entry, or adds one where the list is shorter.
    """
    head, _dot, rest = path.partition(".")
    if not rest:
        body[head] = value
        return
    first, _dot, inner = rest.partition(".")
    if first == "*":
        body[head] = _entries(body.get(head), inner, value or [])
    elif first.isdigit():
        body[head] = _with_entry(body.get(head), int(first), inner, value)
    else:
        inside = body.setdefault(head, {})
        if not isinstance(inside, dict):
            inside = body[head] = {}
        put(inside, rest, value)


def _entries(known: Any, inner: str, values: Collection[Any]) -> list[Any]:
    if not inner:
        return list(values)
    kept = [each for each in (known if isinstance(known, list) else []) if isinstance(each, dict) and at(each, inner) in values]
    there = [at(each, inner) for each in kept]
    return [*kept, *(nested(inner, each) for each in values if each not in there)]


def _with_entry(known: Any, number: int, inner: str, value: Any) -> list[Any]:
    entries = list(known) if isinstance(known, list) else []
    if number >= len(entries):
        return [*entries, nested(inner, value) if inner else value]
    if inner and isinstance(entries[number], dict):
        put(entries[number], inner, value)
    else:
        entries[number] = nested(inner, value) if inner else value
    return entries


def nested(path: str, value: Any) -> dict[str, Any]:
    """An object that holds the value at the path."""
    body: dict[str, Any] = {}
    put(body, path, value)
    return body


def leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    """Every path that leads to a text, number, boolean, nothing, or a list of them."""
    found: dict[str, Any] = {}
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= leaves(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for name in value[0]:
            found[f"{prefix}.*.{name}"] = [each.get(name) for each in value if isinstance(each, dict)]
    else:
        found[prefix] = value
    return found
