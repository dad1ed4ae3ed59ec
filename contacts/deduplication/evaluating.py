"""Measure the engine on records whose truth is known."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from contacts.deduplication.deciding import Outcome, decide, groups_of
from contacts.deduplication.model import train
from contacts.deduplication.parameters import Parameters
from contacts.deduplication.peak_memory import peak_mb
from contacts.deduplication.policy import EVEN
from contacts.deduplication.predicting import Scored, read_back, score_pairs
from contacts.deduplication.record_files import RecordFile, read_sharers, read_truth
from contacts.deduplication.records import Record
from contacts.deduplication.scoring import probability
from contacts.deduplication.tables import load, open_engine, pairs_that_share

# Bits of a probability of 99 %.
SURE = math.log2(99)
# Thresholds that are tried for the best F1.
TRIED = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass
class Evaluation:
    """All that was made on the way, for reports that look deeper than the figures."""

    truth: set[tuple[int, int]]
    known: dict[int, Record]
    outcome: Outcome
    figures: dict[str, Any]
    parameters: Parameters
    seconds: dict[str, float] = field(default_factory=dict)


def evaluate(
    *, records: Path, truth: Path, region: str = "CL", parameters: Parameters | None = None, sharers: Path | None = None
) -> Evaluation:
    """Run the engine on two files; without ``parameters`` it trains on the records first.

    With ``sharers`` the figures also say how many relatives and how many colleagues would be merged by themselves.
    """
    clock = _Clock()
    connection = open_engine()
    file = RecordFile(records, region=region)
    count = load(connection, file.batches())
    clock.lap("load")
    if parameters is None:
        parameters = train(connection, records=count)
        clock.lap("train")
    scored = score_pairs(connection, parameters)
    clock.lap("score")
    known = read_back(connection, {one for pair in scored.pairs for one in (pair.low, pair.high)})
    outcome = decide(scored.pairs, known)
    clock.lap("decide")
    seconds, peak = clock.total(), peak_mb() + file.readers_mb
    told = read_truth(truth, file.numbers())
    figures = _figures(scored, known, outcome, told, pairs_that_share(connection, told))
    connection.close()
    if sharers is not None:
        households, workplaces = read_sharers(sharers, file.numbers())
        wrong = outcome.automatic.keys() - told
        figures["automatic"]["relatives"] = _together(wrong, households)
        figures["automatic"]["colleagues"] = _together(wrong, workplaces)
    figures["seconds"] = round(seconds, 2)
    figures["peak_mb"] = peak
    return Evaluation(told, known, outcome, figures, parameters, clock.laps)


def _figures(
    scored: Scored, known: dict[int, Record], outcome: Outcome, truth: set[tuple[int, int]], sharing: set[tuple[int, int]]
) -> dict[str, Any]:
    """``sharing``: the true pairs that have a phone, an email or a national id in common."""
    tried = {}
    for threshold in TRIED:
        tried[threshold] = _quality(_pairs_of(groups_of(scored.pairs, known, at_least=threshold)), truth)
    best = max(tried, key=lambda threshold: tried[threshold]["f1"])
    automatic = _quality(set(outcome.automatic), truth)
    queue = _quality(set(outcome.queue), truth)
    likely = {two for two, weight in outcome.queue.items() if EVEN <= weight < SURE}
    found = outcome.automatic.keys() | outcome.queue.keys()
    return {
        **tried[EVEN],
        "threshold": probability(EVEN),
        "best_f1": tried[best]["f1"],
        "best_threshold": round(probability(best), 4),
        "pairs_compared": scored.compared,
        "automatic": {"precision": automatic["precision"], "recall": automatic["recall"], "pairs": len(outcome.automatic)},
        "queue": {
            "precision": queue["precision"],
            "pairs": len(outcome.queue),
            "between_50_and_99": {"precision": _quality(likely, truth)["precision"], "pairs": len(likely)},
        },
        "found": {"recall": _quality(sharing & found, sharing)["recall"], "pairs": len(sharing)},
    }


def _pairs_of(groups: Iterable[list[int]]) -> set[tuple[int, int]]:
    return {pair for members in groups for pair in combinations(members, 2)}


def _together(pairs: Iterable[tuple[int, int]], place: dict[int, str]) -> int:
    return sum(low in place and place[low] == place.get(high) for low, high in pairs)


def _quality(found: set[tuple[int, int]], truth: set[tuple[int, int]]) -> dict[str, float]:
    right = len(found & truth)
    precision = right / len(found) if found else 1.0
    recall = right / len(truth) if truth else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": round(precision, 5), "recall": round(recall, 5), "f1": round(f1, 5)}


class _Clock:
    def __init__(self) -> None:
        self.started = self.last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self.last, 2)
        self.last = now

    def total(self) -> float:
        return time.perf_counter() - self.started
