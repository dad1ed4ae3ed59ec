"""An administrator connects Salesforce in the browser: the settings, the page there, the click here, and everything taken in."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Account, Membership, User
from accounts.scope import account_scope
from integrations.models import Connection, ExternalRecord
from tests.browser.conftest import LiveServer, assert_accessible, sign_in, wait_until
from tests.integrations.crm.salesforce_server import Org, running_org

pytestmark = pytest.mark.browser


@pytest.fixture
def org(live_server_asgi: LiveServer) -> Iterator[Org]:
    with running_org() as peer:
        peer.oauth.redirect_uris = {f"{live_server_asgi.url}/oauth/callback/"}
        yield peer


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("HILO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"signing-in-{name}.png", full_page=True)


def test_connect_salesforce(
    live_server_asgi: LiveServer,
    context: BrowserContext,
    page: Page,
    account: Account,
    admin: Membership,
    org: Org,
    complaints: list[str],
) -> None:
    external_id = org.add(FirstName="Ana", LastName="Soto", Email="ana@example.org")
    sign_in(context, live_server_asgi, admin)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/settings/connections/")
    page.get_by_role("link", name="Salesforce").click()
    expect(page.get_by_text(f"{live_server_asgi.url}/oauth/callback/")).to_be_visible()
    page.get_by_label("Nombre", exact=True).fill("Ventas")
    page.get_by_label("Dónde se inicia sesión").fill(org.url)
    page.get_by_label("Clave de consumidor").fill(org.oauth.client_id)
    page.get_by_label("Secreto de consumidor").fill(org.oauth.client_secret)
    assert_accessible(page)
    shoot(page, "new")
    page.get_by_role("button", name="Guardar y pasar a iniciar sesión").click()

    connect = page.get_by_role("link", name="Conectar con Salesforce")
    assert_accessible(page)
    shoot(page, "before")
    # First whoever is asked there says no.
    org.oauth.denies = True
    connect.click()
    page.get_by_role("link", name="Permitir").click()
    expect(page.get_by_text("acceso fue denegado")).to_be_visible()
    assert_accessible(page)
    shoot(page, "denied")
    page.get_by_role("link", name="Volver a la conexión").click()

    org.oauth.denies = False
    connect.click()
    page.get_by_role("link", name="Permitir").click()
    expect(page.get_by_role("heading", name="Salesforce deja entrar a Hilo")).to_be_visible()
    assert_accessible(page)
    shoot(page, "back")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "back-phone")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert org.oauth.asked == [], "coming back alone asks for nothing"
    page.get_by_role("button", name="Terminar de conectar").click()
    expect(page.get_by_text("Conectado.")).to_be_visible()
    expect(connect).to_have_count(0)
    shoot(page, "connected")

    page.get_by_role("button", name="Cargar todo").click()

    def is_linked() -> bool:
        with account_scope(account):
            return ExternalRecord.scoped().filter(external_id=external_id, state="live").exists()

    wait_until(is_linked, seconds=30)
    with account_scope(account):
        Connection.scoped().update(
            state="misconfigured", problem="El permiso en Salesforce terminó o fue retirado. Hay que conectar de nuevo."
        )
    User.objects.filter(pk=admin.user_id).update(theme="dark")
    page.reload()
    expect(page.get_by_role("link", name="Conectar de nuevo")).to_be_visible()
    assert_accessible(page)
    shoot(page, "again-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "again-dark-phone")
    page.goto(page.url + "settings/")
    shoot(page, "settings-dark-phone")
    # The refusal is a page with status 400, and the organisation there has no icon: the browser mentions both.
    assert [each for each in complaints if not each.startswith("Failed to load resource")] == []
