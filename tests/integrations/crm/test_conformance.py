"""What every connector must do, done to each of them against the running system."""

from typing import Any

import pytest

from integrations.crm.contract import Connector, Misconfigured, Page, RemoteRecord, Retry, Several, Stale
from integrations.crm.registry import CONNECTORS, connector_of
from integrations.crm.wire import Wire
from integrations.models import Connection
from integrations.syncing.opening import connector_for
from tests.integrations.crm.others import Other
from tests.ports import free_port

# How each of them calls what the tests change.
NAMES = {
    "tryton": ("name", "address.city", "emails"),
    "carddav": ("fn", "adr.city", "email"),
    "rest": ("name", "address.city", "email"),
    "hubspot": ("name", "city", "emails"),
    "salesforce": ("Name", "MailingCity", "Email"),
}


def open_(other: Other) -> Connector:
    return connector_for(Connection.scoped().get(pk=other.connection.pk))


def with_wire(other: Other, wire: Wire) -> Connector:
    connection = Connection.scoped().get(pk=other.connection.pk)
    return connector_of(connection.kind)({**connection.settings, **connection.credentials}, wire)


def everything(connector: Connector, cursor: str = "") -> tuple[dict[str, RemoteRecord], str]:
    """All the pages from the cursor on, by id, and where the next run begins."""
    found: dict[str, RemoteRecord] = {}
    for _page in range(20):
        page: Page = connector.changes(cursor)
        found |= {record.external_id: record for record in page.records}
        cursor = page.cursor
        if not page.has_more:
            return found, cursor
    raise AssertionError("The pages never end")


def test_it_lists_everything_then_what_changed(other: Other) -> None:
    name, city, _email = NAMES[other.connection.kind]
    ids = [other.add(f"Persona {number}", email=f"p{number}@example.org", city="Quito") for number in range(5)]
    connector = open_(other)
    found, cursor = everything(connector)
    assert set(found) == set(ids)
    assert {record.values[name] for record in found.values()} == {f"Persona {number}" for number in range(5)}
    assert all(record.version and record.object_type == connector.object_type for record in found.values())

    other.change(ids[2], city="Lima")
    changed, later = everything(connector, cursor)
    # An overlap may bring more: what did not change has the version it had.
    assert [each for each in changed if changed[each].version != found[each].version] == [ids[2]]
    assert changed[ids[2]].values[city] == "Lima"
    # Asking from an earlier place again misses nothing.
    assert ids[2] in everything(connector, cursor)[0]
    assert all(record.version == changed[each].version for each, record in everything(connector, later)[0].items() if each in changed)


def test_it_says_what_was_deleted(other: Other) -> None:
    ids = [other.add(f"Persona {number}") for number in range(3)]
    connector = open_(other)
    _found, cursor = everything(connector)
    other.delete(ids[1])
    changed, _cursor = everything(connector, cursor)
    told = {each for each, record in changed.items() if record.is_deleted}
    assert told | connector.gone(ids) == {ids[1]}
    gone = connector.read(ids[1])
    assert gone is None or gone.is_deleted


def test_it_writes_what_is_named_and_leaves_the_rest(other: Other) -> None:
    name, city, email = NAMES[other.connection.kind]
    external_id = other.add("Ana", email="ana@example.org", city="Quito")
    connector = open_(other)
    before = connector.read(external_id)
    assert before is not None
    after = connector.write(external_id, {city: "Lima"}, expected=before.version)
    assert other.values(external_id) == {"name": "Ana", "city": "Lima", "emails": ["ana@example.org"]}
    assert after.version not in ("", before.version)
    assert after == connector.read(external_id) or dict(after.values) == dict(connector.read(external_id).values)  # type: ignore[union-attr]
    cleared = connector.write(external_id, {name: "Ana Soto", city: None}, expected=after.version)
    assert other.values(external_id) == {"name": "Ana Soto", "city": None, "emails": ["ana@example.org"]}
    if other.connection.kind in ("tryton", "carddav"):  # the others keep one address
        connector.write(external_id, {email: Several(add=("dos@example.org",), remove=("ana@example.org",))}, expected=cleared.version)
        assert other.values(external_id)["emails"] == ["dos@example.org"]


def test_a_stale_write_changes_nothing(other: Other) -> None:
    _name, city, _email = NAMES[other.connection.kind]
    external_id = other.add("Ana", city="Quito")
    connector = open_(other)
    before = connector.read(external_id)
    assert before is not None
    other.change(external_id, name="Eva")
    with pytest.raises(Stale):
        connector.write(external_id, {city: "Lima"}, expected=before.version)
    assert other.values(external_id) == {"name": "Eva", "city": "Quito", "emails": []}


