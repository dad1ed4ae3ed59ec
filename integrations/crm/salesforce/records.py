"""Rows of Salesforce as records of people, and the other way round. Pure.

The mapping speaks of the fields of a contact. Leads and person accounts have most of them under other names, which stand here; and two
properties are ours: ``Name``, of which only the parts can be written, and ``Phones``, the numbers of two fields as one list.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.crm.contract import Permanent, RemoteProperty, RemoteRecord, Several

NAME, PHONES = "Name", "Phones"
PHONE_FIELDS = ("MobilePhone", "Phone")
# What every question asks for.
SYSTEM = ("Id", "IsDeleted", "MasterRecordId", "SystemModstamp", "LastModifiedDate")
TYPES = {"email": "email", "phone": "phone", "date": "date", "boolean": "boolean", "picklist": "enum"}
# Compound and binary ones have their parts beside them.
SKIPPED = frozenset({"address", "location", "base64", "complexvalue", "anyType"})


@dataclass(frozen=True)
class Kind:
    """One kind of people there. ``prefix`` is what its ids begin with; ``names``: what a contact calls it → what it is called here."""

    sobject: str
    prefix: str
    names: Mapping[str, str] = field(default_factory=dict)
    condition: str = ""
    # What a new one must have besides, where the mapping does not say.
    needs: Mapping[str, str] = field(default_factory=dict)

    def there(self, name: str) -> str:
        return self.names.get(name, name)

    def here(self, name: str) -> str:
        return next((ours for ours, theirs in self.names.items() if theirs == name), name)


def _person(*names: str) -> dict[str, str]:
    return {name: f"Person{name}" for name in names}


MAILING = ("MailingStreet", "MailingCity", "MailingState", "MailingPostalCode", "MailingCountry")
KINDS = {
    "Contact": Kind("Contact", "003"),
    "Lead": Kind("Lead", "00Q", {name: name.removeprefix("Mailing") for name in MAILING}, needs={"Company": "-"}),
    "PersonAccount": Kind(
        "Account", "001", _person("Email", "MobilePhone", "Birthdate", "Title", *MAILING), condition="IsPersonAccount = true"
    ),
}


def fields_for(kind: Kind, mapped: Iterable[str]) -> list[str]:
    """Which fields to ask for, so that the mapped properties are known."""
    wanted: set[str] = set()
    for name in mapped:
        match name:
            case "Name":
                wanted |= {"Name", "FirstName", "LastName"}
            case "Phones":
                wanted |= {kind.there(each) for each in PHONE_FIELDS}
            case _:
                wanted.add(kind.there(name))
    return [*SYSTEM, *sorted(wanted - set(SYSTEM))]


def record_of(kind: Kind, object_type: str, row: Mapping[str, Any]) -> RemoteRecord:
    """One row as it was answered. Raises ``Permanent`` for what has no id."""
    if not isinstance(row.get("Id"), str):
        raise Permanent("A record has no id")
    merged = str(row.get("MasterRecordId") or "")
    values = {kind.here(name): _value(row[name]) for name in row if name not in ("attributes", *SYSTEM)}
    places = [kind.there(each) for each in PHONE_FIELDS]
    if any(each in row for each in places):
        values[PHONES] = [str(row[each]) for each in places if row.get(each)]
    return RemoteRecord(
        object_type,
        row["Id"],
        version=version_of(row),
        modified_at=moment_of(row.get("SystemModstamp")),
        values=values,
        is_deleted=bool(row.get("IsDeleted")) and not merged,
        merged_into=merged,
    )


def version_of(row: Mapping[str, Any]) -> str:
    """Its stamp counts whole seconds, in which much can happen: the values themselves are part of the version."""
    said = {name: value for name, value in row.items() if name != "attributes"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return f"{row.get('SystemModstamp', '')} {digest[:32]}"


def changes_to(kind: Kind, row: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a write must say so that the record has the values; ``row`` is the record as it was just read, ``None`` for a new one."""
    said: dict[str, Any] = {}
    for name, value in values.items():
        if name == NAME:
            said |= _name(row or {}, " ".join(str(value or "").split()))
        elif name == PHONES:
            said |= _phones(kind, row or {}, value)
        else:
            single = value.add[0] if isinstance(value, Several) and value.add else value
            said[kind.there(name)] = None if isinstance(single, Several) else single
    if row is None:
        said = {**kind.needs, **{name: value for name, value in said.items() if value is not None}}
    return said


def property_of(kind: Kind, said: Mapping[str, Any]) -> RemoteProperty | None:
    """One field of a description; ``None`` for what no mapping can name."""
    name, type_ = str(said.get("name", "")), str(said.get("type", ""))
    if type_ in SKIPPED or name in SYSTEM:
        return None
    choices = tuple(str(each["value"]) for each in said.get("picklistValues") or () if each.get("active", True))
    # The whole name is written by its parts.
    is_writable = bool(said.get("updateable")) or name == NAME
    return RemoteProperty(
        kind.here(name), str(said.get("label") or name), TYPES.get(type_, "text"), is_writable=is_writable, choices=choices
    )


def moment_of(text: Any) -> datetime | None:
    """Salesforce's spelling of a moment, which has no colon in its zone before Python 3.11 would read it."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value)


def _name(row: Mapping[str, Any], text: str) -> dict[str, str | None]:
    """First and last name: as they are divided already, as far as they stay; else the first word and the rest."""
    first, last = str(row.get("FirstName") or ""), str(row.get("LastName") or "")
    if first and text.startswith(f"{first} "):
        return {"FirstName": first, "LastName": text[len(first) + 1 :]}
    if last and text.endswith(f" {last}"):
        return {"FirstName": text[: -len(last) - 1], "LastName": last}
    head, _space, rest = text.partition(" ")
    return {"FirstName": head, "LastName": rest} if rest else {"FirstName": None, "LastName": text or None}


def _phones(kind: Kind, row: Mapping[str, Any], change: Any) -> dict[str, str | None]:
    """Numbers that stay keep their field; new ones take a free one. What has no place stays with us."""
    places = [kind.there(each) for each in PHONE_FIELDS]
    now: dict[str, str | None] = {each: str(row[each]) if row.get(each) else None for each in places}
    if not isinstance(change, Several):
        change = Several(add=(str(change),) if change else (), remove=tuple(each for each in now.values() if each and each != change))
    after = {place: None if number in change.remove else number for place, number in now.items()}
    for number in change.add:
        free = next((place for place in places if after[place] is None), None)
        if free is not None and number not in after.values():
            after[free] = number
    return {place: number for place, number in after.items() if number != now[place]}
