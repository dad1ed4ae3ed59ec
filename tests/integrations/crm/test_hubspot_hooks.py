"""HubSpot's webhooks: only theirs are taken, none is believed, and in whatever order they come both sides end equal."""

import json
import random
import subprocess
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Membership
from contacts.models import Contact
from integrations.crm.hubspot.hooks import is_authentic, signature_of
from integrations.models import ChangeNotice, Conflict, Connection, ExternalRecord
from integrations.syncing import noticing
from integrations.syncing.connecting import pause, release_brake
from integrations.syncing.door import LARGEST_BODY, hook_address
from tests.integrations.crm.hubspot_server import PORTAL, SECRET, HubSpotAccount, signed
from tests.integrations.crm.others import HubSpotSide
from tests.integrations.crm.shop import Shop
from tests.integrations.crm.steps import fill, hear, person, record_of, settle_down, shown
from tests.integrations.crm.test_in_step import _end_silence

# Published by HubSpot with its own libraries: POST to this address, with this body, at this time.
PUBLISHED = {
    "secret": "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    "method": "POST",
    "url": "https://www.example.com/webhook_uri",
    "body": b"{'example_field':'example_value'}",
}
PUBLISHED_V3 = "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw="
PUBLISHED_V1 = "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"
PUBLISHED_V2 = "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383"


@pytest.fixture
def side(to_hubspot: Connection, hubspot: HubSpotAccount) -> HubSpotSide:
    return HubSpotSide(to_hubspot, hubspot)


def send(side: HubSpotSide, body: bytes, **options: Any) -> int:
    """A webhook as HubSpot sends it; the answer's status."""
    address = hook_address(side.connection)
    headers = options.pop("headers", None) or signed(body, address, **options)
    path = address.removeprefix("http://").partition("/")[2]
    answer = Client().post(f"/{path}", data=body, content_type="application/json", headers=headers)
    return answer.status_code


def told(side: HubSpotSide, *, seed: int = 0, size: int = 100, twice: bool = False) -> None:
    """Everything that HubSpot has to tell, shuffled; and a worker reads it."""
    rng = random.Random(seed)
    for body in side.peer.batches(rng=rng, size=size, twice=twice):
        assert send(side, body) == 200
        if rng.random() < 0.5:
            read(side)
    read(side)


def read(side: HubSpotSide) -> int | None:
    return noticing.work(connection_id=side.connection.pk)


def event(what: str, external_id: str, **more: Any) -> bytes:
    return json.dumps([{"subscriptionType": what, "objectId": int(external_id), "portalId": int(PORTAL), **more}]).encode()


class TestSignature:
    def test_the_published_one(self) -> None:
        assert signature_of(**PUBLISHED, timestamp="15000000") == PUBLISHED_V3  # type: ignore[arg-type]

    def test_the_published_one_is_taken_in_its_time_only(self) -> None:
        headers = {"x-hubspot-signature-v3": PUBLISHED_V3, "x-hubspot-request-timestamp": "15000000"}
        sent = 15_000.0
        for now, taken in ((sent, True), (sent + 299, True), (sent + 301, False), (sent - 9, True), (sent - 60, False)):
            assert is_authentic(**PUBLISHED, headers=headers, now=now) is taken, now  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "changed", [{"secret": "otro"}, {"secret": ""}, {"method": "GET"}, {"url": "https://x.example"}, {"body": b"{}"}]
    )
    def test_with_anything_changed_it_proves_nothing(self, changed: dict[str, Any]) -> None:
        headers = {"x-hubspot-signature-v3": PUBLISHED_V3, "x-hubspot-request-timestamp": "15000000"}
        assert not is_authentic(**{**PUBLISHED, **changed}, headers=headers, now=15_000.0)

    @pytest.mark.parametrize("older", [PUBLISHED_V1, PUBLISHED_V2])
    def test_the_older_ones_prove_no_time_and_are_not_asked(self, older: str) -> None:
        headers = {"x-hubspot-signature": older, "x-hubspot-request-timestamp": "15000000"}
        assert not is_authentic(**PUBLISHED, headers=headers, now=15_000.0)  # type: ignore[arg-type]
        assert not is_authentic(**PUBLISHED, headers={**headers, "x-hubspot-signature-v3": older}, now=15_000.0)  # type: ignore[arg-type]

    @pytest.mark.parametrize("timestamp", ["", "-5", "1e4", "٣", "nan", "15000000.0", "9" * 30])
    def test_a_time_that_is_none(self, timestamp: str) -> None:
        given = signature_of(**PUBLISHED, timestamp=timestamp)  # type: ignore[arg-type]
        headers = {"x-hubspot-signature-v3": given, "x-hubspot-request-timestamp": timestamp}
        assert not is_authentic(**PUBLISHED, headers=headers, now=15_000.0)  # type: ignore[arg-type]

    def test_as_openssl_counts_it(self) -> None:
        body, url, at = '[{"propertyValue":"Ñandú ☎"}]'.encode(), "https://hilo.example.org/hooks/crm/abc/", "1700000000123"
        command = ["openssl", "dgst", "-sha256", "-hmac", SECRET, "-binary"]
        digest = subprocess.run(command, input=b"POST" + url.encode() + body + at.encode(), capture_output=True, check=True).stdout
        encoded = subprocess.run(["openssl", "base64", "-A"], input=digest, capture_output=True, check=True).stdout
        assert signature_of(secret=SECRET, method="POST", url=url, body=body, timestamp=at) == encoded.decode()


