"""The engine's tables: records in DuckDB, and for each shared value how many people use it."""

from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from typing import Any

import duckdb
import pyarrow as pa
from django.conf import settings

from contacts.deduplication.records import COLUMNS, Record
from contacts.names import names_conflict

BATCH = 50_000
# More holders than these are not told apart by name: it is a crowd.
MOST_HOLDERS = 200
SCHEMA = pa.schema(
    [
        (name, pa.list_(pa.string()) if name == "forms" else pa.string())
        if name not in ("id", "contact", "given_known", "sure", "phone_people", "email_people")
        else (name, pa.bool_() if name in ("given_known", "sure") else pa.int64())
        for name in COLUMNS
    ]
)


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


def load(connection: duckdb.DuckDBPyConnection, records: Iterable[Record]) -> int:
    """Fill the table ``records``; returns how many there are."""
    connection.register("nothing", pa.Table.from_batches([], SCHEMA))
    run(connection, "CREATE OR REPLACE TABLE read AS SELECT * FROM nothing")
    waiting = iter(records)
    while batch := list(islice(waiting, BATCH)):
        columns = [pa.array([getattr(record, name) for record in batch], type=SCHEMA.field(name).type) for name in COLUMNS]
        connection.register("batch", pa.Table.from_arrays(columns, schema=SCHEMA))
        run(connection, "INSERT INTO read SELECT * FROM batch")
        connection.unregister("batch")
    connection.unregister("nothing")
    _count_people(connection)
    [(count,)] = run(connection, "SELECT count(*) FROM records")
    return int(count)


def keep_ids(connection: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> int:
    """Fill the table ``changed_ids``; returns how many there are."""
    table = pa.table({"id": pa.array(sorted(set(ids)), type=pa.int64())})
    connection.register("given_ids", table)
    run(connection, "CREATE OR REPLACE TABLE changed_ids AS SELECT id FROM given_ids")
    connection.unregister("given_ids")
    return int(table.num_rows)


def _count_people(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``records`` of ``read``: with how many people, told apart by their names, share each phone and email."""
    for column in ("phone", "email"):
        people = pa.table(_people_by_value(connection, column), schema=pa.schema([("value", pa.string()), ("people", pa.int64())]))
        connection.register("counted", people)
        run(connection, f"CREATE OR REPLACE TABLE {column}_sharers AS SELECT * FROM counted")
        connection.unregister("counted")
    run(
        connection,
        "CREATE OR REPLACE TABLE records AS SELECT r.* REPLACE"
        " (coalesce(p.people, 1) AS phone_people, coalesce(e.people, 1) AS email_people)"
        " FROM read r LEFT JOIN phone_sharers p ON p.value = r.phone LEFT JOIN email_sharers e ON e.value = r.email",
    )
    run(connection, "DROP TABLE read")


def _people_by_value(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, list[Any]]:
    rows = run(
        connection,
        f"SELECT {column}, shown_name, count(*) FROM read WHERE {column} IN"
        f" (SELECT {column} FROM read WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(DISTINCT shown_name) > 1)"
        f" AND given IS NOT NULL GROUP BY {column}, shown_name ORDER BY {column}",
    )
    found = {value: count_people([name for _value, name, _times in names]) for value, names in groupby(rows, key=lambda row: row[0])}
    return {"value": list(found), "people": list(found.values())}


def count_people(names: Sequence[str]) -> int:
    """At least how many people the names are: one for each name that conflicts with all those counted before."""
    if len(names) > MOST_HOLDERS:
        return len(names)
    counted: list[str] = []
    for name in names:
        if all(names_conflict(name, other) for other in counted):
            counted.append(name)
    return max(1, len(counted))
