"""A party with its addresses and contact mechanisms as one record, and the other way round."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from integrations.crm.contract import Permanent, RemoteRecord, Several

PARTY = "party.party"
CHILDREN = {"addresses": "party.address", "contact_mechanisms": "party.contact_mechanism"}
_STAMPS = ("write_date", "create_date", "_timestamp")
# A dotted name brings what hangs from the party along, in one answer.
FIELDS = [
    *("name", "code", "active", "replaced_by", *_STAMPS),
    *(f"addresses.{name}" for name in ("street", "city", "postal_code", "active", *_STAMPS)),
    *(f"contact_mechanisms.{name}" for name in ("type", "value", "active", *_STAMPS)),
]
MECHANISMS = {"emails": ("email",), "phones": ("phone", "mobile")}
ADDRESS = {"address.street": "street_unstructured", "address.city": "city", "address.postal_code": "postal_code"}
NO_ONE = "****"  # what Tryton's own erasure leaves in the place of a value


@dataclass
class Party:
    """One party as it was read, with what hangs from it, in Tryton's own order."""

    row: Mapping[str, Any]
    children: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: {name: [] for name in CHILDREN})

    @property
    def timestamps(self) -> dict[str, str]:
        """``model,id`` → timestamp, as a write must name them."""
        stamps = {f"{PARTY},{self.row['id']}": self.row["_timestamp"]}
        for name, rows in self.children.items():
            stamps |= {f"{CHILDREN[name]},{row['id']}": row["_timestamp"] for row in rows}
        return stamps

    @property
    def version(self) -> str:
        return hashlib.sha256(repr(sorted(self.timestamps.items())).encode()).hexdigest()[:40]

    @property
    def modified_at(self) -> datetime:
        rows = [self.row, *(row for rows in self.children.values() for row in rows)]
        latest: datetime = max(row["write_date"] or row["create_date"] for row in rows)
        return latest

    def spellings(self, remote: str) -> list[str]:
        return [row["value"] for row in self.children["contact_mechanisms"] if row["type"] in MECHANISMS[remote]]


def record_of(party: Party) -> RemoteRecord:
    row = party.row
    address = party.children["addresses"][0] if party.children["addresses"] else {}
    is_erased = not row["active"] and not row["replaced_by"] and row["name"] is None
    values: dict[str, Any] = {
        "name": row["name"],
        "code": row["code"],
        "address.street": address.get("street") or None,
        "address.city": address.get("city"),
        "address.postal_code": address.get("postal_code"),
        **{name: party.spellings(name) for name in MECHANISMS},
    }
    return RemoteRecord(
        object_type=PARTY,
        external_id=str(row["id"]),
        version=party.version,
        modified_at=party.modified_at,
        values=values,
        is_deleted=not row["active"] and not row["replaced_by"],
        is_erased=is_erased,
        merged_into=str(row["replaced_by"] or ""),
    )


def changes_to(party: Party | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a write of the party must say so that its values become these. Raises ``Permanent`` for a property that cannot be set."""
    said: dict[str, Any] = {}
    address: dict[str, Any] = {}
    mechanisms: list[list[Any]] = []
    for remote, value in values.items():
        if remote == "name":
            said["name"] = value
        elif remote in ADDRESS:
            address[ADDRESS[remote]] = value
        elif remote in MECHANISMS:
            mechanisms += _mechanisms(party, remote, value)
        else:
            raise Permanent(_("“%(name)s” cannot be written there.") % {"name": remote})
    if address:
        known = party.children["addresses"] if party else []
        said["addresses"] = [["write", [known[0]["id"]], address]] if known else [["create", [address]]]
    if mechanisms:
        said["contact_mechanisms"] = mechanisms
    return said


def _mechanisms(party: Party | None, remote: str, value: Any) -> list[list[Any]]:
    types = MECHANISMS[remote]
    known = [row for row in party.children["contact_mechanisms"] if row["type"] in types] if party else []
    if not isinstance(value, Several):
        remove = tuple(row["value"] for row in known if row["value"] != value)
        value = Several(add=(value,) if value and value not in {row["value"] for row in known} else (), remove=remove)
    gone = [row["id"] for row in known if row["value"] in value.remove]
    steps: list[list[Any]] = [["delete", gone]] if gone else []
    if value.add:
        steps.append(["create", [{"type": types[0], "value": each} for each in value.add]])
    return steps


def party_of(row: Mapping[str, Any]) -> Party:
    """A party as it was read. What is switched off, or was erased, is no part of the record."""
    children = {
        name: [child for child in sorted(row.get(f"{name}.") or (), key=lambda child: child["id"]) if _counts(child)] for name in CHILDREN
    }
    return Party(row, children)


def _counts(child: Mapping[str, Any]) -> bool:
    return bool(child["active"]) and child.get("value") != NO_ONE
