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
from contacts.deduplication.tables import run


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records, the smaller id first, and the weight in bits for being one person."""

    low: int
    high: int
    weight: float


@dataclass(frozen=True)
class Scored:
    """``compared``: candidate pairs that were scored; ``pairs`` those at or above the floor, the heaviest first."""

    compared: int
    pairs: list[Pair]


def score_pairs(connection: duckdb.DuckDBPyConnection, parameters: Parameters, *, above: float, changed: bool = False) -> Scored:
    """Block and score the table ``records``; keeps pairs of at least ``above`` bits."""
    compared = block(connection, changed=changed)
    if not compared:
        return Scored(0, [])
    linker = linker_for(connection, parameters)
    pairs = linker._db_api.register("pairs")
    linker.table_management.register_blocked_pairs_for_predict(pairs)
    scored = linker.inference.predict(threshold_match_weight=above, warning_mode="never")
    rows = run(
        connection,
        f"SELECT least(id_l, id_r), greatest(id_l, id_r), match_weight FROM {scored.physical_name} ORDER BY match_weight DESC, 1, 2",
    )
    scored.drop_table_from_database_and_remove_from_cache()
    run(connection, "DROP TABLE pairs")
    return Scored(compared, [Pair(*row) for row in rows])


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
        values = dict(zip(COLUMNS, row, strict=True))
        values["forms"] = tuple(values["forms"] or ())
        yield Record(**values)
