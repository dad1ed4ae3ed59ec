"""A row of a file as what it says about one person."""

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from contacts.claims import Claim, ClaimedIdentifier
from contacts.normalising import MAX_VALUE, normal
from integrations.importing.cells import plain, read_day, read_email, read_moment, read_phone, several
from integrations.importing.rows import FileRow, Reason, RowRefused

LONGEST_FIELD = 500
# Columns that are fields of the person as they stand.
FIELDS = ("company", "street", "city", "postcode", "country", "language")
# A person with more addresses than this is a list.
MOST_ADDRESSES = 20


@dataclass(frozen=True)
class Reader:
    """How the rows of one file are read. ``headings`` and ``mapping`` go by the place of the column."""

    kind: str
    headings: Sequence[str]
    mapping: Sequence[str]
    region: str
    zone: ZoneInfo
    # When the file says what it says, where its rows give no time.
    at: datetime
    secret: bytes
    # Which other system the ids are of.
    source: str = ""

    def values(self, row: FileRow) -> dict[str, list[tuple[str, str]]]:
        """Target → (heading, text) of every cell of the row that holds something. Raises ``RowRefused`` for a broken row."""
        if row.problem is not None:
            raise RowRefused(row.problem)
        if any(cell.strip() for cell in row.cells[len(self.mapping) :]):
            raise RowRefused(Reason.TOO_MANY_CELLS)
        found: dict[str, list[tuple[str, str]]] = {}
        for cell, target, heading in zip(row.cells, self.mapping, self.headings, strict=False):
            if target and (text := plain(cell)):
                found.setdefault(target, []).append((heading, text))
        if not found and not any(cell.strip() for cell in row.cells):
            raise RowRefused(Reason.EMPTY)
        return found

    def mark(self, *parts: str) -> uuid.UUID:
        """A keyed hash: equal parts give equal marks within the account, and nobody reads the parts out of it."""
        return uuid.UUID(bytes=hmac.new(self.secret, "\x1f".join(parts).encode(), hashlib.blake2b).digest()[:16])


@dataclass(frozen=True)
class PersonRow:
    """What one row says. ``key`` is the same for every version of the record, ``digest`` for every row that says the same."""

    number: int
    key: uuid.UUID
    digest: uuid.UUID
    claim: Claim
    occurred_at: datetime
    has_id: bool
    hilo_id: int | None = None


def read_person(row: FileRow, reader: Reader) -> PersonRow:
    """Raises ``RowRefused``."""
    values = reader.values(row)
    identifiers = read_identifiers(values, reader)
    given = _given(values, reader)
    if not identifiers and not given.get("name"):
        raise RowRefused(Reason.NOTHING_TO_KNOW)
    since = _only(values, "since")
    external_id, hilo_id = _text(values, "external_id"), _text(values, "hilo_id")
    said = [f"{each.kind}={each.raw}" for each in identifiers] + [f"{name}={value}" for name, value in sorted(given.items())]
    digest = reader.mark("row", *said)
    return PersonRow(
        number=row.number,
        key=reader.mark("id", external_id) if external_id else digest,
        digest=digest,
        claim=Claim(identifiers=tuple(identifiers), given=given),
        occurred_at=min(read_moment(since[1], zone=reader.zone, column=since[0]), reader.at) if since else reader.at,
        has_id=bool(external_id),
        hilo_id=int(hilo_id) if re.fullmatch(r"[0-9]{1,18}", hilo_id) else None,
    )


def read_identifiers(values: Mapping[str, list[tuple[str, str]]], reader: Reader) -> list[ClaimedIdentifier]:
    """Every address and reference of the row, each once. Raises ``RowRefused`` for one that cannot be read."""
    found: list[ClaimedIdentifier] = []
    for column, text in values.get("email", ()):
        found += [ClaimedIdentifier("email", read_email(each, region=reader.region, column=column)) for each in several(text)]
    for column, text in values.get("phone", ()):
        found += [ClaimedIdentifier("phone", read_phone(each, region=reader.region, column=column)) for each in several(text)]
    for column, text in values.get("whatsapp", ()):
        found += [ClaimedIdentifier("whatsapp", _whatsapp(each, reader, column)) for each in several(text)]
    for kind in ("national_id", "customer_number"):
        for column, text in values.get(kind, ()):
            if len(text) > MAX_VALUE or normal(kind, text, region=reader.region) is None:
                raise RowRefused(Reason.BAD_VALUE, column=column, value=text[:LONGEST_FIELD])
            found.append(ClaimedIdentifier(kind, text))
    if len(found) > MOST_ADDRESSES:
        raise RowRefused(Reason.TOO_LONG)
    return list(dict.fromkeys(found))


def _whatsapp(text: str, reader: Reader, column: str) -> str:
    number = normal("phone", read_phone(text, region=reader.region, column=column), region=reader.region)
    assert number is not None
    return number.value.lstrip("+")


def _given(values: Mapping[str, list[tuple[str, str]]], reader: Reader) -> dict[str, str]:
    given = {}
    names = [text for target in ("given_name", "surname") for _column, text in values.get(target, ())]
    given["name"] = _text(values, "name") or " ".join(names)
    for field in FIELDS:
        given[field] = _text(values, field)
    if birth := _only(values, "date_of_birth"):
        given["date_of_birth"] = read_day(birth[1], column=birth[0]).isoformat()
    for field, value in given.items():
        if len(value) > LONGEST_FIELD:
            raise RowRefused(Reason.TOO_LONG, column=field)
    return {field: value for field, value in given.items() if value}


def _only(values: Mapping[str, list[tuple[str, str]]], target: str) -> tuple[str, str] | None:
    return next(iter(values.get(target, ())), None)


def _text(values: Mapping[str, list[tuple[str, str]]], target: str) -> str:
    found = _only(values, target)
    return found[1] if found else ""
