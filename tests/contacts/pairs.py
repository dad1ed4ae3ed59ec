"""Short words for the tests of suggestions: two people who may be one."""

import itertools
from typing import Any

from accounts.models import Channel
from contacts.matching import Recognition
from contacts.models import MergeSuggestion
from contacts.suggesting import suggest
from tests.contacts.stories import writes

_numbers = itertools.count(1)


def piece(comparison: str, level: str, bits: float, left: str = "x", right: str = "x") -> dict[str, Any]:
    return {"comparison": comparison, "level": level, "bits": bits, "left": left, "right": right}


EVIDENCE = [
    piece("phone", "own", 14.1, "+56981234567", "+56981234567"),
    piece("surname", "same", 4.6, "perez", "perez"),
    piece("given", "initial", 1.8, "maria", "m"),
    piece("city", "differs", -1.4, "valparaiso", "vina del mar"),
]


def two_people(channel: Channel, hours: float = 0, *, one: dict[str, Any] | None = None, other: dict[str, Any] | None = None) -> Any:
    """Two contacts of one channel, the older first."""
    number = next(_numbers)
    return (
        writes(channel, f"uno{number}@ejemplo.cl", hours, **({"name": "María Pérez"} | (one or {}))),
        writes(channel, f"dos{number}@ejemplo.cl", hours + 1, **({"name": "M. Pérez G."} | (other or {}))),
    )


def ask(one: Recognition, other: Recognition, probability: float | None = 0.94, **options: Any) -> MergeSuggestion:
    """A suggestion about the two."""
    options = {"origin": "dedup", "evidence": EVIDENCE, "weight": 4.0} | options
    suggestion = suggest(low=one.profile, high=other.profile, probability=probability, **options)
    assert suggestion is not None
    return suggestion
