"""The rows of an uploaded file, whatever its format."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import IO, cast

from django.utils.translation import gettext as _

from integrations.importing import csv_files, vcard_files, xlsx_files
from integrations.importing.columns import is_header, names_columns
from integrations.importing.encodings import find_encoding
from integrations.importing.rows import FileRefused, FileRow
from integrations.models.imports import Import

Format = Import.Format
MOST_COLUMNS = 200
# Rows of a title, at most.
MOST_ABOVE = 10
BLOCK = 1 << 20


@contextmanager
def local_copy(imported: Import) -> Iterator[IO[bytes]]:
    """The file's bytes where they can be read back and forth; a store elsewhere is fetched from once.

    Raises ``FileRefused`` where it is gone.
    """
    try:
        stored = imported.file.open("rb")
    except (FileNotFoundError, ValueError) as error:
        raise FileRefused(_("The file is no longer kept: upload it again."), code="gone") from error
    with stored:
        if stored.seekable() and hasattr(stored.file, "fileno"):
            yield cast("IO[bytes]", stored)
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stored, copy, BLOCK)
            copy.seek(0)
            yield copy


def look_at(file: IO[bytes], *, format: str, region: str, encoding: str = "") -> dict[str, object]:
    """How the file is to be read: ``encoding``, ``delimiter``, ``has_header``, ``headings``. Raises ``FileRefused``."""
    delimiter = ""
    if format == Format.XLSX:
        xlsx_files.check_workbook(file)
    else:
        encoding = encoding or find_encoding(file)
    if format == Format.CSV:
        delimiter = csv_files.find_delimiter(file, encoding=encoding)
    rows = _from_header(read_all(file, format=format, encoding=encoding, delimiter=delimiter))
    first = next((row for row in rows if _filled(row)), None)
    if first is None:
        raise FileRefused(_("The file has no rows."), code="empty")
    if len(first.cells) > MOST_COLUMNS:
        raise FileRefused(_("The file has more than %(count)d columns.") % {"count": MOST_COLUMNS}, code="too_wide")
    has_header = format == Format.VCARD or is_header(first.cells, region=region)
    cells = [cell.strip()[:100] for cell in first.cells]
    while cells and not cells[-1]:
        cells.pop()
    headings = [(cell if has_header else "") or _("Column %(number)d") % {"number": place} for place, cell in enumerate(cells, start=1)]
    return {"encoding": encoding, "delimiter": delimiter, "has_header": has_header, "headings": headings}


def read_all(file: IO[bytes], *, format: str, encoding: str, delimiter: str) -> Iterator[FileRow]:
    """Every row, the header among them."""
    if format == Format.XLSX:
        return xlsx_files.read_rows(file)
    if format == Format.VCARD:
        return vcard_files.read_rows(file, encoding=encoding)
    return csv_files.read_rows(file, encoding=encoding, delimiter=delimiter)


def _from_header(rows: Iterator[FileRow]) -> Iterator[FileRow]:
    """Without what stands above the header: a title, a day, the mark by which Excel knows the separator."""
    first = list(islice(rows, MOST_ABOVE + 1))
    header = next((place for place, row in enumerate(first) if not row.problem and names_columns(row.cells)), 0)
    if any(_filled(row) >= _filled(first[header]) for row in first[:header]):
        header = 0
    return chain(first[header:], rows)


def _filled(row: FileRow) -> int:
    return sum(bool(cell.strip()) for cell in row.cells)


def data_rows(imported: Import, file: IO[bytes]) -> Iterator[FileRow]:
    """The rows below the header, without those that are wholly empty."""
    rows = read_all(file, format=imported.format, encoding=imported.encoding, delimiter=imported.delimiter)
    waits_for_header = imported.has_header
    for row in _from_header(rows) if waits_for_header else rows:
        if not row.problem and not _filled(row):
            continue
        if waits_for_header:
            waits_for_header = False
            continue
        yield row
