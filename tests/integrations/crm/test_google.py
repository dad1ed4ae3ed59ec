"""Google's address books: signed in to, found by a redirect, and in step both ways."""

import uuid
from collections.abc import Iterator

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account
from contacts.correcting import correct_field
from integrations.crm.carddav import google as product
from integrations.models import Connection, ExternalRecord
from integrations.syncing.connecting import check, connect
from tests.conftest import make_channel
from tests.contacts.stories import writes
from tests.integrations.crm.google_server import Google, running_google
from tests.integrations.crm.others import BookSide
from tests.integrations.crm.peers import Radicale
from tests.integrations.crm.steps import fill, person, record_of, say, settle_down, shown


@pytest.fixture
def google(radicale: Radicale, loopback: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with running_google(radicale, f"g{uuid.uuid4().hex[:10]}") as peer:
        monkeypatch.setattr(product, "DISCOVERY", f"{peer.url}/.well-known/carddav")
        monkeypatch.setattr(product, "TOKENS", f"{peer.url}/token")
        yield peer


@pytest.fixture
def side(google: Google, scoped: Account) -> BookSide:
    said = {"user": google.user, "client_id": google.oauth.client_id, "client_secret": google.oauth.client_secret}
    connection = connect(kind="google", name="Google", settings=said, by=SYSTEM)
    connection.credentials = {**connection.credentials, **google.oauth.grant()}
    connection.save()
    return BookSide(connection, google.radicale)


def test_before_anybody_signed_in_it_says_so(google: Google, scoped: Account) -> None:
    said = {"user": google.user, "client_id": google.oauth.client_id, "client_secret": google.oauth.client_secret}
    assert check(connection=connect(kind="google", name="Google", settings=said, by=SYSTEM), by=SYSTEM) == [
        "Nadie ha iniciado sesión en Google Contacts todavía."
    ]


def test_it_is_found_and_kept_in_step_both_ways(side: BookSide) -> None:
    assert check(connection=side.connection, by=SYSTEM) == []
    external_id = side.add("Ana", email="ana@example.org", city="Quito")
    fill(side.connection)
    ana = person(side.connection, external_id)
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    side.change(external_id, name="Ana Soto")
    settle_down(side.connection)
    assert side.values(external_id) == shown(ana) == {"name": "Ana Soto", "city": "Lima", "emails": ["ana@example.org"]}


def test_a_new_card_is_known_by_the_name_that_google_gives_it(side: BookSide, scoped: Account) -> None:
    fill(side.connection)
    Connection.scoped().update(creates_there=True)
    ana = writes(make_channel(scoped, "email"), "ana@example.org", name="Ana").contact
    say()
    record = ExternalRecord.scoped().get()
    assert not record.external_id.endswith(".vcf")
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    settle_down(side.connection)
    assert side.values(record.external_id)["city"] == "Lima"
    assert ExternalRecord.scoped().count() == 1


def test_a_token_that_ended_is_renewed_on_the_way(side: BookSide, google: Google) -> None:
    external_id = side.add("Ana")
    google.oauth.expire()
    fill(side.connection)
    assert record_of(side.connection, external_id).state == "live"
    assert [each["grant_type"] for each in google.oauth.asked] == ["refresh_token"]
