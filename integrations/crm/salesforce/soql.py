"""Questions to Salesforce in its own language. Nothing gets into one but names and moments that were looked at, and quoted text."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})


def is_name(text: str) -> bool:
    """Whether the text can be the name of a field or an object."""
    return _NAME.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether the text can be a record's id: 15 or 18 letters and digits."""
    return _ID.fullmatch(text) is not None


def quoted(text: str) -> str:
    """Text as a literal."""
    return f"'{text.translate(_ESCAPES)}'"


def moment(at: datetime) -> str:
    """A moment as a literal, in UTC, to the millisecond."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def select(fields: Iterable[str], sobject: str, conditions: Sequence[str], *, ordered: bool = False) -> str:
    """A whole question. Raises ``ValueError`` for what cannot be a name."""
    names = list(fields)
    if wrong := [name for name in (*names, sobject) if not is_name(name)]:
        raise ValueError(f"not a name: {wrong[0][:40]!r}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = " ORDER BY SystemModstamp ASC, Id ASC" if ordered else ""
    return f"SELECT {', '.join(names)} FROM {sobject}{where}{order}"  # noqa: S608 — names were checked, conditions come from this module


def id_is(external_id: str) -> str:
    """The condition of one record. Raises ``ValueError`` for what is no id."""
    if not is_id(external_id):
        raise ValueError("not an id")
    return f"Id = '{external_id}'"


def after(at: datetime, external_id: str) -> str:
    """What comes after one record in the order of ``select``: many may have its moment."""
    if not is_id(external_id):
        raise ValueError("not an id")
    then = moment(at)
    return f"(SystemModstamp > {then} OR (SystemModstamp = {then} AND Id > '{external_id}'))"
