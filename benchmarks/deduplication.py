"""Searching a million made-up people for duplicates with a trained model, and ten thousand of them that changed.

Through the files of ``evaluate_matching``, so without PostgreSQL: reading, blocking, scoring and deciding. Each figure is a ratio to
reading the same file and joining the records that have a phone or an email in common: what anybody would have to do at least.
``HILO_BENCH_PROFILES`` sets another number of people.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contacts.deduplication.deciding import decide
from contacts.deduplication.parameters import Parameters
from contacts.deduplication.predicting import read_back, score_pairs
from contacts.deduplication.record_files import RecordFile
from contacts.deduplication.tables import keep_ids, load, open_engine, run

PROFILES = int(os.environ.get("HILO_BENCH_PROFILES", "1000000"))
CHANGED = 10_000
SEED = 11
# Seconds and MiB for a million; a smaller number of people has them in proportion.
GOAL_WHOLE, GOAL_CHANGED, GOAL_MEMORY = 120.0, 3.0, 4096
JOIN = """
SELECT count(*) FROM (SELECT a.id, b.id FROM records a JOIN records b ON a.phone = b.phone AND a.id < b.id
    WHERE a.phone IN (SELECT phone FROM records GROUP BY phone HAVING count(*) <= 100)
UNION SELECT a.id, b.id FROM records a JOIN records b ON a.email = b.email AND a.id < b.id
    WHERE a.email IN (SELECT email FROM records GROUP BY email HAVING count(*) <= 100))
"""


@dataclass(frozen=True)
class Figures:
    """Seconds and MiB. ``whole``: everything from the file to the decisions; ``changed``: what comes after reading."""

    read: float
    bare: float
    whole: float
    trained: float
    peak_mb: int
    changed: float


def _manage(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "manage.py", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def measure() -> Figures:
    """Make the people, search them twice (training, then with the model), then once more for those that changed."""
    with tempfile.TemporaryDirectory() as folder:
        records, truth, model = (str(Path(folder) / name) for name in ("records.csv", "truth.csv", "model.json"))
        _manage("make_people", "--count", str(PROFILES), "--seed", str(SEED), "--records", records, "--truth", truth)
        asked = ("evaluate_matching", "--records", records, "--truth", truth, "--json")
        trained: dict[str, Any] = json.loads(_manage(*asked, "--save-model", model))
        again: dict[str, Any] = json.loads(_manage(*asked, "--model", model))
        parameters = Parameters.from_json(json.loads(Path(model).read_text()))
        connection = open_engine()
        started = time.perf_counter()
        load(connection, RecordFile(Path(records), region="CL").batches())
        read = time.perf_counter() - started
        run(connection, JOIN)
        bare = time.perf_counter() - started
        keep_ids(connection, range(1, PROFILES + 1, max(1, PROFILES // CHANGED)))
        started = time.perf_counter()
        scored = score_pairs(connection, parameters, changed=True)
        decide(scored.pairs, read_back(connection, {one for pair in scored.pairs for one in (pair.low, pair.high)}))
        changed = time.perf_counter() - started
        connection.close()
    return Figures(read, bare, again["seconds"], trained["seconds"], again["peak_mb"], changed)


def report() -> None:
    """Print three lines."""
    found = measure()
    print(f"deduplication, {PROFILES:,} people, bare: read {found.read:.1f} s, with a join on equal phones and emails {found.bare:.1f} s")
    print(
        f"deduplication, whole, with a trained model: {found.whole:.1f} s (goal {GOAL_WHOLE:.0f} s for a million), ratio "
        f"{found.whole / found.bare:.1f}×; {found.trained:.1f} s with training; peak {found.peak_mb:,} MiB (goal {GOAL_MEMORY:,})"
    )
    print(
        f"deduplication, {CHANGED:,} changed, after reading: {found.changed:.1f} s (goal {GOAL_CHANGED:.0f} s), ratio "
        f"{found.changed / found.bare:.2f}×"
    )
