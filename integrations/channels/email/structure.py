"""The tree of parts in a mail."""

from collections.abc import Iterator
from email.message import Message


def children(part: Message) -> list[Message]:
    """The parts directly inside, none for a leaf."""
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def walk(part: Message) -> Iterator[Message]:
    """The part and every one below it, in reading order, however deep."""
    waiting = [part]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += reversed(children(current))
