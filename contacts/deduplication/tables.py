"""The engine's tables: records in DuckDB, and for each shared value how many people use it."""

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from django.conf import settings

from contacts.deduplication.columns import SCHEMA
from contacts.names import names_conflict

# Values of which it is counted how many people use them.
SHARED = ("phone", "email")
# More holders than these are not told apart by name: it is a crowd.
MOST_HOLDERS = 200


def open_engine() -> duckdb.DuckDBPyConnection:
    """An engine in memory that spills to disk beyond ``DEDUPLICATION_MEMORY``."""
    connection = duckdb.connect(config={"memory_limit": settings.DEDUPLICATION_MEMORY, "preserve_insertion_order": False})
    settings.DEDUPLICATION_SPILL.mkdir(parents=True, exist_ok=True)
    run(connection, f"SET temp_directory = '{settings.DEDUPLICATION_SPILL}'")
    run(connection, "SET enable_progress_bar = false")
    return connection


def run(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Execute and drain: a result that nobody reads holds the engine's memory."""
    return connection.execute(sql, list(parameters)).fetchall()


def load(connection: duckdb.DuckDBPyConnection, batches: Iterable[pa.RecordBatch]) -> int:
    """Fill the table ``records`` from columns of ``SCHEMA``; returns how many there are."""
    connection.register("batch", pa.Table.from_batches([], SCHEMA))
    run(connection, "CREATE OR REPLACE TABLE records AS SELECT * FROM batch")
    connection.unregister("batch")
    for batch in batches:
        connection.register("batch", pa.Table.from_batches([batch]))
        run(connection, "INSERT INTO records SELECT * FROM batch")
        connection.unregister("batch")
    for column in SHARED:
        _count_people(connection, column)
    [(count,)] = run(connection, "SELECT count(*) FROM records")
    return int(count)


def pairs_that_share(connection: duckdb.DuckDBPyConnection, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the pairs of ids that have a phone, an email or a national id in common."""
    two = list(pairs)
    columns = [pa.array([pair[side] for pair in two], pa.int64()) for side in (0, 1)]
    connection.register("asked", pa.table(columns, names=["a", "b"]))
    rows = run(
        connection,
        "SELECT asked.a, asked.b FROM asked JOIN records x ON x.id = asked.a JOIN records y ON y.id = asked.b"
        " WHERE x.phone = y.phone OR x.email = y.email OR x.national_id = y.national_id",
    )
    connection.unregister("asked")
    return {(a, b) for a, b in rows}


def keep_ids(connection: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> int:
    """Fill the table ``changed_ids``; returns how many there are."""
    table = pa.table({"id": pa.array(sorted(set(ids)), type=pa.int64())})
    connection.register("given_ids", table)
    run(connection, "CREATE OR REPLACE TABLE changed_ids AS SELECT id FROM given_ids")
    connection.unregister("given_ids")
    return int(table.num_rows)


def _count_people(connection: duckdb.DuckDBPyConnection, column: str) -> None:
    """With how many people, told apart by their names, share each value: noted where it is more than one."""
    people = pa.table(_people_by_value(connection, column), schema=pa.schema([("value", pa.string()), ("people", pa.int64())]))
    connection.register("counted", people)
    run(connection, f"UPDATE records SET {column}_people = counted.people FROM counted WHERE counted.value = records.{column}")
    connection.unregister("counted")


def _people_by_value(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, list[Any]]:
    rows = run(
        connection,
        f"SELECT {column}, list(DISTINCT shown_name) FROM records WHERE given IS NOT NULL AND {column} IN"
        f" (SELECT {column} FROM records WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1)"
        f" GROUP BY {column} HAVING count(DISTINCT shown_name) > 1",
    )
    counted = [(value, count_people(sorted(names))) for value, names in rows]
    several = [(value, people) for value, people in counted if people > 1]
    return {"value": [value for value, _people in several], "people": [people for _value, people in several]}


def count_people(names: Sequence[str]) -> int:
    """At least how many people the names are: one for each name that conflicts with all those counted before."""
    if len(names) > MOST_HOLDERS:
        return len(names)
    counted: list[str] = []
    for name in names:
        if all(names_conflict(name, other) for other in counted):
            counted.append(name)
    return max(1, len(counted))
