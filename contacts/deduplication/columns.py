"""Records as columns, the shape in which they travel: between processes, and into the engine."""

from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa

from contacts.deduplication.records import COLUMNS, Record

BATCH = 20_000
_TYPES = {
    **dict.fromkeys(("forms", "near"), pa.list_(pa.string())),
    **dict.fromkeys(("given_known", "sure"), pa.bool_()),
    **dict.fromkeys(("id", "contact", "phone_people", "email_people"), pa.int64()),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])


def as_columns(records: Iterable[Record]) -> pa.RecordBatch:
    """All of them in one batch."""
    rows = list(records)
    columns = [pa.array([getattr(row, name) for row in rows], type=SCHEMA.field(name).type) for name in COLUMNS]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def in_batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    """A batch at a time, so that a million of them never stand in memory as objects."""
    waiting = iter(records)
    while rows := list(islice(waiting, BATCH)):
        yield as_columns(rows)
