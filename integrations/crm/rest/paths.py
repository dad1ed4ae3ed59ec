"""Paths into JSON such as ``address.city`` or ``emails.0.value``: read, and written without losing what stands beside."""

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
    """Set what stands at the path, making the objects on the way. A list is replaced as a whole (``emails.*.value``)."""
    head, _dot, rest = path.partition(".")
    if not rest:
        body[head] = value
    elif rest == "*" or rest.startswith("*."):
        inner = rest[2:]
        body[head] = [nested(inner, each) if inner else each for each in (value or [])]
    elif rest.split(".")[0].isdigit():
        body[head] = [nested(rest.partition(".")[2], value) if "." in rest else value]
    else:
        inside = body.setdefault(head, {})
        if not isinstance(inside, dict):
            inside = body[head] = {}
        put(inside, rest, value)


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