class TestDoor:
    @pytest.fixture
    def known(self, side: HubSpotSide) -> str:
        external_id = side.add("Ana", email="ana@example.org")
        fill(side.connection)
        side.peer.events.clear()
        return external_id

    def unmoved(self) -> bool:
        return not ChangeNotice.scoped().exists() and Connection.scoped().get().heard_at is None

    def test_what_is_not_theirs_is_refused_and_changes_nothing(self, side: HubSpotSide, known: str) -> None:
        body = event("contact.propertyChange", known)
        address = hook_address(side.connection)
        assert send(side, body, secret="otro") == 403
        assert send(side, body, at=time.time() - 301) == 403
        assert send(side, body, at=time.time() + 60) == 403
        assert send(side, body, headers=signed(body + b" ", address)) == 403
        assert send(side, body, headers=signed(body, address.replace("/hooks/", "/otro/"))) == 403
        only_older = {name: value for name, value in signed(body, address).items() if "v3" not in name}
        assert send(side, body, headers=only_older) == 403
        assert send(side, body, headers={"X-Nothing": "1"}) == 403
        assert self.unmoved()

    def test_what_makes_no_sense_is_refused(self, side: HubSpotSide, known: str) -> None:
        for body in (b"", b"{}", b"[1]", b"[" * 100_000, b"\xff"):
            assert send(side, body) == 400, body[:10]
        assert send(side, b"[" + b" " * LARGEST_BODY + b"]") == 413
        assert self.unmoved()

    def test_without_a_secret_nothing_is_taken(self, side: HubSpotSide, known: str) -> None:
        Connection.scoped().update(credentials={**side.connection.credentials, "client_secret": ""})
        assert send(side, event("contact.deletion", known), secret="x") == 403
        assert self.unmoved()

    def test_an_unknown_address_and_a_system_that_sends_none(self, to_shop: Connection, shop: Shop) -> None:
        assert hook_address(to_shop) == ""
        for key in (to_shop.key, "nadie"):
            assert Client().post(f"/hooks/crm/{key}/", data=b"[]", content_type="application/json").status_code == 404
            assert Client().get(f"/hooks/crm/{key}/").status_code == 405

    def test_only_contacts_of_the_account_are_noted_each_once(self, side: HubSpotSide, known: str) -> None:
        others = [
            {"subscriptionType": "contact.deletion", "objectId": 5, "portalId": 1},
            {"subscriptionType": "company.deletion", "objectId": 6, "portalId": int(PORTAL)},
            {"subscriptionType": "contact.associationChange", "objectId": 7, "portalId": int(PORTAL)},
            {"subscriptionType": "object.deletion", "objectTypeId": "0-2", "objectId": 8, "portalId": int(PORTAL)},
            {"subscriptionType": "contact.propertyChange", "objectId": "x; DROP", "portalId": int(PORTAL)},
            {"subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "objectId": 9, "portalId": int(PORTAL)},
        ]
        mine = json.loads(event("contact.propertyChange", known))
        assert send(side, json.dumps([*others, *mine, *mine]).encode()) == 200
        assert send(side, json.dumps(mine).encode()) == 200
        rows = ChangeNotice.scoped().order_by("external_id").values_list("external_id", "asked", "is_erasure")
        assert list(rows) == [(known, 2, False), ("9", 1, False)]
        side.peer.calls.clear()
        assert read(side) == 2
        # Nobody's id is asked for among the deleted ones too.
        assert side.peer.calls == ["POST /crm/v3/objects/contacts/batch/read"] * 2
        assert read(side) == 0
        assert Connection.scoped().get().heard_at is not None


class TestState:
    @pytest.mark.parametrize("seed", range(3))
    def test_in_any_order_and_twice_both_sides_end_equal(self, side: HubSpotSide, seed: int) -> None:
        rng = random.Random(seed)
        ids = [side.add(f"Persona {number}", email=f"p{number}@example.org", city="Quito") for number in range(6)]
        fill(side.connection)
        ids += [side.add(f"Nueva {number}", email=f"n{number}@example.org") for number in range(2)]
        for each in ids:
            for city in rng.sample(["Lima", "Loja", "Cusco"], 2):
                side.change(each, city=city)
        side.change(ids[0], emails=["p0@example.org", "otra@example.org"])
        side.delete(ids[1])
        side.delete(ids[2])
        side.peer.restore(ids[2])
        third = side.peer.merge(ids[3], ids[4])
        side.peer.forget(ids[5])
        told(side, seed=seed, size=3, twice=True)
        for each in (ids[0], ids[2], third, *ids[6:]):
            assert shown(person(side.connection, each)) == side.values(each), each
        assert [record_of(side.connection, each).state for each in ids[:6]] == ["live", "gone", "live", "merged", "merged", "erased"]
        assert person(side.connection, ids[3]) == person(side.connection, ids[4]) == person(side.connection, third)
        assert not ChangeNotice.scoped().exists()
        assert settle_down(side.connection) <= 2

    @pytest.mark.parametrize("first", ["deletion", "privacyDeletion"])
    def test_who_is_erased_there_is_erased_here_with_all_that_was_merged(self, side: HubSpotSide, first: str) -> None:
        one, two = side.add("Ana", email="ana@example.org", city="Quito"), side.add("Ana Soto", email="soto@example.org")
        fill(side.connection)
        third = side.peer.merge(one, two)
        told(side)
        ana = person(side.connection, third)
        side.peer.forget(third)
        events = sorted(side.peer.events, key=lambda each: each["subscriptionType"] != f"contact.{first}")
        side.peer.events = []
        for each in events:
            assert send(side, json.dumps([each]).encode()) == 200
            read(side)
        assert Contact.scoped().get(pk=ana.pk).is_erased
        assert shown(ana) == {"name": None, "city": None, "emails": []}
        assert not Contact.scoped().filter(is_erased=False, is_empty=False).exists()
        assert record_of(side.connection, third).state == "erased"
        assert not Conflict.scoped().filter(state="open").exists()
        assert settle_down(side.connection) <= 2

    def test_nobody_is_erased_who_is_still_there(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana", email="ana@example.org")
        fill(side.connection)
        assert send(side, event("contact.privacyDeletion", external_id)) == 200
        looks = 0
        while ChangeNotice.scoped().exists():
            ChangeNotice.scoped().update(due_at=timezone.now() - timedelta(seconds=1))
            assert read(side) == 1
            looks += 1
            assert looks < 20
        assert looks == noticing.LOOKS_FOR_ERASURE + 1
        assert shown(person(side.connection, external_id))["emails"] == ["ana@example.org"]
        # One that is only late is carried out as soon as it is true.
        assert send(side, event("contact.privacyDeletion", external_id)) == 200
        assert read(side) == 1
        side.peer.forget(external_id)
        ChangeNotice.scoped().update(due_at=timezone.now() - timedelta(seconds=1))
        assert read(side) == 1
        assert record_of(side.connection, external_id).state == "erased"

    def test_a_mass_deletion_stops_and_waits_for_a_person(self, side: HubSpotSide, admin: Membership) -> None:
        ids = [side.add(f"Persona {number}") for number in range(24)]
        fill(side.connection)
        side.peer.events.clear()
        for each in ids[:12]:
            side.delete(each)
        told(side)
        stopped = Connection.scoped().get()
        assert (stopped.state, ExternalRecord.scoped().filter(state="live").count()) == ("braked", 24)
        assert ChangeNotice.scoped().count() == 12
        ChangeNotice.scoped().update(due_at=timezone.now() - timedelta(seconds=1))
        assert read(side) is None, "it stays stopped"
        release_brake(connection=stopped, by=Actor.person(admin))
        hear(side.connection)
        assert (ExternalRecord.scoped().filter(state="live").count(), ChangeNotice.scoped().count()) == (12, 0)

    def test_before_the_first_run_and_paused_it_waits(self, side: HubSpotSide, admin: Membership) -> None:
        external_id = side.add("Ana", city="Quito")
        told(side)
        assert (ChangeNotice.scoped().count(), ExternalRecord.scoped().count()) == (1, 0)
        fill(side.connection)
        assert read(side) == 1
        pause(connection=side.connection, paused=True, by=Actor.person(admin))
        side.change(external_id, city="Lima")
        told(side)
        assert shown(person(side.connection, external_id))["city"] == "Quito"
        pause(connection=side.connection, paused=False, by=Actor.person(admin))
        assert list(noticing.due()) == [side.connection.pk]
        assert read(side) == 1
        assert shown(person(side.connection, external_id))["city"] == "Lima"

    def test_what_cannot_be_read_now_is_read_later(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        side.change(external_id, city="Lima")
        side.peer.busy = [("TEN_SECONDLY_ROLLING", "7")]
        told(side)
        row = ChangeNotice.scoped().get()
        assert 5 < (row.due_at - timezone.now()).total_seconds() <= 7
        assert list(noticing.due()) == []
        _end_silence()
        ChangeNotice.scoped().update(due_at=timezone.now() - timedelta(seconds=1))
        assert read(side) == 1
        assert shown(person(side.connection, external_id))["city"] == "Lima"

    def test_told_again_while_it_is_read_it_is_read_again(
        self, side: HubSpotSide, scoped: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        side.peer.events.clear()
        take_page = noticing.take_page

        def meanwhile(*arguments: Any) -> int:
            monkeypatch.setattr(noticing, "take_page", take_page)
            side.change(external_id, city="Lima")
            assert send(side, side.peer.batches(rng=random.Random(0))[0]) == 200
            return take_page(*arguments)

        monkeypatch.setattr(noticing, "take_page", meanwhile)
        assert send(side, event("contact.propertyChange", external_id)) == 200
        assert read(side) == 2
        assert shown(person(side.connection, external_id))["city"] == "Lima"
        assert not ChangeNotice.scoped().exists()
