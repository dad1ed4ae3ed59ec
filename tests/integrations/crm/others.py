"""The same few words for every other system, said to the system itself and never through our connector."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import vobject

from integrations.models import Connection
from tests.integrations.crm.hubspot_server import HubSpotAccount
from tests.integrations.crm.peers import Radicale, Tryton
from tests.integrations.crm.salesforce_server import Org
from tests.integrations.crm.shop import Shop


class Other(Protocol):
    """A system there, and the connection to it. Values are ``name``, ``city``, ``emails`` and ``phones``."""

    connection: Connection
    can_merge: ClassVar[bool]

    def add(self, name: str, *, email: str = "", city: str = "") -> str: ...
    def change(self, external_id: str, **values: Any) -> None: ...
    def values(self, external_id: str) -> dict[str, Any]: ...
    def delete(self, external_id: str) -> None: ...
    def is_there(self, external_id: str) -> bool: ...
    def merge(self, loser: str, survivor: str) -> None: ...
    def set_clock(self, hours: float) -> None: ...


class _Simple:
    """What most cannot: merge, and have a clock of their own."""

    can_merge: ClassVar[bool] = False

    def merge(self, loser: str, survivor: str) -> None:
        raise NotImplementedError

    def set_clock(self, hours: float) -> None:
        """It has none that we read."""


@dataclass
class TrytonSide:
    can_merge: ClassVar[bool] = True
    connection: Connection
    peer: Tryton

    def add(self, name: str, *, email: str = "", city: str = "") -> str:
        mechanisms = [["create", [{"type": "email", "value": email}]]] if email else []
        row = {"name": name, "addresses": [["create", [{"city": city}]]], "contact_mechanisms": mechanisms}
        return str(self.peer.call("model.party.party.create", [row])[0])

    def change(self, external_id: str, **values: Any) -> None:
        said: dict[str, Any] = {"name": values["name"]} if "name" in values else {}
        if "city" in values:
            address = self._rows("party.address", external_id, ["id"])
            city = {"city": values["city"]}
            said["addresses"] = [["write", [address[0]["id"]], city]] if address else [["create", [city]]]
        if "emails" in values:
            known = self._rows("party.contact_mechanism", external_id, ["value", "type"])
            gone = [row["id"] for row in known if row["type"] == "email" and row["value"] not in values["emails"]]
            new = [each for each in values["emails"] if each not in {row["value"] for row in known}]
            said["contact_mechanisms"] = [
                *([["delete", gone]] if gone else []),
                *([["create", [{"type": "email", "value": each} for each in new]]] if new else []),
            ]
        self.peer.call("model.party.party.write", [int(external_id)], said)

    def values(self, external_id: str) -> dict[str, Any]:
        party = self.peer.call("model.party.party.read", [int(external_id)], ["name", "active"])[0]
        address = self._rows("party.address", external_id, ["city"])
        mechanisms = self._rows("party.contact_mechanism", external_id, ["type", "value"])
        emails = sorted(row["value"] for row in mechanisms if row["type"] == "email")
        return {"name": party["name"], "city": address[0]["city"] if address else None, "emails": emails}

    def delete(self, external_id: str) -> None:
        self.peer.call("model.party.party.delete", [int(external_id)])

    def is_there(self, external_id: str) -> bool:
        """Whether people there still see it: what was merged away they do not."""
        return bool(self.peer.call("model.party.party.search_count", [["id", "=", int(external_id)]]))

    def merge(self, loser: str, survivor: str) -> None:
        """By Tryton's assistant, which asks no question where both have one name."""
        self.change(loser, name=self.values(survivor)["name"])
        session, _start, _end = self.peer.call("wizard.party.replace.create")
        data = {"ask": {"source": int(loser), "destination": int(survivor)}}
        self.peer.call("wizard.party.replace.execute", session, data, "replace")

    def set_clock(self, hours: float) -> None:
        """How many hours it is ahead from now on."""
        self.peer.set_clock(hours)

    def _rows(self, model: str, external_id: str, fields: list[str]) -> list[dict[str, Any]]:
        question = [["party", "=", int(external_id)]]
        return self.peer.call(f"model.{model}.search_read", question, 0, None, [["id", "ASC"]], fields)


