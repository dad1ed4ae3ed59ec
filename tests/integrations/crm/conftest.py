"""Connections of a scoped account to systems that really run."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from accounts.actors import SYSTEM
from accounts.models import Account
from inbox.live_updates import broker_pool
from integrations.models import Connection
from integrations.syncing.connecting import connect
from tests.integrations.crm.hubspot_server import PORTAL, SECRET, TOKEN, HubSpotAccount, running_hubspot
from tests.integrations.crm.others import BookSide, HubSpotSide, Other, SalesforceSide, ShopSide, TrytonSide
from tests.integrations.crm.peers import PASSWORD, Radicale, Tryton, running_radicale, running_tryton
from tests.integrations.crm.salesforce_server import Org, running_org
from tests.integrations.crm.shop import KEY, Shop, running_shop


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    with running_radicale(tmp_path_factory.mktemp("radicale")) as peer:
        yield peer


@pytest.fixture(scope="session")
def tryton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    with running_tryton(Path(tmp_path_factory.mktemp("tryton"))) as peer:
        yield peer


@pytest.fixture
def tryton(tryton_server: Tryton) -> Tryton:
    tryton_server.empty()
    return tryton_server


@pytest.fixture
def loopback(settings: Any) -> None:
    """This installation may speak to the machine itself, and no earlier test used up the calls that an account there takes."""
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    broker = Redis(connection_pool=broker_pool())
    for pattern in ("hilo:budget:*", "hilo:silence:*"):
        for key in broker.scan_iter(pattern, count=1000):
            broker.delete(key)


@pytest.fixture
def to_tryton(scoped: Account, tryton: Tryton, loopback: None) -> Connection:
    settings = {"url": tryton.url, "database": "crm", "user": "admin", "password": PASSWORD}
    return connect(kind="tryton", name="Tryton", settings=settings, by=SYSTEM)


@pytest.fixture
def new_book(scoped: Account, radicale: Radicale, loopback: None) -> Callable[[], Connection]:
    """Makes an address book of a new user, and connects it."""

    def make() -> Connection:
        user = f"u{uuid.uuid4().hex[:10]}"
        settings = {"url": radicale.book(user), "user": user, "password": "x"}
        return connect(kind="carddav", name="Libreta", settings=settings, by=SYSTEM)

    return make


@pytest.fixture
def to_book(new_book: Callable[[], Connection]) -> Connection:
    return new_book()


def shop_settings(shop: Shop) -> dict[str, str]:
    return {
        "url": shop.url,
        "header_name": "Authorization",
        "header_value": KEY,
        "list_path": "customers?updated_since={since}&page={page}",
        "items": "data",
        "item_path": "customers/{id}",
        "id": "id",
        "modified": "updated_at",
        "deleted": "deleted",
        "method": "PATCH",
    }


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as peer:
        yield peer


@pytest.fixture
def to_shop(scoped: Account, shop: Shop, loopback: None) -> Connection:
    return connect(kind="rest", name="Tienda", settings=shop_settings(shop), by=SYSTEM)


@pytest.fixture
def hubspot() -> Iterator[HubSpotAccount]:
    with running_hubspot() as peer:
        yield peer


@pytest.fixture
def to_hubspot(scoped: Account, hubspot: HubSpotAccount, loopback: None) -> Connection:
    settings = {"url": hubspot.url, "portal": PORTAL, "token": TOKEN, "client_secret": SECRET}
    return connect(kind="hubspot", name="HubSpot", settings=settings, by=SYSTEM)


@pytest.fixture
def org() -> Iterator[Org]:
    with running_org() as peer:
        yield peer


def signed_in(org: Org, name: str = "Salesforce") -> Connection:
    """A connection of the scoped account that somebody signed in for."""
    said = {"url": org.url, "client_id": org.oauth.client_id, "client_secret": org.oauth.client_secret}
    more = {"object": "Contact", "key_field": "Hilo_Key__c"}
    connection = connect(kind="salesforce", name=name, settings={**said, **more}, by=SYSTEM)
    connection.credentials = {**connection.credentials, **org.oauth.grant()}
    connection.save()
    return connection


@pytest.fixture
def to_org(scoped: Account, org: Org, loopback: None) -> Connection:
    return signed_in(org)


@pytest.fixture(params=["tryton", "carddav", "rest", "hubspot", "salesforce"])
def other(request: pytest.FixtureRequest) -> Other:
    """Each of the systems in turn."""
    return make_other(request, request.param)


@pytest.fixture(params=["tryton", "carddav", "hubspot"])
def real(request: pytest.FixtureRequest) -> Other:
    """Each of the systems that are somebody else's; HubSpot's is ours, after its documentation."""
    return make_other(request, request.param)


def make_other(request: pytest.FixtureRequest, kind: str) -> Other:
    if kind == "tryton":
        return TrytonSide(request.getfixturevalue("to_tryton"), request.getfixturevalue("tryton"))
    if kind == "carddav":
        return BookSide(request.getfixturevalue("to_book"), request.getfixturevalue("radicale"))
    if kind == "hubspot":
        return HubSpotSide(request.getfixturevalue("to_hubspot"), request.getfixturevalue("hubspot"))
    if kind == "salesforce":
        return SalesforceSide(request.getfixturevalue("to_org"), request.getfixturevalue("org"))
    return ShopSide(request.getfixturevalue("to_shop"), request.getfixturevalue("shop"))
