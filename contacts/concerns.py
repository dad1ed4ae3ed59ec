"""What a person should know before two contacts are merged: rooms to the left of this one register what they see."""

from collections.abc import Callable
from dataclasses import dataclass

from contacts.models import Contact


@dataclass(frozen=True)
class Concern:
    """One thing to know beforehand, in words. ``name`` is for programs: open_conversations, consent …"""

    name: str
    text: str


Source = Callable[[Contact, Contact], list[Concern]]
_sources: dict[str, Source] = {}


def register(name: str, source: Source) -> None:
    """Called from the ``ready()`` of the room that owns the source, which takes a constant number of queries."""
    _sources[name] = source


def concerns_between(ours: Contact, theirs: Contact) -> list[Concern]:
    """What the other rooms want to be known, in a fixed order."""
    return [concern for name in sorted(_sources) for concern in _sources[name](ours, theirs)]
