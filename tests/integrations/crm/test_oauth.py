"""Letting Hilo into another system: away, back, and the key kept; what goes wrong is told and changes nothing."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.roles import Role
from accounts.scope import account_scope
from integrations.crm.contract import Misconfigured, RemoteProperty, Retry, SettingField
from integrations.crm.oauth import OAuth, SignedIn, authorize_address, challenge_of
from integrations.crm.registry import CONNECTORS
from integrations.crm.rest.connector import Rest
from integrations.crm.wire import Wire
from integrations.models import Connection, EndedGrant, ExternalRecord
from integrations.syncing import signing_in
from integrations.syncing.connecting import connect, disconnect, update
from integrations.syncing.letting_go import KEPT, withdraw
from integrations.syncing.opening import connector_for
from tests.conftest import client_for, make_channel, make_member
from tests.contacts.stories import writes
from tests.integrations.crm.hubspot_server import PORTAL, running_hubspot
from tests.integrations.crm.oauth_server import AuthorizationServer, Reply
from tests.integrations.crm.salesforce_server import running_org
from tests.integrations.provider import Answer, Asked, Provider, playing_provider


class Guarded(Rest):
    """A system that asks for a sign-in, and tells whoever has done so who they are."""

    kind: ClassVar[str] = "rest"
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("url", "Url"),
        SettingField("client_id", "Client", is_required=False),
        SettingField("client_secret", "Secret", is_secret=True, is_required=False),
        SettingField("note", "Note", is_required=False),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self.signed_in = SignedIn(self.oauth(settings), settings, wire)

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> OAuth:  # type: ignore[override]
        url = str(settings.get("url", ""))
        return OAuth(
            label="Granja",
            authorize_url=f"{url}/authorize",
            token_url=f"{url}/token",
            revoke_url=f"{url}/revoke",
            scopes=("people", "offline"),
            keeps=("place",),
            account_of=lambda said: str(said.get("org", "")),
        )

    def check(self) -> None:
        self.signed_in.call("GET", lambda held: f"{held['place']}/me")

    def describe(self) -> list[RemoteProperty]:
        return []


class Farm(AuthorizationServer):
    """The other system: the authorization server, and ``/me`` for whoever was let in."""

    peer: Provider
    is_down: bool = False

    def reply(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if path == "/token":
            status, headers, body = self.token(asked.body)
            return Answer(status, body, {**headers, "Connection": "close"})
        if path == "/revoke":
            if self.is_down:
                return Answer(503, headers={"Retry-After": "7", "Connection": "close"})
            status, headers, body = self.withdraw(asked.body)
            return Answer(status, body, {**headers, "Connection": "close"})
        return Answer(200 if self.lets_in(asked.headers.get("authorization", "")) else 401, headers={"Connection": "close"})

    def says_yes(self, location: str) -> str:
        """The person there reads the page and follows its link: where that leads."""
        reply: Reply = self.authorize(urlsplit(location).query)
        assert reply[0] == 200, reply[2]
        found = re.search(r'href="([^"]+)"', reply[2].decode())
        assert found
        there = urlsplit(html.unescape(found[1]))
        return f"{there.path}?{there.query}"


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Farm]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    monkeypatch.setitem(CONNECTORS, "rest", Guarded)  # type: ignore[arg-type]
    with playing_provider() as peer:
        farm = Farm(redirect_uris={signing_in.redirect_uri()}, scopes={"people", "offline"}, more={"place": peer.url, "org": "A"})
        farm.peer = peer
        peer.otherwise = farm.reply
        yield farm


@pytest.fixture
def connection(account: Account, farm: Farm) -> Connection:
    with account_scope(account):
        said = {"url": farm.peer.url, "client_id": farm.client_id, "client_secret": farm.client_secret}
        return connect(kind="rest", name="Granja", settings=said, by=SYSTEM)


def url(account: Account, connection: Connection, rest: str = "") -> str:
    return f"/a/{account.slug}/settings/connections/{connection.pk}/{rest}"


def held_of(connection: Connection) -> dict[str, Any]:
    with account_scope(connection.account_id):
        found: dict[str, Any] = Connection.objects.get(pk=connection.pk).credentials
        return found


def leave(client: Client, account: Account, connection: Connection) -> str:
    answer = client.get(url(account, connection, "sign-in/"))
    assert answer.status_code == 302
    return str(answer["Location"])


def form_of(page: Any) -> tuple[str, dict[str, str]]:
    text = page.content.decode()
    action = re.search(r'<form class="stack" method="post" action="([^"]+)"', text)
    assert action, text
    return action[1], {name: html.unescape(value) for name, value in re.findall(r'name="(state|code)" value="([^"]+)"', text)}


def come_back(client: Client, farm: Farm, location: str) -> tuple[str, dict[str, str]]:
    page = client.get(farm.says_yes(location))
    assert page.status_code == 200
    return form_of(page)


def sign_in(client: Client, farm: Farm, connection: Connection, account: Account) -> Any:
    action, said = come_back(client, farm, leave(client, account, connection))
    return client.post(action, said, follow=True)


def test_an_administrator_lets_hilo_in(admin_client: Client, account: Account, connection: Connection, farm: Farm) -> None:
    before = held_of(connection)
    assert "Conectar con Granja" in admin_client.get(url(account, connection)).content.decode()
    location = leave(admin_client, account, connection)
    said = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert said["redirect_uri"].endswith("/oauth/callback/")
    assert account.slug not in said["redirect_uri"]
    action, form = come_back(admin_client, farm, location)
    # Coming back alone keeps nothing.
    assert held_of(connection) == before
    assert farm.asked == []

    answer = admin_client.post(action, form, follow=True)
    held = held_of(connection)
    assert held["access_token"] in farm.access
    assert held["refresh_token"] in farm.refresh
    assert (held["place"], held["signed_in_account"], held["client_secret"]) == (farm.peer.url, "A", "hilo-secret")
    page = answer.content.decode()
    assert "Conectado" in page
    assert "Conectar con Granja" not in page
    assert held["access_token"] not in page
    verifier = farm.asked[0]["code_verifier"]
    assert challenge_of(verifier) == said["code_challenge"]
    assert verifier not in location + page + str(form)
    with account_scope(account):
        assert AuditEntry.objects.filter(action="connection.sign_in").count() == 1


def test_a_state_is_good_once(admin_client: Client, account: Account, connection: Connection, farm: Farm) -> None:
    action, form = come_back(admin_client, farm, leave(admin_client, account, connection))
    admin_client.post(action, form)
    held = held_of(connection)
    answer = admin_client.post(action, form, follow=True)
    assert "ya se usó" in answer.content.decode()
    assert held_of(connection) == held
    assert len(farm.asked) == 1


def test_somebody_elses_browser_cannot_finish(admin_client: Client, account: Account, connection: Connection, farm: Farm) -> None:
    location = leave(admin_client, account, connection)
    back = farm.says_yes(location)
    other = client_for(make_member(account, Role.ADMIN, "otra"))
    page = other.get(back)
    assert page.status_code == 400
    assert "navegador" in page.content.decode()
    form = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    assert "navegador" in other.post(url(account, connection, "sign-in/finish/"), form, follow=True).content.decode()
    assert "access_token" not in held_of(connection)
    assert farm.asked == []


def test_a_state_belongs_to_its_connection(admin_client: Client, account: Account, connection: Connection, farm: Farm) -> None:
    with account_scope(account):
        second = connect(kind="rest", name="Otra", settings={"url": farm.peer.url, "client_id": farm.client_id}, by=SYSTEM)
    _action, form = come_back(admin_client, farm, leave(admin_client, account, connection))
    answer = admin_client.post(url(account, second, "sign-in/finish/"), form, follow=True)
    assert "otra conexión" in answer.content.decode()
    assert "access_token" not in held_of(second)
    assert farm.asked == []


def test_a_state_ends(admin_client: Client, account: Account, connection: Connection, farm: Farm, monkeypatch: Any) -> None:
    back = farm.says_yes(leave(admin_client, account, connection))
    now = signing.time.time()  # type: ignore[attr-defined]
    monkeypatch.setattr(signing.time, "time", lambda: now + signing_in.LIFETIME + 1)  # type: ignore[attr-defined]
    page = admin_client.get(back)
    assert page.status_code == 400
    assert "diez minutos" in page.content.decode()


@pytest.mark.parametrize("change", [{"state": "inventado"}, {"state": ""}, {"code": ""}, {"code": "inventado"}])
def test_what_was_tampered_with_is_refused(
    admin_client: Client, account: Account, connection: Connection, farm: Farm, change: dict[str, str]
) -> None:
    before = held_of(connection)
    action, form = come_back(admin_client, farm, leave(admin_client, account, connection))
    answer = admin_client.post(action, {**form, **change}, follow=True)
    assert 'class="toast' in answer.content.decode()
    assert held_of(connection) == before


def test_whoever_says_no_there_changes_nothing(admin_client: Client, account: Account, connection: Connection, farm: Farm) -> None:
    farm.denies = True
    page = admin_client.get(farm.says_yes(leave(admin_client, account, connection)))
    text = page.content.decode()
    assert page.status_code == 400
    assert "acceso fue denegado" in text
    assert url(account, connection) in text
    assert "<form" not in text.partition("entrance-foot")[0]


@pytest.mark.parametrize(("error", "words"), [("invalid_client", "no conoce"), ("invalid_grant", "invalid_grant it is")])
def test_a_refusal_of_the_token_endpoint_is_told(
    admin_client: Client, account: Account, connection: Connection, farm: Farm, error: str, words: str
) -> None:
    farm.refuses = error
    before = held_of(connection)
    assert words in sign_in(admin_client, farm, connection, account).content.decode()
    assert held_of(connection) == before


def test_who_may(account: Account, connection: Connection, farm: Farm, agent_client: Client, outsider_client: Client) -> None:
    for rest, method in (("sign-in/", "get"), ("sign-in/finish/", "post")):
        assert getattr(agent_client, method)(url(account, connection, rest)).status_code == 403
        assert getattr(outsider_client, method)(url(account, connection, rest)).status_code == 404
    assert Client().get("/oauth/callback/?state=x")["Location"].startswith("/login/")


def test_without_a_client_one_is_told_where_to_write_it(
    admin_client: Client, account: Account, connection: Connection, farm: Farm, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account_scope(account):
        bare = connect(kind="rest", name="Sin", settings={"url": farm.peer.url}, by=SYSTEM)
    answer = admin_client.get(url(account, bare, "sign-in/"), follow=True)
    assert answer.redirect_chain[0][0].endswith("/settings/")
    assert "client id" in answer.content.decode()
    # The installation's own app stands in, at the vendor: an address that an administrator wrote does not learn its secret.
    settings.OAUTH_CLIENTS = {"rest": {"client_id": farm.client_id, "client_secret": farm.client_secret}}
    assert "client id" in admin_client.get(url(account, bare, "sign-in/"), follow=True).content.decode()
    monkeypatch.setattr(OAuth, "is_at_vendor", property(lambda oauth: oauth.token_url.startswith(farm.peer.url)))
    sign_in(admin_client, farm, bare, account)
    assert held_of(bare)["access_token"] in farm.access
    assert farm.asked[0]["client_secret"] == farm.client_secret


@pytest.mark.parametrize(
    ("address", "is_own"),
    [
        ("https://granja.example/token", True),
        ("https://mi.granja.example:8443/token", True),
        ("https://migranja.example/token", False),
        ("https://granja.example.malo.example/token", False),
        ("https://granja.example@malo.example/token", False),
        ("http://granja.example/token", False),
    ],
)
def test_what_is_the_vendors_own_address(address: str, is_own: bool) -> None:
    assert OAuth(label="Granja", authorize_url="", token_url=address, own_hosts=("granja.example",)).is_at_vendor is is_own


def test_another_account_there_is_not_taken_for_the_one_that_is_in_step(
    admin_client: Client, account: Account, connection: Connection, farm: Farm
) -> None:
    sign_in(admin_client, farm, connection, account)
    with account_scope(account):
        known = writes(make_channel(account, "email"), "ana@ejemplo.org", name="Ana")
        ExternalRecord.objects.create(connection=connection, object_type="record", external_id="1", profile=known.profile)
    held = held_of(connection)
    farm.more["org"] = "B"
    assert "otra cuenta" in sign_in(admin_client, farm, connection, account).content.decode()
    assert held_of(connection) == held


def test_a_token_that_ended_is_renewed_once_for_everybody(
    admin_client: Client, account: Account, connection: Connection, farm: Farm
) -> None:
    sign_in(admin_client, farm, connection, account)
    farm.rotates = True
    first = held_of(connection)
    farm.expire()
    farm.asked.clear()
    with account_scope(account):
        one, two = (connector_for(Connection.objects.get(pk=connection.pk)) for _ in range(2))
        one.check()
        two.check()
    held = held_of(connection)
    assert [each["grant_type"] for each in farm.asked] == ["refresh_token"]
    assert held["access_token"] != first["access_token"]
    assert held["refresh_token"] != first["refresh_token"], "a new refresh token takes the place of the old one"
    assert held["place"] == first["place"]


def test_a_permission_that_was_withdrawn_is_given_again_by_a_button(
    admin_client: Client, account: Account, connection: Connection, farm: Farm
) -> None:
    sign_in(admin_client, farm, connection, account)
    farm.revoke()
    with account_scope(account):
        with pytest.raises(Misconfigured, match="terminó o fue retirado"):
            connector_for(Connection.objects.get(pk=connection.pk)).check()
        Connection.objects.filter(pk=connection.pk).update(state="misconfigured", problem="El permiso terminó")
    page = admin_client.get(url(account, connection)).content.decode()
    assert "Conectar de nuevo" in page
    sign_in(admin_client, farm, connection, account)
    with account_scope(account):
        now = Connection.objects.get(pk=connection.pk)
    assert (now.state, now.problem) == ("working", "")


def test_a_token_endpoint_that_is_down_is_no_refusal(admin_client: Client, account: Account, connection: Connection, farm: Farm) -> None:
    sign_in(admin_client, farm, connection, account)
    farm.expire()
    farm.peer.answer(401, headers={"Connection": "close"})  # to the call
    farm.peer.answer(503, headers={"Connection": "close"})  # to the renewal
    held = held_of(connection)
    with account_scope(account), pytest.raises(Retry):
        connector_for(Connection.objects.get(pk=connection.pk)).check()
    assert held_of(connection) == held


def test_tokens_stay_with_other_settings_and_go_with_another_client(
    admin_client: Client, account: Account, connection: Connection, farm: Farm
) -> None:
    sign_in(admin_client, farm, connection, account)
    held = held_of(connection)
    with account_scope(account):
        same = {**connection.settings, "client_secret": "", "note": "nota"}
        update(connection=connection, name="Otra", settings=same, wishes={}, by=SYSTEM)
        assert held_of(connection) == held
        update(connection=connection, name="Otra", settings={**same, "client_id": "otro"}, wishes={}, by=SYSTEM)
    assert held_of(connection) == {"client_secret": farm.client_secret}


def test_without_pkce_and_scopes_nothing_of_them_is_asked() -> None:
    oauth = OAuth("X", "https://x.example/authorize?tenant=1", "https://x.example/token", uses_pkce=False)
    address = authorize_address(oauth, client_id="c", redirect_uri="https://hilo.example/oauth/callback/", state="s", verifier="v")
    assert parse_qs(urlsplit(address).query) == {
        "tenant": ["1"],
        "response_type": ["code"],
        "client_id": ["c"],
        "redirect_uri": ["https://hilo.example/oauth/callback/"],
        "state": ["s"],
    }


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class TestDisconnecting:
    """What we were let in with is given back, and the disconnecting waits for nobody."""

    @pytest.fixture
    def signed_in(self, admin_client: Client, account: Account, connection: Connection, farm: Farm) -> Connection:
        sign_in(admin_client, farm, connection, account)
        with account_scope(account):
            return Connection.scoped().get()

    def leave_for_good(self, client: Client, account: Account, connection: Connection) -> EndedGrant | None:
        assert client.post(url(account, connection, "disconnect/")).status_code == 302
        with account_scope(account):
            assert not Connection.scoped().filter(pk=connection.pk).exists()
            return EndedGrant.scoped().first()

    def test_the_permission_is_withdrawn_afterwards(
        self, admin_client: Client, account: Account, signed_in: Connection, farm: Farm
    ) -> None:
        token = signed_in.credentials["refresh_token"]
        grant = self.leave_for_good(admin_client, account, signed_in)
        assert grant is not None
        assert farm.withdrawn == [], "nobody waits for the other system"
        with account_scope(account):
            withdraw(grant_id=grant.pk)
            assert not EndedGrant.scoped().exists()
            withdraw(grant_id=grant.pk)
        app = {"client_id": farm.client_id, "client_secret": farm.client_secret}
        assert farm.withdrawn == [{"token": token, "token_type_hint": "refresh_token", **app}]
        assert farm.access == farm.refresh == set()

    def test_a_system_that_is_down_is_told_later_and_not_for_ever(
        self, admin_client: Client, account: Account, signed_in: Connection, farm: Farm
    ) -> None:
        farm.is_down = True
        grant = self.leave_for_good(admin_client, account, signed_in)
        assert grant is not None
        with account_scope(account):
            withdraw(grant_id=grant.pk)
            withdraw(grant_id=grant.pk)  # not yet
            grant.refresh_from_db()
            assert (grant.attempts, 5 < (grant.due_at - timezone.now()).total_seconds() <= 7) == (1, True)
            assert farm.refresh
            EndedGrant.scoped().update(due_at=timezone.now(), created_at=timezone.now() - KEPT)
            withdraw(grant_id=grant.pk)
            assert not EndedGrant.scoped().exists()

    def test_one_that_is_withdrawn_already_is_no_error(
        self, admin_client: Client, account: Account, signed_in: Connection, farm: Farm
    ) -> None:
        farm.revoke()
        grant = self.leave_for_good(admin_client, account, signed_in)
        assert grant is not None
        with account_scope(account):
            withdraw(grant_id=grant.pk)
            assert not EndedGrant.scoped().exists()

    def test_what_another_connection_goes_by_is_kept(
        self, admin_client: Client, account: Account, signed_in: Connection, farm: Farm
    ) -> None:
        with account_scope(account):
            Connection.objects.create(kind="rest", name="Otra", settings=signed_in.settings, credentials=signed_in.credentials)
        assert self.leave_for_good(admin_client, account, signed_in) is None

    @pytest.mark.parametrize("kind", ["salesforce", "hubspot"])
    def test_each_system_is_asked_in_its_own_place(self, scoped: Account, kind: str, loopback: None) -> None:
        with running_org() as org, running_hubspot() as hubspot:
            server, address = {"salesforce": (org.oauth, org.url), "hubspot": (hubspot.sign_in, hubspot.url)}[kind]
            said = {"url": address, "client_id": server.client_id, "client_secret": server.client_secret, "portal": PORTAL}
            connection = connect(kind=kind, name=kind, settings={**said, "object": "Contact"}, by=SYSTEM)
            connection.credentials = {**connection.credentials, **server.grant()}
            connection.save()
            disconnect(connection=connection, by=SYSTEM)
            withdraw(grant_id=EndedGrant.scoped().get().pk)
        assert len(server.withdrawn) == 1
        assert server.refresh == set()
