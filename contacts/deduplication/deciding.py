"""Sort scored pairs: what may merge by itself, what a person is asked, and which records belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from contacts.deduplication.grouping import group
from contacts.deduplication.policy import EVEN, MERGE_FROM, contradict, is_asked, judge
from contacts.deduplication.predicting import Pair
from contacts.deduplication.records import Record

Two = tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """Pairs of record ids with their weights in bits; no pair is in both."""

    automatic: dict[Two, float]
    queue: dict[Two, float]


def decide(pairs: Sequence[Pair], known: Mapping[int, Record]) -> Outcome:
    """What the policy would do with every pair, the account's permission to merge left aside."""
    certain, weights = [], {}
    for pair in pairs:
        a, b = known[pair.low], known[pair.high]
        if not is_asked(a, b, pair.weight):
            continue
        weights[pair.low, pair.high] = pair.weight
        if pair.weight >= MERGE_FROM and judge(a, b).may_merge:
            certain.append(pair)

    def may_join(a: int, b: int) -> bool:
        return not judge(known[a], known[b]).conflicts

    groups = group(certain, at_least=EVEN, may_join=may_join)
    automatic = {two: weights.get(two, EVEN) for members in groups for two in combinations(members, 2)}
    return Outcome(automatic, {two: weight for two, weight in weights.items() if two not in automatic})


def groups_of(pairs: Sequence[Pair], known: Mapping[int, Record], *, at_least: float = EVEN) -> list[list[int]]:
    """Records that are one person at a threshold in bits, as sorted lists of two or more.

    Two whose names or papers contradict, and whose own score is too low to be kept, are never brought together by a chain of others.
    """
    kept = {(pair.low, pair.high) for pair in pairs}

    def may_join(a: int, b: int) -> bool:
        return (min(a, b), max(a, b)) in kept or not contradict(known[a], known[b])

    return group(pairs, at_least=at_least, may_join=may_join)
