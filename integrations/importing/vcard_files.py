"""The cards of a vCard file (2.1, 3.0 and 4.0), each as a row with the same columns.

The file is cut into cards line by line, so that a card that cannot be read spoils no other, and no card is longer than it may be.
"""

import io
import logging
from collections.abc import Iterator
from typing import IO, Any

import vobject
from vobject.base import VObjectError

from integrations.importing.csv_files import _Unclosed
from integrations.importing.rows import FileRow, Reason

# It writes the lines that it leaves out into the log; they are people's.
logging.getLogger("vobject.base").setLevel(logging.CRITICAL)

# A photograph within a card may be large; it is left out before the card is read.
LONGEST_LINE = 4_000_000
LONGEST_CARD = 200_000
LEFT_OUT = ("PHOTO", "LOGO", "SOUND", "KEY")
HEADER = ("uid", "name", "email", "phone", "company", "street", "city", "postcode", "country", "date_of_birth", "language")


def read_rows(file: IO[bytes], *, encoding: str) -> Iterator[FileRow]:
    """The header, then every card."""
    yield FileRow(0, HEADER)
    for number, text in enumerate(_cards(file, encoding), start=1):
        if text is None:
            yield FileRow(number, ("",), Reason.TOO_LONG)
            continue
        try:
            # In quoted-printable a line goes on behind a =, which is no folding of any other card.
            is_quoted = "QUOTED-PRINTABLE" in text.upper()
            cells = _cells(vobject.readOne(text, ignoreUnreadable=True, allowQP=is_quoted))
        except (VObjectError, ValueError, AttributeError, LookupError, TypeError, StopIteration):
            yield FileRow(number, (text[:2000],), Reason.BROKEN_CARD)
        else:
            if not any(cells):
                yield FileRow(number, (text[:2000],), Reason.BROKEN_CARD)
                continue
            yield FileRow(number, cells, Reason.BROKEN_TEXT if any("\ufffd" in cell or "\x00" in cell for cell in cells) else None)


def _cards(file: IO[bytes], encoding: str) -> Iterator[str | None]:
    file.seek(0)
    lines = io.TextIOWrapper(io.BufferedReader(_Unclosed(file), 1 << 16), encoding=encoding, errors="replace", newline=None)
    card: list[str] | None = None
    size, skipping = 0, False
    while line := lines.readline(LONGEST_LINE):
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            if card is not None:
                yield "".join(card)
            card, size, skipping = [], 0, False
        if card is None:
            continue
        folded = line[:1] in (" ", "\t")
        skipping = skipping if folded else word.split(":", 1)[0].split(";", 1)[0].split(".")[-1] in LEFT_OUT
        if skipping:
            continue
        size += len(line)
        if size <= LONGEST_CARD:
            card.append(line)
        if word == "END:VCARD":
            yield "".join(card) if size <= LONGEST_CARD else None
            card = None
    if card is not None:
        # Without its end: it is read as broken.
        yield "".join(card)[:2000] or None


def _cells(card: Any) -> tuple[str, ...]:
    address = next(iter(card.contents.get("adr", ())), None)
    place = address.value if address is not None else None
    return (
        _first(card, "uid"),
        _name(card),
        "; ".join(_values(card, "email")),
        "; ".join(_values(card, "tel")),
        _company(card),
        _part(place, "street"),
        _part(place, "city"),
        _part(place, "code"),
        _part(place, "country"),
        _birthday(card),
        _first(card, "lang"),
    )


def _name(card: Any) -> str:
    if shown := _first(card, "fn"):
        return shown
    named = next(iter(card.contents.get("n", ())), None)
    if named is None:
        return ""
    parts = (_part(named.value, each) for each in ("given", "additional", "family"))
    return " ".join(part for part in parts if part)


def _birthday(card: Any) -> str:
    """Of a birthday without its year nothing is kept; Apple writes such a one with a year of its own."""
    text = _first(card, "bday")
    return "" if text.startswith(("--", "1604")) else text


def _company(card: Any) -> str:
    value = next(iter(card.contents.get("org", ())), None)
    if value is None:
        return ""
    return value.value[0].strip() if isinstance(value.value, list) and value.value else str(value.value).strip()


def _values(card: Any, name: str) -> list[str]:
    found = [str(each.value).strip().removeprefix("tel:").removeprefix("mailto:") for each in card.contents.get(name, ())]
    return list(dict.fromkeys(value for value in found if value))


def _first(card: Any, name: str) -> str:
    return next(iter(_values(card, name)), "")


def _part(value: Any, name: str) -> str:
    found = getattr(value, name, "")
    return " ".join(str(each).strip() for each in found) if isinstance(found, list) else str(found).strip()
