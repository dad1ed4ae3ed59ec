"""The pages of the connections: what they show, what they never show, and that a whole connection can be run from them."""

from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.scope import account_scope
from contacts.correcting import correct_field
from integrations.models import Conflict, Connection, DeadLetter, ExternalRecord, Mapping, SyncRun
from integrations.syncing import back_filling
from integrations.syncing.connecting import connect
from tests.integrations.crm.conftest import shop_settings
from tests.integrations.crm.others import ShopSide
from tests.integrations.crm.shop import Shop, running_shop
from tests.integrations.crm.steps import fill, hear, person, say


def url(account: Account, rest: str = "") -> str:
    return f"/a/{account.slug}/settings/connections/{rest}"


def text(response: Any) -> str:
    return response.content.decode()


@pytest.fixture
def shop(settings: Any) -> Any:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with running_shop() as peer:
        yield peer


@pytest.fixture
def connection(account: Account, shop: Shop) -> Connection:
    with account_scope(account):
        return connect(kind="rest", name="Tienda", settings=shop_settings(shop), by=SYSTEM)


def test_an_admin_connects_tests_rehearses_and_takes_everything_in(admin_client: Client, account: Account, shop: Shop) -> None:
    shop.add(name="Ana", email="ana@example.org")
    assert "REST / JSON" in text(admin_client.get(url(account)))
    answer = admin_client.post(url(account, "new/rest/"), {"name": "Tienda", **shop_settings(shop)}, follow=True)
    with account_scope(account):
        made = Connection.scoped().get()
        assert Mapping.scoped().filter(connection=made).count() == 5
        assert AuditEntry.objects.filter(action="connection.connect").count() == 1
    assert "la-llave" not in text(answer)
    assert made.credentials["header_value"] == "Bearer la-llave"
    here = f"{made.pk}/"
    assert "funciona" in text(admin_client.post(url(account, f"{here}check/"), follow=True))

    admin_client.post(url(account, f"{here}run/"), {"kind": "rehearsal"})
    with account_scope(account):
        run = SyncRun.scoped().get()
        shown = text(admin_client.get(url(account, f"{here}runs/{run.pk}/")))
        assert "<progress" in shown
        back_filling.work(run_id=run.pk)
    assert admin_client.get(url(account, f"{here}runs/{run.pk}/"))["HX-Refresh"] == "true"
    admin_client.post(url(account, f"{here}run/"), {"kind": "back_fill"})
    with account_scope(account):
        back_filling.work(run_id=SyncRun.scoped().latest("pk").pk)
        assert ExternalRecord.scoped().count() == 1
    page = text(admin_client.get(url(account, here)))
    assert "Ana" in page
    assert "la-llave" not in page + text(admin_client.get(url(account, f"{here}settings/")))


@pytest.mark.parametrize(
    ("kind", "button", "hint", "registers"),
    [
        ("rest", "Conectar", "Queda conectado al guardar", False),
        ("salesforce", "Guardar y pasar a iniciar sesión", "Después inicias sesión en Salesforce", True),
        ("hubspot", "Guardar", "Con un token de acceso queda conectado al guardar. Sin él, después inicias sesión en HubSpot", True),
    ],
)
def test_a_new_connection_says_what_comes_next(
    admin_client: Client, account: Account, kind: str, button: str, hint: str, registers: bool
) -> None:
    page = text(admin_client.get(url(account, f"new/{kind}/")))
    assert f'<button class="btn primary">{button}</button>' in page
    assert hint in page
    assert ("/oauth/callback/" in page) is registers


