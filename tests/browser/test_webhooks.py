"""An administrator subscribes, sends a test, looks at it in the log and sends it again; the pages are accessible."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Account, Membership, User
from tests.browser.conftest import LiveServer, assert_accessible, sign_in, wait_until
from tests.integrations.provider import Answer, Provider, playing_provider
from tests.integrations.webhooks.receiver import verified

pytestmark = pytest.mark.browser


@pytest.fixture
def receiver() -> Iterator[Provider]:
    with playing_provider() as playing:
        playing.otherwise = lambda _asked: Answer(200, {"ok": True})
        yield playing


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("HILO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"webhooks-{name}.png", full_page=True)


def test_subscribe_test_log_and_replay(
    live_server_asgi: LiveServer,
    context: BrowserContext,
    page: Page,
    account: Account,
    admin: Membership,
    receiver: Provider,
    complaints: list[str],
) -> None:
    sign_in(context, live_server_asgi, admin)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/settings/webhooks/")
    shoot(page, "none")
    page.get_by_role("link", name="Agregar un webhook").first.click()
    page.get_by_label("Nombre").fill("Bodega")
    page.get_by_label("Dirección").fill(f"{receiver.url}/hilo")
    page.get_by_label("Un contacto nuevo").check()
    page.get_by_label("Llegó un mensaje").check()
    assert_accessible(page)
    shoot(page, "new")
    page.get_by_role("button", name="Agregar").click()

    secret = page.locator(".code-box", has_text="whsec_").inner_text()
    shoot(page, "secret")
    page.get_by_role("button", name="Enviar una prueba").click()
    expect(page.get_by_text("La prueba se aceptó.")).to_be_visible()
    assert verified(receiver.asked[0], secret)["type"] == "webhook.test"
    assert page.get_by_text(secret).count() == 0

    row = page.get_by_role("row", name="webhook.test")
    expect(row).to_contain_text("200")
    assert_accessible(page)
    shoot(page, "log")
    row.get_by_role("link").click()
    expect(page.get_by_text("webhook-signature: •••")).to_be_visible()
    assert_accessible(page)
    shoot(page, "delivery")
    page.get_by_role("button", name="Reenviar").click()

    wait_until(lambda: len(receiver.asked) == 2)
    assert receiver.asked[1].headers["webhook-id"] == receiver.asked[0].headers["webhook-id"]
    User.objects.filter(pk=admin.user_id).update(theme="dark")
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/settings/customer-data/")
    assert_accessible(page)
    page.get_by_label("Nombre").fill("Tienda")
    page.get_by_role("button", name="Crear la clave de escritura").click()
    expect(page.locator(".code-box", has_text="wk_")).to_be_visible()
    assert_accessible(page)
    shoot(page, "customer-data")
    assert complaints == []
