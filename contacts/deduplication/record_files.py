"""Records and truth in files, as ``evaluate_matching`` is given them. Large files are read by several processes at once."""

import csv
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from itertools import combinations, islice
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from contacts.deduplication.columns import BATCH, as_columns
from contacts.deduplication.peak_memory import peak_mb
from contacts.deduplication.records import read

# Bytes. Below this, starting other processes takes longer than reading.
LARGE = 8_000_000
MOST_PROCESSES = 4


class RecordFile:
    """A file with the columns of ``evaluate_matching``; a row's number, from 1, is its record's id.

    ``readers_mb``: after reading, the memory that the other processes took at most, all together.
    """

    def __init__(self, path: Path, *, region: str) -> None:
        self.path = path
        self.region = region
        self.readers_mb = 0

    def numbers(self) -> dict[str, int]:
        """The id of each row → its number. A second row with an id that was seen is another record, which truth cannot name."""
        found: dict[str, int] = {}
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            place = _header(next(rows, [])).index("id")
            for number, row in enumerate(rows, start=1):
                found.setdefault(row[place].strip() if place < len(row) else "", number)
        return found

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records, in columns and in the order of the file."""
        processes = min(MOST_PROCESSES, os.cpu_count() or 1) if self.path.stat().st_size > LARGE else 1
        with self.path.open(newline="", encoding="utf-8-sig") as file, ExitStack() as stack:
            rows = csv.reader(file)
            header = _header(next(rows, []))
            if processes == 1:
                for start, some in _portions(rows):
                    yield _read_rows(header, some, start, self.region)
                return
            # Not forked: this process may have threads that a copy would wait for in vain.
            pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=get_context("spawn")))
            waiting: deque[Future[tuple[pa.RecordBatch, int, int]]] = deque()
            peaks: dict[int, int] = {}
            for start, some in _portions(rows):
                waiting.append(pool.submit(_read_elsewhere, header, some, start, self.region))
                if len(waiting) > 2 * processes:
                    yield self._taken(waiting.popleft(), peaks)
            while waiting:
                yield self._taken(waiting.popleft(), peaks)

    def _taken(self, promise: "Future[tuple[pa.RecordBatch, int, int]]", peaks: dict[int, int]) -> pa.RecordBatch:
        batch, process, peak = promise.result()
        peaks[process] = max(peak, peaks.get(process, 0))
        self.readers_mb = sum(peaks.values())
        return batch


def _header(names: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def _portions(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[list[str]]]]:
    start = 1
    while some := list(islice(rows, BATCH)):
        yield start, some
        start += len(some)


def _read_rows(header: Sequence[str], rows: Sequence[Sequence[str]], start: int, region: str) -> pa.RecordBatch:
    return as_columns(
        read(dict(zip(header, row, strict=False)), number=number, contact=number, region=region)
        for number, row in enumerate(rows, start=start)
    )


def _read_elsewhere(header: Sequence[str], rows: Sequence[Sequence[str]], start: int, region: str) -> tuple[pa.RecordBatch, int, int]:
    return _read_rows(header, rows, start, region), os.getpid(), peak_mb()


def read_sharers(path: Path, numbers: dict[str, int]) -> list[dict[int, str]]:
    """Who lives and who works together, from columns ``id, household, workplace``: number → household, number → workplace.

    Somebody without one ("" or 0) is in neither. Records that are not there are left out.
    """
    households: dict[int, str] = {}
    workplaces: dict[int, str] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            number = numbers.get(row["id"].strip())
            for place, name in ((households, "household"), (workplaces, "workplace")):
                if number is not None and row[name] not in ("", "0"):
                    place[number] = row[name]
    return [households, workplaces]


def read_truth(path: Path, numbers: dict[str, int]) -> set[tuple[int, int]]:
    """Pairs of numbers that are one person, closed over chains. Pairs that name a record which is not there are left out."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        header = _header(next(rows, []))
        a, b = header.index("id_a"), header.index("id_b")
        named = ((row[a].strip(), row[b].strip()) for row in rows if row)
        told = [(numbers[one], numbers[other]) for one, other in named if one in numbers and other in numbers]
    leader: dict[int, int] = {}

    def find(one: int) -> int:
        while (above := leader.setdefault(one, one)) != one:
            leader[one] = leader.get(above, above)
            one = above
        return one

    for one, other in told:
        leader[find(one)] = find(other)
    people: dict[int, list[int]] = {}
    for one in list(leader):
        people.setdefault(find(one), []).append(one)
    return {pair for members in people.values() for pair in combinations(sorted(members), 2)}
