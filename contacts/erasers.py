"""Who destroys what is known of a person: a registry that the rooms which keep something about people fill when they are ready."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contacts.models import Identifier


@dataclass(frozen=True)
class Person:
    """Who is erased, as they were known. ``values`` are addresses in every spelling, ``names`` everything else that they told us."""

    profile_ids: tuple[int, ...]
    contact_ids: tuple[int, ...]
    identifiers: tuple[Identifier, ...]
    values: frozenset[str]
    names: frozenset[str]


@dataclass
class Report:
    """What became of it. ``removed`` and ``kept`` hold no personal data; ``mentions`` are other people's messages that name the person."""

    profiles: tuple[int, ...]
    removed: Counter[str] = field(default_factory=Counter)
    kept: dict[str, str] = field(default_factory=dict)
    mentions: list[dict[str, int]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"profiles": list(self.profiles), "removed": dict(self.removed), "kept": self.kept, "mentions": self.mentions}


Eraser = Callable[[Person, Report], None]
_erasers: dict[str, Eraser] = {}


def on_erasure(name: str, eraser: Eraser) -> None:
    """Called from the ``ready()`` of a room that keeps something about people. Erasers run inside the transaction, in the order in
    which the rooms are installed, and before the person's identifiers are gone."""
    _erasers[name] = eraser


def erasers() -> list[Eraser]:
    """In the order of their registration."""
    return list(_erasers.values())
