"""Score many pairs at once with Splink, and read records back from the engine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from contacts.deduplication.blocking import block
from contacts.deduplication.model import linker_for
from contacts.deduplication.parameters import Parameters
from contacts.deduplication.records import COLUMNS, Record
from contacts.deduplication.scoring import Scorer
from contacts.deduplication.tables import run

# Bits. Below the first no pair is asked about or joins anything by itself; below the second not even two of a group.
KEPT, FLOOR = -4.0, -8.0
# Up to so many pairs are scored one by one.
FEW = 150_000
WEIGHED = pa.schema([("id_l", pa.int64()), ("id_r", pa.int64()), ("bits", pa.float64())])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records, the smaller id first, and the weight in bits for being one person."""

    low: int
    high: int
    weight: float


@dataclass(frozen=True)
class Scored:
    """``compared``: candidate pairs that were scored; ``pairs`` what was kept of them, the heaviest first."""

    compared: int
    pairs: list[Pair]


def score_pairs(connection: duckdb.DuckDBPyConnection, parameters: Parameters, *, changed: bool = False) -> Scored:
    """Block and score the table ``records``; keeps the pairs of ``KEPT`` bits or more, and weaker ones only between their records."""
    compared = block(connection, changed=changed)
    scored = scored_here(connection, parameters) if compared <= FEW else scored_by_splink(connection, parameters)
    rows = run(
        connection,
        f"WITH told AS (SELECT id_l AS id FROM {scored} WHERE bits >= {KEPT} UNION SELECT id_r FROM {scored} WHERE bits >= {KEPT})"
        f" SELECT id_l, id_r, bits FROM {scored} WHERE bits >= {KEPT} OR (bits >= {FLOOR} AND id_l IN (FROM told) AND id_r IN (FROM told))"
        " ORDER BY bits DESC, 1, 2",
    )
    run(connection, f"DROP TABLE {scored}")
    run(connection, "DROP TABLE pairs")
    return Scored(compared, [Pair(*row) for row in rows])


def scored_by_splink(connection: duckdb.DuckDBPyConnection, parameters: Parameters, *, above: float = FLOOR) -> str:
    """Score the table ``pairs``; returns the name of a table with id_l < id_r and bits, at least ``above``."""
    linker = linker_for(connection, parameters)
    pairs = linker._db_api.register("pairs")
    linker.table_management.register_blocked_pairs_for_predict(pairs)
    scored = linker.inference.predict(threshold_match_weight=above, warning_mode="never")
    run(
        connection,
        "CREATE OR REPLACE TABLE scored AS SELECT least(id_l, id_r) AS id_l, greatest(id_l, id_r) AS id_r, match_weight AS bits"
        f" FROM {scored.physical_name}",
    )
    scored.drop_table_from_database_and_remove_from_cache()
    return "scored"


def scored_here(connection: duckdb.DuckDBPyConnection, parameters: Parameters, *, above: float = FLOOR) -> str:
    """The same in plain Python: preparing Splink's statements takes seconds, which a few pairs do not."""
    two = run(connection, "SELECT join_key_l, join_key_r FROM pairs")
    known = read_back(connection, {one for pair in two for one in pair})
    weight = Scorer(parameters).weight
    weighed = [(low, high, bits) for low, high in two if (bits := weight(known[low], known[high])) >= above]
    columns = [list(column) for column in zip(*weighed, strict=True)] or [[], [], []]
    connection.register("weighed", pa.table(columns, schema=WEIGHED))
    run(connection, "CREATE OR REPLACE TABLE scored AS SELECT * FROM weighed")
    connection.unregister("weighed")
    return "scored"


def read_back(connection: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> dict[int, Record]:
    """The records with these ids."""
    connection.register("wanted", pa.table({"id": pa.array(sorted(set(ids)), type=pa.int64())}))
    rows = run(connection, f"SELECT {', '.join(COLUMNS)} FROM records JOIN wanted USING (id)")
    connection.unregister("wanted")
    return {record.id: record for record in _records(rows)}


def read_contacts(connection: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> dict[int, Record]:
    """Like ``read_back``, for the few records of two contacts."""
    numbers = ", ".join(str(int(one)) for one in ids)
    return {record.id: record for record in _records(run(connection, f"SELECT {', '.join(COLUMNS)} FROM records WHERE id IN ({numbers})"))}


def _records(rows: Iterable[tuple[Any, ...]]) -> Iterator[Record]:
    for row in rows:
        # The columns are the record's fields in their order.
        record = Record(*row)
        record.forms, record.near = tuple(record.forms or ()), tuple(record.near or ())
        yield record
