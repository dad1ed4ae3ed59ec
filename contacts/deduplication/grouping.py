"""Groups of records that are one person: never by a chain alone, never across a contradiction, never without a limit."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from contacts.deduplication.predicting import Pair

MOST_MEMBERS = 12
# What a pair counts that was not even compared: two that agree on nothing.
NOT_COMPARED = -4.0

MayJoin = Callable[[int, int], bool]


@dataclass
class _Group:
    members: list[int]
    # Other group → sum of the weights between the two.
    ties: dict[int, float]
    compared: dict[int, int]


def group(pairs: Iterable[Pair], *, at_least: float, may_join: MayJoin, most: int = MOST_MEMBERS) -> list[list[int]]:
    """Average linkage: two groups become one while the mean weight of the pairs between them is ``at_least``, best first.

    ``may_join(a, b)`` is asked of every pair across two groups; one refusal keeps them apart. Only groups of two or more.
    """
    groups: dict[int, _Group] = {}
    for pair in pairs:
        for one, other in ((pair.low, pair.high), (pair.high, pair.low)):
            mine = groups.setdefault(one, _Group([one], {}, {}))
            mine.ties[other] = pair.weight
            mine.compared[other] = 1
    queue = [(-weight, one, other) for one, mine in groups.items() for other, weight in mine.ties.items() if one < other]
    queue = [entry for entry in queue if -entry[0] >= at_least]
    heapq.heapify(queue)
    while queue:
        weight, one, other = heapq.heappop(queue)
        # An entry is stale once one of the two grew or went into another group.
        if one not in groups or other not in groups or _mean(groups, one, other) != -weight:
            continue
        a, b = groups[one], groups[other]
        if len(a.members) + len(b.members) > most or not all(may_join(x, y) for x in a.members for y in b.members):
            continue
        _join(groups, one, other)
        for third in a.ties:
            if (mean := _mean(groups, one, third)) >= at_least:
                heapq.heappush(queue, (-mean, one, third))
    return [sorted(mine.members) for mine in groups.values() if len(mine.members) > 1]


def _mean(groups: Mapping[int, _Group], one: int, other: int) -> float:
    a, b = groups[one], groups[other]
    pairs = len(a.members) * len(b.members)
    return (a.ties.get(other, 0.0) + NOT_COMPARED * (pairs - a.compared.get(other, 0))) / pairs


def _join(groups: dict[int, _Group], one: int, other: int) -> None:
    """``other`` goes into ``one``; both keep what they know of third groups, which learn of it."""
    a, b = groups[one], groups.pop(other)
    a.members += b.members
    for third, weight in b.ties.items():
        theirs = groups.get(third)
        if third == one or theirs is None:
            continue
        a.ties[third] = a.ties.get(third, 0.0) + weight
        a.compared[third] = a.compared.get(third, 0) + b.compared[third]
        theirs.ties.pop(other, None)
        theirs.compared.pop(other, None)
        theirs.ties[one], theirs.compared[one] = a.ties[third], a.compared[third]
    a.ties.pop(other, None)
    a.compared.pop(other, None)
