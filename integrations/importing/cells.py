"""What stands in a cell, read as what its column means. Spreadsheets do things to numbers, dates and signs that are undone here."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from contacts.dates import read_date
from contacts.normalising import normal
from integrations.importing.rows import Reason, RowRefused

# Written before a cell that a spreadsheet would take for a formula (integrations.exporting.cells), and taken away again here.
GUARD = "'"
# Spreadsheets of East Asia take the wide forms for the same.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NOTHING = frozenset(
    {
        *("", "-", "--", "n/a", "na", "s/n", "s/i", "null", "none", "nil", "#n/a", "0", "sin correo", "sin email", "sin telefono"),
        *("sin teléfono", "no tiene", "no informa", "ninguno", "."),
    }
)
SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+]?\d{1,3}")
WITH_DECIMALS = re.compile(r"(\d{6,})[.,]0+")
BETWEEN_VALUES = re.compile(r"[;|\n]+|,(?=\s|[^\s]*@)|(?<=\d),(?=\+?\d{6,})")
# Excel counts days; day 0 is chosen so that its false leap day of 1900 comes out right for every day after it.
DAY_NOUGHT = date(1899, 12, 30)
SERIAL = re.compile(r"(\d{5})(?:[.,](\d+))?")
EARLIEST_SERIAL, LATEST_SERIAL = 10_000, 80_000  # 1927 to 2119


def plain(cell: str) -> str:
    """The text of the cell, without the sign that kept a spreadsheet from running it; empty where it says that there is nothing."""
    text = cell.strip()
    if text.startswith(GUARD) and text.lstrip(GUARD).startswith(FORMULA_SIGNS):
        text = text[1:]
    return "" if text.casefold() in NOTHING else text


def several(text: str) -> list[str]:
    """The values of a cell that holds several, without repetitions."""
    parts = (part.strip() for part in BETWEEN_VALUES.split(text))
    return list(dict.fromkeys(part for part in parts if part))


def read_phone(text: str, *, region: str, column: str) -> str:
    """The number as it was written, with what a spreadsheet took away from it. Raises ``RowRefused``."""
    if SHORTENED.fullmatch(text):
        raise RowRefused(Reason.SHORTENED_NUMBER, column=column, value=text)
    if whole := WITH_DECIMALS.fullmatch(text):
        text = whole[1]
    if normal("phone", text, region=region) is not None:
        return text
    # A spreadsheet took the plus sign away.
    digits = re.sub(r"\D", "", text)
    if not text.startswith("+") and 10 <= len(digits) <= 15 and normal("phone", f"+{digits}", region=region) is not None:
        return f"+{digits}"
    raise RowRefused(Reason.BAD_PHONE, column=column, value=text)


def read_email(text: str, *, region: str, column: str) -> str:
    """The address as it was written. Raises ``RowRefused``."""
    if normal("email", text, region=region) is None:
        raise RowRefused(Reason.BAD_EMAIL, column=column, value=text)
    return text


def read_day(text: str, *, column: str) -> date:
    """A day, as people write it or as spreadsheets count it. Raises ``RowRefused``."""
    if serial := SERIAL.fullmatch(text):
        days = int(serial[1])
        if EARLIEST_SERIAL <= days <= LATEST_SERIAL:
            return DAY_NOUGHT + timedelta(days=days)
    found = read_date(re.split(r"[T ](?=\d{1,2}:)", text)[0])
    if found is None:
        raise RowRefused(Reason.BAD_DATE, column=column, value=text)
    return found


def read_moment(text: str, *, zone: ZoneInfo, column: str) -> datetime:
    """A moment, in the given zone where the text names none; a day alone is its midnight there. Raises ``RowRefused``."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _moment_in_words(text, column)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _moment_in_words(text: str, column: str) -> datetime:
    day = read_day(text, column=column)
    if (serial := SERIAL.fullmatch(text)) and serial[2]:
        seconds = round(float(f"0.{serial[2]}") * 86_400)
        return datetime.combine(day, datetime.min.time()) + timedelta(seconds=seconds)
    clock = re.search(r"[T ](\d{1,2}):(\d{2})(?::(\d{2}))?\s*([aApP]\.?\s?[mM]\.?)?$", text)
    if clock is None:
        return datetime.combine(day, datetime.min.time())
    hour, half = int(clock[1]), (clock[4] or "").lower()[:1]
    if half and not 1 <= hour <= 12:
        raise RowRefused(Reason.BAD_DATE, column=column, value=text)
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
    try:
        return datetime(day.year, day.month, day.day, hour, int(clock[2]), int(clock[3] or 0))
    except ValueError:
        raise RowRefused(Reason.BAD_DATE, column=column, value=text) from None
