"""Rows of a text file with separated values, one at a time and in bounded memory, whatever is broken in it."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import IO

from integrations.importing.rows import FileRow, Reason

DELIMITERS = (";", ",", "\t", "|")
# A cell of a spreadsheet holds 32,767 characters; a line holds a row of them.
LONGEST_CELL = 131_072
LONGEST_LINE = 1_000_000
# Where a quotation mark is open for so many lines, it was never closed.
MOST_LINES = 2_000
SAMPLE_ROWS = 50
REPLACED = "\ufffd"


class _TooLong(Exception):
    """A line was longer than any row; the rest of it was passed over."""


class _Lines:
    """The lines of the file, numbered, each of bounded length; those that a broken row swallowed can be put back."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        if len(line) >= LONGEST_LINE and not line.endswith("\n"):
            while (rest := self._text.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                pass
            raise _TooLong
        if len(self.taken) > MOST_LINES:
            raise csv.Error("a quotation mark is never closed")
        return line

    def begin_row(self) -> None:
        self.taken.clear()

    def keep_first_only(self) -> None:
        """Put the lines behind the first one of the row back, so that they are read as rows of their own."""
        for line in reversed(self.taken[1:]):
            self._back.appendleft(line)
        self.number -= len(self.taken) - 1


def read_rows(file: IO[bytes], *, encoding: str, delimiter: str) -> Iterator[FileRow]:
    """Every row, the header among them. A row that is broken comes with its problem and its first line as its only cell."""
    file.seek(0)
    text = io.TextIOWrapper(io.BufferedReader(_Unclosed(file), 1 << 16), encoding=encoding, errors="replace", newline="")
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_row()
        number = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            yield FileRow(number, (lines.taken[0][:200],), Reason.TOO_LONG)
            # The reader stands inside the line that was passed over.
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        except csv.Error:
            too_long = len(lines.taken) == 1 and len(lines.taken[0]) > LONGEST_CELL
            lines.keep_first_only()
            yield FileRow(number, (lines.taken[0].rstrip("\r\n")[:2000],), Reason.TOO_LONG if too_long else Reason.BROKEN_QUOTES)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        else:
            yield FileRow(number, tuple(cells), _problem(cells))


def _problem(cells: list[str]) -> Reason | None:
    for cell in cells:
        if (not cell.isascii() and REPLACED in cell) or "\x00" in cell:
            return Reason.BROKEN_TEXT
    return None


def find_delimiter(file: IO[bytes], *, encoding: str) -> str:
    """What separates the values: whatever gives most rows of the beginning the same number of cells, more than one."""
    return max(DELIMITERS, key=lambda delimiter: _evenness(file, encoding, delimiter))


def _evenness(file: IO[bytes], encoding: str, delimiter: str) -> tuple[float, int]:
    widths = []
    for row in read_rows(file, encoding=encoding, delimiter=delimiter):
        if row.cells and any(row.cells):
            widths.append(0 if row.problem == Reason.BROKEN_QUOTES else len(row.cells))
        if len(widths) >= SAMPLE_ROWS:
            break
    file.seek(0)
    if not widths:
        return 0.0, 0
    header = widths[0]
    if header < 2:
        return 0.0, header
    return sum(width == header for width in widths) / len(widths), header


class _Unclosed(io.RawIOBase):
    """Reads from a file that it leaves open: several readers look at it one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        block = self._file.read(len(view))
        view[: len(block)] = block
        return len(block)
