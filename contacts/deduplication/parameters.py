"""What a match model holds, and its shipped values. Free of the engine, for whoever scores while a message waits.

``Parameters`` are plain data, kept with each model version. All chances of the identifiers follow the number of records, so that
a score means the same in a small account and in a large one.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from contacts.deduplication.comparing import COMPARISONS

# Pairs of one person per record, where nothing is known yet: eight records in a hundred are somebody again.
SHIPPED_PAIRS_PER_RECORD = 0.08
FEWEST_RECORDS = 500


@dataclass
class Parameters:
    """All that a score needs. ``chances``: comparison → level → [m, u]. ``prior``: chance that two random records are one person."""

    prior: float
    chances: dict[str, dict[str, list[float]]]
    frequencies: dict[str, dict[str, float]] = field(default_factory=dict)
    rarest: dict[str, float] = field(default_factory=dict)
    records: int = 0
    trained: bool = False
    engine: str = "splink 5"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


def shipped(*, records: int, pairs_per_record: float = SHIPPED_PAIRS_PER_RECORD) -> Parameters:
    """The model before any training, for an account with so many records."""
    size = max(records, FEWEST_RECORDS)
    every_pair = size * (size - 1) / 2
    chances: dict[str, dict[str, list[float]]] = {}
    for comparison in COMPARISONS:
        chances[comparison.name] = {
            level.name: [level.m, level.u if level.u is not None else (level.per_record or 0.0) * size / every_pair]
            for level in comparison.levels
        }
    return Parameters(prior=pairs_per_record * size / every_pair, chances=chances, records=records)


def fits(parameters: Mapping[str, Any]) -> bool:
    """Whether stored parameters have the comparisons and levels of today; those of an earlier release may not."""
    stored = parameters.get("chances", {})
    return {name: set(levels) for name, levels in stored.items()} == {
        comparison.name: {level.name for level in comparison.levels} for comparison in COMPARISONS
    }
