"""Signing in, in a real browser: password, reset, authenticator app, recovery codes, passkey; in both languages, light and dark."""

import re
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import Account, Membership
from tests.browser.conftest import LiveServer, assert_accessible
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """Everything the browser complains about; none may be left."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def at_localhost(server: LiveServer) -> str:
    """Passkeys need a name, not a number."""
    return server.url.replace("127.0.0.1", "localhost")


def log_in(page: Page, base: str, member: Membership) -> None:
    page.goto(f"{base}/login/")
    page.get_by_label("Correo").fill(member.user.email)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/inbox/|/2fa/"))


def confirm(page: Page) -> None:
    """The question before anything that touches security."""
    expect(page.get_by_role("heading", name="Confirmar la identidad")).to_be_visible()
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Confirmar").click()


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


PAGES = ("/login/", "/password/reset/", "/password/reset/done/", "/signup/", "/nada/")


@pytest.mark.parametrize("locale", ["es-CL", "en-US"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_outside_is_accessible(
    browser: Browser, live_server_asgi: LiveServer, locale: str, scheme: str, complaints: list[str]
) -> None:
    context = browser.new_context(locale=locale, color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
    page = context.new_page()
    for path in PAGES:
        page.goto(live_server_asgi.url + path)
        assert page.locator("html").get_attribute("lang") == locale[:2]
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_a_wrong_password_keeps_the_email(page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership) -> None:
    page.goto(f"{live_server_asgi.url}/login/")
    expect(page.get_by_label("Correo")).to_be_focused()
    page.get_by_label("Correo").fill(agent.user.email)
    page.get_by_label("Contraseña").fill("otra-cosa-2026")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Correo")).to_have_value(agent.user.email)
    assert_accessible(page)


def test_logging_out_by_the_profile_menu(page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership) -> None:
    log_in(page, live_server_asgi.url, agent)
    page.get_by_label(re.compile("perfil y cerrar sesión")).click()
    expect(page.get_by_role("link", name="Perfil y apariencia")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Cerrar sesión")).to_be_hidden()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cerrar sesión").click()

    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()


def test_an_authenticator_app_and_a_recovery_code(
    page: Page, browser: Browser, live_server_asgi: LiveServer, account: Account, agent: Membership
) -> None:
    base = live_server_asgi.url
    log_in(page, base, agent)
    page.goto(f"{base}/2fa/")
    assert_accessible(page)
    page.get_by_role("link", name="Configurar").click()
    confirm(page)
    expect(page.get_by_role("heading", name="Configurar la aplicación de autenticación")).to_be_visible()
    assert_accessible(page)
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Código").fill(code_of(secret))
    page.get_by_role("button", name="Activar").click()

    expect(page.locator(".code-box")).to_be_visible()
    assert_accessible(page)
    recovery = page.locator(".code-box").inner_text().split()
    assert len(recovery) == 10

    other = browser.new_context(locale="es-CL")
    fresh = other.new_page()
    log_in(fresh, base, agent)
    expect(fresh.get_by_role("heading", name="Segundo paso")).to_be_visible()
    assert_accessible(fresh)
    fresh.get_by_label("Código").fill(recovery[0])
    fresh.keyboard.press("Enter")
    fresh.wait_for_url(re.compile("/inbox/"))
    other.close()


@pytest.fixture
def authenticator(context: BrowserContext, page: Page) -> None:
    """A device with a fingerprint reader, played by Chromium."""
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_added_and_opens_the_door_alone(
    page: Page, authenticator: None, live_server_asgi: LiveServer, account: Account, agent: Membership
) -> None:
    base = at_localhost(live_server_asgi)
    log_in(page, base, agent)
    page.goto(f"{base}/2fa/webauthn/add/")
    confirm(page)
    expect(page.get_by_role("heading", name="Agregar una llave de acceso")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Nombre, para distinguirla").fill("Portátil")
    page.get_by_label("Iniciar sesión solo con ella, sin contraseña").check()
    page.get_by_role("button", name="Agregar").click()
    # The address is known anew only while Playwright itself waits.
    page.wait_for_url(lambda url: "/add/" not in url, timeout=60_000)
    page.goto(f"{base}/2fa/webauthn/")
    expect(page.get_by_text("Portátil")).to_be_visible()
    assert_accessible(page)
    page.get_by_label(re.compile("perfil y cerrar sesión")).click()
    page.get_by_role("button", name="Cerrar sesión").click()

    page.get_by_role("button", name="Usar una llave de acceso").click()

    page.wait_for_url(re.compile("/inbox/"))
