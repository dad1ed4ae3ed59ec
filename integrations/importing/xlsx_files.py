"""Rows of the first sheet of an Excel workbook, one at a time.

A workbook is an archive of XML: before anything is parsed its parts are unpacked once, block by block, and counted, so that a
bomb, an endless cell or a document type with entities never reaches the parser.
"""

import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from defusedxml import DefusedXmlException
from django.utils.translation import gettext as _
from openpyxl import Workbook, load_workbook

from integrations.importing.rows import FileRefused, FileRow, Reason

BLOCK = 1 << 18
MOST_PARTS = 2_000
# A million rows of twenty columns are 700 MB of XML; texts that are shared by cells are kept in memory while the sheet is read.
MOST_UNPACKED = 2 << 30
MOST_SHARED_TEXT = 256 << 20
# XML of a spreadsheet packs to a tenth; zeros pack to a thousandth.
MOST_RATIO = 200
# Excel's own limit is 32,767 characters to a cell.
LONGEST_TEXT = 1 << 18
MOST_COLUMNS = 500
# Sheets are a million rows long because somebody coloured a column: behind so many empty ones nothing is said of the next.
MOST_EMPTY = 1_000
# What the library raises for a workbook that is none, or whose parts do not fit together.
BROKEN = (
    *(DefusedXmlException, zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError),
    *(ValueError, TypeError, AttributeError, SyntaxError, RecursionError),
)
XML = (".xml", ".rels", ".vml")


def check_workbook(file: IO[bytes]) -> None:
    """Raises ``FileRefused`` for what would not fit or should not be parsed. Takes bounded memory."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS:
                raise _bomb()
            packed = sum(part.compress_size for part in parts)
            said = sum(part.file_size for part in parts)
            if said > MOST_UNPACKED or said > MOST_RATIO * max(packed, 1 << 16):
                raise _bomb()
            for part in parts:
                _check_part(archive, part)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, FileRefused):
            raise
        raise _damaged() from error
    finally:
        file.seek(0)


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    is_xml = part.filename.lower().endswith(XML)
    most = MOST_SHARED_TEXT if part.filename.endswith("sharedStrings.xml") else MOST_UNPACKED
    unpacked, since_tag, tail = 0, 0, b""
    with archive.open(part) as content:
        while block := content.read(BLOCK):
            unpacked += len(block)
            if unpacked > most:
                raise _bomb()
            if not is_xml:
                continue
            if b"<!DOCTYPE" in (joined := tail + block) or b"<!ENTITY" in joined:
                raise FileRefused(_("The workbook holds instructions for the XML parser, which no spreadsheet needs."), code="entities")
            tail = block[-16:]
            since_tag = _longest_text(block, since_tag)


def _longest_text(block: bytes, before: int) -> int:
    """How many bytes stand behind the last tag of the block. Raises ``FileRefused`` where a text has no end."""
    start, place = -before, block.find(b"<")
    while place >= 0:
        if place - start > LONGEST_TEXT:
            raise _endless()
        # Two tags within the longest text need no closer look.
        start = block.rfind(b"<", place, place + LONGEST_TEXT)
        place = block.find(b"<", start + 1)
    rest = len(block) - start
    if rest > LONGEST_TEXT:
        raise _endless()
    return rest


def _damaged() -> FileRefused:
    return FileRefused(_("The workbook is damaged: it was cut off on its way, or written badly."), code="damaged")


def _bomb() -> FileRefused:
    return FileRefused(_("The workbook unpacks to far more than it should: it is damaged, or made to do harm."), code="bomb")


def _endless() -> FileRefused:
    return FileRefused(
        _("A cell of the workbook is longer than Excel allows: the file was not written by a spreadsheet."), code="long_cell"
    )


def read_rows(file: IO[bytes]) -> Iterator[FileRow]:
    """Every row of the first sheet that has any, the header among them; of formulas the value that was last computed."""
    file.seek(0)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except BROKEN as error:
        raise _damaged() from error
    try:
        yield from _rows_of(book)
    except BROKEN as error:
        # The sheet itself is parsed row by row.
        raise _damaged() from error
    finally:
        book.close()


def _rows_of(book: Workbook) -> Iterator[FileRow]:
    sheet: Any = next((each for each in book.worksheets if each.sheet_state == "visible"), None)
    if sheet is None:
        raise FileRefused(_("The workbook has no sheet with cells."), code="no_sheet")
    # What the sheet says about its own size is often wrong.
    sheet.reset_dimensions()
    empty = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS), start=1):
        cells = [_text(cell.value) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        empty = 0 if cells else empty + 1
        if empty > MOST_EMPTY:
            continue
        failed = any(getattr(cell, "data_type", "") == "e" for cell in row)
        yield FileRow(number, tuple(cells), Reason.EXCEL_ERROR if failed else None)


def _text(value: Any) -> str:
    """What a person reads in the cell. Whole numbers have no decimals: that is how spreadsheets keep phone numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value).replace("_x000D_", "").replace("\x00", "")
