"""Each format writes lots of rows into a file, in memory that does not grow with their number."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook

from integrations.exporting.cells import UNPRINTABLE, as_text, guarded
from integrations.exporting.tables import Row

Lots = Iterable[list[Row]]
# Rows that a sheet holds, its header among them.
SHEET_ROWS = 1_048_576
LONGEST_CELL = 32_767
TYPES = {"text": pa.string(), "int": pa.int64(), "texts": pa.list_(pa.string()), "moment": pa.timestamp("us", tz="UTC")}
FOLD_AT = 73


def write_csv(columns: Mapping[str, str], lots: Lots, to: IO[bytes]) -> None:
    """UTF-8 with its mark, so that spreadsheets read accents right."""
    text = io.TextIOWrapper(to, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for lot in lots:
        writer.writerows([guarded(as_text(row[name])).replace("\x00", "") for name in columns] for row in lot)
    text.detach()


def write_xlsx(columns: Mapping[str, str], lots: Lots, to: IO[bytes]) -> None:
    """One sheet, and another for every further million rows. Everything is text, so that no number loses its zeros."""
    book = Workbook(write_only=True)
    sheet, used = book.create_sheet("Hilo"), 0
    for lot in lots:
        for row in lot:
            if used in (0, SHEET_ROWS):
                sheet = sheet if used == 0 else book.create_sheet()
                sheet.append(list(columns))
                used = 1
            sheet.append([UNPRINTABLE.sub("", guarded(as_text(row[name])))[:LONGEST_CELL] or None for name in columns])
            used += 1
    if used == 0:
        sheet.append(list(columns))
    book.save(to)


def write_jsonl(columns: Mapping[str, str], lots: Lots, to: IO[bytes]) -> None:
    """An object a line; several values are a list, nothing is null."""
    for lot in lots:
        for row in lot:
            said = {name: as_text(row[name]) if isinstance(row[name], datetime) else row[name] for name in columns}
            to.write(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def write_parquet(columns: Mapping[str, str], lots: Lots, to: IO[bytes]) -> None:
    """With the types of the columns, a row group for every lot of rows."""
    schema = pa.schema([(name, TYPES[kind]) for name, kind in columns.items()])
    with pq.ParquetWriter(to, schema) as writer:
        for lot in lots:
            writer.write_table(pa.Table.from_pylist([dict(row) for row in lot], schema=schema))


def write_vcard(_columns: Mapping[str, str], lots: Lots, to: IO[bytes]) -> None:
    """vCard 3.0, which every address book reads."""
    for lot in lots:
        for row in lot:
            to.write("".join(f"{line}\r\n" for line in _card(row)).encode())


def _card(row: Row) -> Iterable[str]:
    yield "BEGIN:VCARD"
    yield "VERSION:3.0"
    yield f"UID:hilo-{row['hilo_id']}"
    yield from _folded(f"FN:{_escaped(row['name'])}")
    given, _space, rest = str(row["name"]).partition(" ")
    yield from _folded(f"N:{_escaped(rest)};{_escaped(given)};;;")
    for email in row["email"]:
        yield from _folded(f"EMAIL:{_escaped(email)}")
    for phone in dict.fromkeys([*row["phone"], *row["whatsapp"]]):
        yield f"TEL;TYPE=CELL:{phone}"
    if row["company"]:
        yield from _folded(f"ORG:{_escaped(row['company'])}")
    place = [_escaped(row[name]) for name in ("street", "city", "postcode", "country")]
    if any(place):
        yield from _folded(f"ADR:;;{place[0]};{place[1]};;{place[2]};{place[3]}")
    if row["date_of_birth"]:
        yield f"BDAY:{_escaped(row['date_of_birth'])}"
    yield "END:VCARD"


def _escaped(value: Any) -> str:
    text = str(value).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return re.sub(r"\r\n|\r|\n", "\\\\n", text)


def _folded(line: str) -> Iterable[str]:
    while len(line) > FOLD_AT:
        yield line[:FOLD_AT]
        line = " " + line[FOLD_AT:]
    yield line


WRITERS = {"csv": write_csv, "xlsx": write_xlsx, "vcard": write_vcard, "jsonl": write_jsonl, "parquet": write_parquet}