def test_what_waits_for_a_person_is_shown_and_settled(admin_client: Client, account: Account, connection: Connection, shop: Shop) -> None:
    side = ShopSide(connection, shop)
    with account_scope(account):
        external_id = side.add("Ana", city="Quito")
        fill(connection)
        Mapping.scoped().filter(ours="city").update(policy="manual")
        correct_field(contact=person(connection, external_id), field="city", value="Lima", by=SYSTEM)
        side.change(external_id, city="Loja")
        hear(connection)
        conflict = Conflict.scoped().get()
    page = text(admin_client.get(url(account, f"{connection.pk}/")))
    assert "Lima" in page
    assert "Loja" in page
    assert "Ciudad: ¿qué valor vale?" in page
    admin_client.post(url(account, f"{connection.pk}/conflicts/{conflict.pk}/"), {"decision": "ours"})
    with account_scope(account):
        say()
        assert side.values(external_id)["city"] == "Lima"

        shop.refuses = lambda _body: True
        correct_field(contact=person(connection, external_id), field="city", value="Cusco", by=SYSTEM)
        say()
        letter = DeadLetter.scoped().get()
    assert "PATCH 422" in text(admin_client.get(url(account, f"{connection.pk}/")))
    shop.refuses = lambda _body: False
    admin_client.post(url(account, f"{connection.pk}/refused/{letter.pk}/"))
    with account_scope(account):
        say()
        assert side.values(external_id)["city"] == "Cusco"
        assert not DeadLetter.scoped().exists()


def test_settings_pause_and_mapping(admin_client: Client, account: Account, connection: Connection) -> None:
    here = f"{connection.pk}/"
    given = {"name": "Otra", **connection.settings, "wish-creates_there": "on", "wish-on_deletion": "keep", "wish-poll_seconds": "300"}
    page = text(admin_client.get(url(account, f"{here}settings/")))
    assert "cada 30 segundos, unas 5\xa0760 llamadas al día" in page, "the interval of its kind, and what it costs"
    assert admin_client.post(url(account, f"{here}settings/"), given).status_code == 302
    admin_client.post(url(account, f"{here}pause/"), {"paused": "yes"})
    with account_scope(account):
        line = Mapping.scoped().get(ours="city")
    said = {"remote": line.remote, "direction": "in", "policy": "ours", "empty": "leave"}
    admin_client.post(url(account, f"{here}mapping/{line.pk}/change/"), said)
    assert admin_client.post(url(account, f"{here}mapping/{line.pk}/change/"), {**said, "direction": "sideways"}).status_code == 422
    assert "De allá hacia aquí" in text(admin_client.get(url(account, here)))
    with account_scope(account):
        now, line = Connection.scoped().get(), Mapping.scoped().get(ours="city")
    assert (now.name, now.creates_there, now.erases_there, now.on_deletion, now.paused) == ("Otra", True, False, "keep", True)
    assert now.credentials == connection.credentials, "a secret that is left empty stays"
    assert now.poll_seconds == 300
    shown = text(admin_client.get(url(account, here)))
    assert "cada 5 minutos" in shown
    assert "unas 576 llamadas al día" in shown
    for refused in ("0", "7", "", "mucho"):
        assert admin_client.post(url(account, f"{here}settings/"), {**given, "wish-poll_seconds": refused}).status_code == 422
    assert (line.direction, line.policy, line.empty) == ("in", "ours", "leave")
    for wrong in ("ftp://x", "http://[x", "http://x:99999/", "https://"):
        assert admin_client.post(url(account, f"{here}settings/"), {**given, "url": wrong}).status_code == 422
    elsewhere = {**given, "url": "https://elsewhere.example/"}
    assert admin_client.post(url(account, f"{here}settings/"), elsewhere).status_code == 422, "a key goes to no server it was not given for"
    with account_scope(account):
        assert Connection.scoped().get().settings == now.settings
    assert admin_client.post(url(account, f"{here}settings/"), {**elsewhere, "header_value": "otra"}).status_code == 302
    with account_scope(account):
        assert Connection.scoped().get().credentials["header_value"] == "otra"
    admin_client.post(url(account, f"{here}disconnect/"))
    with account_scope(account):
        assert not Connection.scoped().exists()


def test_the_list_costs_the_same_for_two_and_for_twenty(admin_client: Client, account: Account, connection: Connection, shop: Shop) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            database,
        ) as asked:
            assert admin_client.get(url(account)).status_code == 200
        return len(asked)

    with account_scope(account):
        connect(kind="rest", name="Dos", settings=shop_settings(shop), by=SYSTEM)
    queries()
    two = queries()
    with account_scope(account):
        for number in range(18):
            connect(kind="rest", name=f"Tienda {number}", settings=shop_settings(shop), by=SYSTEM)
    assert queries() == two
