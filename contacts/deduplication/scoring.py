"""The score of one pair, in plain Python, equal to Splink's; and what each comparison contributed to it."""

import math
from dataclasses import dataclass
from typing import Any

from contacts.deduplication.comparing import COMPARISONS, Comparison
from contacts.deduplication.parameters import Parameters
from contacts.deduplication.records import Record


@dataclass(frozen=True)
class Piece:
    """What one comparison says: ``bits`` above zero speak for one person, below zero against."""

    comparison: str
    level: str
    bits: float
    left: str
    right: str

    def as_json(self) -> dict[str, Any]:
        return {"comparison": self.comparison, "level": self.level, "bits": round(self.bits, 2), "left": self.left, "right": self.right}


class Scorer:
    """Scores by one model version; make one and keep it. 0 bits are even odds."""

    def __init__(self, parameters: Parameters) -> None:
        self.prior = math.log2(parameters.prior / (1 - parameters.prior))
        self._bits: list[tuple[Comparison, list[float]]] = []
        # Comparison → frequency column, its table, the floor, and the logarithm of u: only the level of plain equality has one.
        self._rare: dict[tuple[str, int], tuple[str, dict[str, float], float, float]] = {}
        for comparison in COMPARISONS:
            chances = [parameters.chances[comparison.name][level.name] for level in comparison.levels]
            self._bits.append((comparison, [math.log2(m / u) for m, u in chances]))
            for index, level in enumerate(comparison.levels):
                if level.frequency:
                    table, rarest = parameters.frequencies.get(level.frequency, {}), parameters.rarest.get(level.frequency, 1.0)
                    self._rare[comparison.name, index] = level.frequency, table, rarest, math.log2(chances[index][1])

    def weight(self, a: Record, b: Record) -> float:
        """Bits for the pair being one person, the prior included."""
        total = self.prior
        for comparison, bits in self._bits:
            index = comparison.level_of(a, b)
            if index is not None:
                total += bits[index] + self._rarity(comparison, index, a)
        return total

    def explain(self, a: Record, b: Record) -> list[Piece]:
        """Each comparison's part of the weight, the heaviest first. The parts and the prior add up to the weight."""
        pieces = []
        for comparison, bits in self._bits:
            index = comparison.level_of(a, b)
            if index is not None:
                pieces.append(
                    Piece(
                        comparison=comparison.name,
                        level=comparison.levels[index].name,
                        bits=bits[index] + self._rarity(comparison, index, a),
                        left=shown(a, comparison.name),
                        right=shown(b, comparison.name),
                    )
                )
        return sorted(pieces, key=lambda piece: -abs(piece.bits))

    def _rarity(self, comparison: Comparison, index: int, a: Record) -> float:
        """Agreement on a common name is worth less, on a rare one more."""
        found = self._rare.get((comparison.name, index))
        if found is None:
            return 0.0
        column, table, rarest, log_u = found
        return log_u - math.log2(table.get(getattr(a, column), rarest))


def shown(record: Record, comparison: str) -> str:
    """The value that the comparison looked at, for people to read."""
    if comparison == "given":
        return record.shown_name
    return str(getattr(record, comparison) or "")


def probability(weight: float) -> float:
    """0 to 1."""
    return 1 / (1 + 2.0 ** -max(-60.0, min(60.0, weight)))
