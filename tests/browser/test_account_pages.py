"""The account's pages in a real browser: usable, accessible in light and dark, and within the content policy."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.models import Account, Membership, User
from accounts.scope import account_scope
from accounts.tokens import create_token
from tests.browser.conftest import LiveServer, assert_accessible, sign_in

pytestmark = pytest.mark.browser

PAGES = ["profile/", "settings/account/", "settings/unification/", "settings/members/", "settings/tokens/", "settings/audit/"]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console complains about, the content policy included."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.fixture
def lived_in(account: Account, admin: Membership, agent: Membership) -> Account:
    with account_scope(account):
        create_token(membership=agent, name="Informes", by=Actor.person(admin))
        record(actor=SYSTEM, action="contact.merge", target=account, changed={"name": ["Ana", "Ana María"]})
    return account


def url_of(server: LiveServer, account: Account, path: str) -> str:
    return f"{server.url}/{path}" if path == "profile/" else f"{server.url}/a/{account.slug}/{path}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(
    live_server_asgi: LiveServer,
    context: BrowserContext,
    page: Page,
    lived_in: Account,
    admin: Membership,
    complaints: list[str],
    theme: str,
) -> None:
    User.objects.filter(pk=admin.user_id).update(theme=theme)
    sign_in(context, live_server_asgi, admin)

    for path in PAGES:
        page.goto(url_of(live_server_asgi, lived_in, path))
        if folder := os.environ.get("HILO_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{theme}-{path.strip('/').replace('/', '-')}.png", full_page=True)
        assert page.locator("h1").count() == 1, path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        assert_accessible(page)

    assert complaints == []


def test_they_fit_a_phone(live_server_asgi: LiveServer, context: BrowserContext, page: Page, lived_in: Account, admin: Membership) -> None:
    sign_in(context, live_server_asgi, admin)
    page.set_viewport_size({"width": 360, "height": 740})

    for path in PAGES:
        page.goto(url_of(live_server_asgi, lived_in, path))
        if folder := os.environ.get("HILO_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"phone-{path.strip('/').replace('/', '-')}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_a_token_is_made_copied_and_gone(
    live_server_asgi: LiveServer, context: BrowserContext, page: Page, account: Account, admin: Membership, complaints: list[str]
) -> None:
    sign_in(context, live_server_asgi, admin)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(url_of(live_server_asgi, account, "settings/tokens/"))

    page.get_by_label("Para qué es").fill("Informes")
    page.get_by_role("button", name="Crear el token").click()
    secret = page.locator("code.code-box").inner_text()
    assert re.fullmatch(r"hilo_[\w-]{43}", secret)
    page.get_by_role("button", name="Copiar").click()
    page.get_by_text("Copiado").wait_for()

    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.goto(url_of(live_server_asgi, account, "settings/tokens/"))
    assert secret not in page.content()
    page.get_by_role("button", name="Revocar Informes").click()
    page.get_by_text("Revocado", exact=True).wait_for()
    assert complaints == []


def test_the_reference_of_the_api_keeps_to_its_policy(live_server_asgi: LiveServer, page: Page, complaints: list[str], db: None) -> None:
    page.goto(f"{live_server_asgi.url}/api/v1/docs/")

    page.get_by_text("/api/v1/conversations/", exact=True).first.wait_for()
    assert complaints == []