@dataclass
class BookSide(_Simple):
    connection: Connection
    peer: Radicale

    @property
    def user(self) -> str:
        return self.connection.settings["user"]

    def add(self, name: str, *, email: str = "", city: str = "") -> str:
        href = f"/{self.user}/people/{uuid.uuid4().hex}.vcf"
        card = vobject.vCard()
        card.add("uid").value = href
        card.add("fn").value = name
        card.add("x-shoe-size").value = "38"
        if email:
            card.add("email").value = email
        if city:
            card.add("adr").value = vobject.vcard.Address(city=city)
        self._put(href, card)
        return href

    def change(self, external_id: str, **values: Any) -> None:
        card = vobject.readOne(self._get(external_id))
        if "name" in values:
            card.fn.value = values["name"]
        if "city" in values:
            self._clear(card, "adr")
            if values["city"]:
                card.add("adr").value = vobject.vcard.Address(city=values["city"])
        if "emails" in values:
            self._clear(card, "email")
            for each in values["emails"]:
                card.add("email").value = each
        self._put(external_id, card)

    def values(self, external_id: str) -> dict[str, Any]:
        card = vobject.readOne(self._get(external_id))
        address = card.contents.get("adr")
        emails = sorted(line.value for line in card.contents.get("email", []))
        return {"name": card.fn.value, "city": (address[0].value.city or None) if address else None, "emails": emails}

    def delete(self, external_id: str) -> None:
        assert self.peer.ask("DELETE", f"{self.peer.url}{external_id}", self.user).status_code == 200

    def is_there(self, external_id: str) -> bool:
        return self.peer.ask("GET", f"{self.peer.url}{external_id}", self.user).status_code == 200

    def _clear(self, card: Any, name: str) -> None:
        for line in list(card.contents.get(name, [])):
            card.remove(line)

    def _get(self, href: str) -> str:
        return self.peer.ask("GET", f"{self.peer.url}{href}", self.user).raise_for_status().text

    def _put(self, href: str, card: Any) -> None:
        headers = {"Content-Type": "text/vcard"}
        self.peer.ask("PUT", f"{self.peer.url}{href}", self.user, content=card.serialize().encode(), headers=headers).raise_for_status()


@dataclass
class ShopSide(_Simple):
    connection: Connection
    peer: Shop

    def add(self, name: str, *, email: str = "", city: str = "") -> str:
        return self.peer.add(name=name, email=email or None, address={"street": None, "city": city or None})

    def change(self, external_id: str, **values: Any) -> None:
        said = {key: value for key, value in values.items() if key == "name"}
        if "city" in values:
            said["address"] = {**self.peer.rows[external_id]["address"], "city": values["city"]}
        if "emails" in values:
            said["email"] = next(iter(values["emails"]), None)
        self.peer.change(external_id, **said)

    def values(self, external_id: str) -> dict[str, Any]:
        row = self.peer.rows[external_id]
        return {"name": row["name"], "city": row["address"].get("city"), "emails": _some(row["email"])}

    def delete(self, external_id: str) -> None:
        self.peer.change(external_id, deleted=True)

    def is_there(self, external_id: str) -> bool:
        return not self.peer.rows[external_id].get("deleted")


@dataclass
class HubSpotSide(_Simple):
    can_merge: ClassVar[bool] = True
    connection: Connection
    peer: HubSpotAccount

    def add(self, name: str, *, email: str = "", city: str = "") -> str:
        return self.peer.add(**_names(name), email=email, city=city)

    def change(self, external_id: str, **values: Any) -> None:
        said: dict[str, Any] = _names(values["name"]) if "name" in values else {}
        if "city" in values:
            said["city"] = values["city"]
        if "emails" in values:
            said |= {"email": next(iter(values["emails"]), None), "hs_additional_emails": ";".join(values["emails"][1:])}
        self.peer.change(external_id, **said)

    def values(self, external_id: str) -> dict[str, Any]:
        row = self.peer.values(external_id)
        emails = [row.get("email"), *(row.get("hs_additional_emails") or "").split(";")]
        name = f"{row.get('firstname') or ''} {row.get('lastname') or ''}".strip()
        return {"name": name or None, "city": row.get("city"), "emails": sorted(filter(None, emails))}

    def delete(self, external_id: str) -> None:
        self.peer.delete(external_id)

    def is_there(self, external_id: str) -> bool:
        return external_id in self.peer.rows and not self.peer.rows[external_id]["archived"]

    def merge(self, loser: str, survivor: str) -> None:
        self.peer.merge(survivor, loser)


@dataclass
class SalesforceSide(_Simple):
    connection: Connection
    peer: Org

    def add(self, name: str, *, email: str = "", city: str = "") -> str:
        return self.peer.add(**self._parts(name), Email=email or None, MailingCity=city or None)

    def change(self, external_id: str, **values: Any) -> None:
        said: dict[str, Any] = self._parts(values["name"]) if "name" in values else {}
        if "city" in values:
            said["MailingCity"] = values["city"]
        if "emails" in values:
            said["Email"] = next(iter(values["emails"]), None)
        self.peer.change(external_id, **said)

    def values(self, external_id: str) -> dict[str, Any]:
        row = self.peer.rows[external_id]
        return {"name": row["Name"], "city": row["MailingCity"], "emails": _some(row["Email"])}

    def delete(self, external_id: str) -> None:
        self.peer.delete(external_id)

    def _parts(self, name: str) -> dict[str, Any]:
        first, _space, last = name.rpartition(" ")
        return {"FirstName": first or None, "LastName": last}


def _names(name: str) -> dict[str, str]:
    first, _space, last = name.partition(" ")
    return {"firstname": first, "lastname": last}


def _some(value: Any) -> Iterable[Any]:
    return [value] if value else []