# HubSpot has nothing to write on a version with: what that costs is tested in test_hubspot.py.
@pytest.mark.parametrize("other", [kind for kind in NAMES if kind != "hubspot"], indirect=True)
def test_somebody_who_writes_in_between_is_noticed_by_the_system_itself(other: Other) -> None:
    _name, city, _email = NAMES[other.connection.kind]
    external_id = other.add("Ana", city="Quito")

    class Between(Wire):
        """Somebody else is faster, in the very last moment."""

        def call(self, method: str, url: str, **options: Any) -> Any:
            asks = (options.get("json") or {}).get("method", "") if isinstance(options.get("json"), dict) else ""
            if method in ("PUT", "PATCH") or asks.endswith("party.write"):
                other.change(external_id, name="Eva")
            return super().call(method, url, **options)

    connection = Connection.scoped().get(pk=other.connection.pk)
    known = open_(other).read(external_id)
    assert known is not None
    wire = Between(renew=lambda _refused, ask: ask(connection.credentials))
    with pytest.raises(Stale) as refused:
        with_wire(other, wire).write(external_id, {city: "Lima"}, expected=known.version)
    assert other.values(external_id) == {"name": "Eva", "city": "Quito", "emails": []}
    assert (
        str(refused.value)
        == {"tryton": "ConcurrencyException", "carddav": "PUT 412", "rest": "PATCH 412", "salesforce": "PATCH 412 PRECONDITION_FAILED"}[
            other.connection.kind
        ]
    )


def test_made_twice_with_one_key_it_is_one(other: Other) -> None:
    name, city, _email = NAMES[other.connection.kind]
    connector = open_(other)
    first = connector.create({name: "Ana", city: "Quito"}, key="hilo-1")
    again = connector.create({name: "Ana", city: "Quito"}, key="hilo-1")
    assert first.external_id == again.external_id
    assert other.values(first.external_id)["city"] == "Quito"
    assert set(everything(connector)[0]) == {first.external_id}


def test_it_erases_and_does_not_mind_doing_it_twice(other: Other) -> None:
    external_id = other.add("Ana", email="ana@example.org", city="Quito")
    connector = open_(other)
    connector.erase(external_id)
    connector.erase(external_id)
    left = connector.read(external_id)
    assert left is None or left.is_deleted
    if left is not None and other.connection.kind == "tryton":
        assert (left.is_erased, left.values["name"], left.values["emails"]) == (True, None, [])


@pytest.mark.parametrize("other", [kind for kind, connector in CONNECTORS.items() if connector.can_merge], indirect=True)
def test_it_merges_where_it_can(other: Other) -> None:
    connector = open_(other)
    one, two = other.add("Ana", email="ana@example.org"), other.add("Ana Soto", email="soto@example.org")
    connector.merge(two, one)
    loser, survivor = connector.read(two), connector.read(one)
    assert loser is not None
    assert survivor is not None
    # Some make a third record of the two.
    assert (loser.merged_into, loser.is_deleted) == (survivor.merged_into or one, False)
    connector.merge(two, one)
    again = connector.read(two)
    assert again is not None
    assert again.merged_into == loser.merged_into


def test_it_knows_its_properties(other: Other) -> None:
    other.add("Ana", email="ana@example.org", city="Quito")
    names = {each.name for each in open_(other).describe()}
    assert set(NAMES[other.connection.kind]) <= names
    unknown = open_(other).read("999999" if other.connection.kind != "carddav" else "/nobody/people/x.vcf")
    assert unknown is None


def test_wrong_credentials_and_a_dead_server_are_told_apart(other: Other) -> None:
    connection = Connection.scoped().get(pk=other.connection.pk)
    wire = Wire(renew=lambda _refused, ask: ask({}))
    if connection.kind != "carddav":  # this one takes any password
        keys = ("password", "header_value", "access_token", "token")
        wrong = {**connection.settings, **connection.credentials, **dict.fromkeys(keys, "no"), "session": ""}
        with pytest.raises(Misconfigured):
            connector_of(connection.kind)(wrong, wire).check()
    nowhere = f"http://127.0.0.1:{free_port()}/x/"
    dead = {**connection.settings, **connection.credentials, "url": nowhere, "instance_url": nowhere}
    with pytest.raises(Retry):
        connector_of(connection.kind)(dead, wire).check()
    open_(other).check()


def test_each_kind_says_what_the_form_needs() -> None:
    for kind, connector in CONNECTORS.items():
        assert connector.kind == kind
        names = [field.name for field in connector.setting_fields]
        assert len(names) == len(set(names))
        # Google's address is known.
        assert "url" in names or kind == "google"
        secret = {field.name for field in connector.setting_fields if field.is_secret}
        assert secret, kind
        settings = {name: "secreto" if name in secret else "público" for name in names}
        assert "secreto" not in connector.remote_account({**settings, "url": "https://crm.example.org/"})


def test_asking_for_changes_costs_about_what_it_says(other: Other) -> None:
    """When next to nothing changed; as an administrator reads it on the connection's page."""
    external_id = other.add("Ana")
    _found, cursor = everything(open_(other))
    calls = 0

    def spend() -> None:
        nonlocal calls
        calls += 1

    connector = with_wire(other, Wire(spend=spend))
    everything(connector, cursor)
    if not connector.tells_deletions_for:
        connector.gone([external_id])
    assert calls == connector.calls_per_poll
