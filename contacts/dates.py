"""Dates as people write them, read without a guess: where day and month could be either, nothing is read."""

import re
from datetime import date

from contacts.names import fold_name

EARLIEST, LATEST = 1880, 2200
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "enero ene january jan janeiro",
            "febrero feb february fevereiro fev",
            "marzo mar march marco",
            "abril abr april apr",
            "mayo may maio mai",
            "junio jun june junho",
            "julio jul july julho",
            "agosto ago august aug",
            "septiembre setiembre sep sept set september setembro",
            "octubre oct october outubro out",
            "noviembre nov november novembro",
            "diciembre dic december dec dezembro dez",
        ),
        start=1,
    )
    for name in names.split()
}


def read_date(text: str) -> date | None:
    """The day that the text names, or ``None``: no date, a year of two digits, or day and month that could be exchanged."""
    text = text.strip()
    if match := re.fullmatch(r"([0-9]{4})[-/.]?([0-9]{2})[-/.]?([0-9]{2})", text):
        return _date(*(int(part) for part in match.groups()))
    if match := re.fullmatch(r"([0-9]{1,2})[-/. ]+([0-9]{1,2})[-/. ]+([0-9]{4})", text):
        one, other, year = (int(part) for part in match.groups())
        if one > 12 or one == other:
            return _date(year, other, one)
        return _date(year, one, other) if other > 12 else None
    return _in_words(text)


def _in_words(text: str) -> date | None:
    numbers = re.findall(r"[0-9]+", text)
    words = [word for word in fold_name(text).split() if word not in {"de", "del", "of", "st", "nd", "rd", "th", "do"}]
    if len(numbers) != 2 or len(words) != 1 or words[0] not in MONTHS:
        return None
    day, year = sorted(numbers, key=len)
    return _date(int(year), MONTHS[words[0]], int(day)) if len(day) <= 2 and len(year) == 4 else None


def _date(year: int, month: int, day: int) -> date | None:
    if not EARLIEST <= year <= LATEST:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
