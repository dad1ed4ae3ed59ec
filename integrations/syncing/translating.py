"""Between a remote record's values and ours: the mapping, as data, applied. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contacts.dates import read_date
from contacts.models import IdentifierKind
from contacts.normalising import normal
from integrations.crm.contract import RemoteRecord, Several
from integrations.models import Mapping as MappingRow

IDENTIFIERS = frozenset(IdentifierKind.values)
Direction, Empty, Type = MappingRow.Direction, MappingRow.Empty, MappingRow.Type

# A single value, or normal form → the spelling there.
Theirs = str | None | dict[str, str]
# A single value, or normal forms in order.
Ours = str | None | list[str]


@dataclass(frozen=True)
class Rule:
    """One line of a mapping, as it is used."""

    ours: str
    remote: str
    type: str = "text"
    is_several: bool = False
    direction: str = "both"
    policy: str = "newest"
    empty: str = "clear"
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def is_identifier(self) -> bool:
        return self.ours in IDENTIFIERS

    @property
    def comes_in(self) -> bool:
        return self.direction != Direction.OUT

    @property
    def goes_out(self) -> bool:
        return self.direction != Direction.IN


def rule_of(row: MappingRow) -> Rule:
    return Rule(
        ours=row.ours,
        remote=row.remote,
        type=row.type,
        is_several=row.is_several,
        direction=row.direction,
        policy=row.policy,
        empty=row.empty,
        choices=tuple(sorted(row.choices.items())),
    )


def theirs_of(rules: Iterable[Rule], record: RemoteRecord, *, region: str) -> dict[str, Theirs]:
    """Our names → what the record says, in normal form. What cannot be read, or is not part of the record, is left out."""
    found: dict[str, Theirs] = {}
    for rule in rules:
        if rule.remote not in record.values:
            continue
        value = record.values[rule.remote]
        if rule.is_several:
            spellings = [value] if isinstance(value, str) else list(value or ())
            read = ((normal_value(rule, each, region=region), each) for each in spellings)
            found[rule.ours] = {known: spelling for known, spelling in read if known is not None}
            continue
        if isinstance(value, (list, tuple)):
            value = value[0] if value else None
        if value is None or _text(value) == "":
            found[rule.ours] = None
        elif (known := normal_value(rule, value, region=region)) is not None:
            found[rule.ours] = known
    return found


def normal_value(rule: Rule, value: Any, *, region: str) -> str | None:
    """The normal form of one value from there; ``None`` for what cannot be read as what the rule says it is."""
    text = _text(value)
    if rule.type == Type.ENUM:
        return dict(rule.choices).get(text)
    if rule.is_identifier:
        read = normal(rule.ours, text, region=region)
        return read.value if read else None
    if rule.type == Type.DATE:
        day = read_date(text)
        return day.isoformat() if day else None
    if rule.type == Type.BOOLEAN:
        return "true" if text.casefold() in ("true", "1", "yes") else "false"
    return text or None


def remote_values(rules: Iterable[Rule], changes: Mapping[str, str | Several | None]) -> dict[str, Any]:
    """Our changes under the names and in the forms there."""
    by_name = {rule.ours: rule for rule in rules}
    said: dict[str, Any] = {}
    for ours, value in changes.items():
        rule = by_name[ours]
        if isinstance(value, Several) or value is None:
            said[rule.remote] = value
        elif rule.type == Type.ENUM:
            said[rule.remote] = next((there for there, here in rule.choices if here == value), value)
        elif rule.type == Type.BOOLEAN:
            said[rule.remote] = value == "true"
        else:
            said[rule.remote] = value
    return said


def _text(value: Any) -> str:
    """Text without what no database keeps; lines stay lines."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = unicodedata.normalize("NFC", str(value)).replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()


def same_text(value: Any) -> str | None:
    """One of our own values in the form in which theirs are compared."""
    return None if value in (None, "") else _text(value) or None
