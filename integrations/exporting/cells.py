"""Cells that no spreadsheet runs: a text that begins like a formula is written behind a sign, which an import takes away again."""

import re
from datetime import UTC, datetime
from typing import Any

from integrations.exporting.tables import SEPARATOR
from integrations.importing.cells import FORMULA_SIGNS, GUARD

# A number with its country's prefix adds up to itself, and is read better without the sign.
PHONES = re.compile(r"\+[0-9]{6,15}(?:; \+[0-9]{6,15})*")
# XML 1.0 takes none of these.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def guarded(text: str) -> str:
    """The text, harmless in a spreadsheet. What begins with the sign itself before such a text gets a second one."""
    if PHONES.fullmatch(text):
        return text
    looks_guarded = text.startswith(GUARD) and text.lstrip(GUARD).startswith(FORMULA_SIGNS)
    return GUARD + text if text.startswith(FORMULA_SIGNS) or looks_guarded else text


def as_text(value: Any) -> str:
    """What stands in a cell of a text file: moments in ISO 8601 and UTC, several values behind each other."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, list):
        return SEPARATOR.join(value)
    return str(value)
