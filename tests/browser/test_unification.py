"""The unification switch in a real browser, with a real worker: preview, on, off, while an agent works on."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import Membership
from accounts.scope import account_scope
from contacts.models import Contact, Profile
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.browser.test_workspace import hear
from tests.conftest import make_account, make_channel, make_member
from tests.contacts.stories import members, writes

pytestmark = pytest.mark.browser


def test_preview_switch_on_look_and_switch_off_again(
    page: Page, context: BrowserContext, browser: Browser, live_server_asgi: LiveServer, db: None
) -> None:
    account = make_account("plaza", unification_enabled=False)
    admin = make_member(account, "admin", "carla")
    agent: Membership = make_member(account, "agent", "laura")
    with account_scope(account):
        mail, chat = make_channel(account, "email", "Correo"), make_channel(account, "webchat", "Sitio")
        ana = writes(mail, "ana@correo.cl", name="Ana Soto", phone="981234567")
        for number, name in enumerate(["Luis Rojas", "Eva Lillo", "Tomás Vera", "Iván Mora", "Rita Pino", "Olga Ruiz"]):
            writes(mail, f"oficina{number}@correo.cl", number, name=name, phone="223456700")
    conversation = hear(chat, "v-1", "¿Sigue disponible?", name="Ana")
    with account_scope(account):
        visitor = Profile.scoped().get(address="v-1")
        writes(chat, "v-1", 2, name="Ana", email="ana@correo.cl")

    # An agent has a conversation open all the while.
    desk = browser.new_context(locale="es-CL", viewport={"width": 1280, "height": 800})
    desk.set_default_timeout(15_000)
    sign_in(desk, live_server_asgi, agent)
    screen = desk.new_page()
    screen.goto(f"{live_server_asgi.url}/a/{account.slug}/inbox/{conversation.pk}/?view=all")
    expect(screen.locator(".msg.in", has_text="¿Sigue disponible?")).to_be_visible()
    screen.locator("#composer-body").fill("Sí, y ")

    sign_in(context, live_server_asgi, admin)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/settings/unification/")
    assert_accessible(page)
    page.get_by_role("link", name="Ver qué cambiaría aquí").click()
    page.get_by_role("button", name="Calcular").click()
    expect(page.locator(".figure", has_text="Contactos hoy")).to_contain_text("8", timeout=30_000)
    expect(page.locator(".figure", has_text="Quedarían")).to_contain_text("7")
    switchboard = page.get_by_role("listitem").filter(has_text="+56 2 2345 6700")
    expect(switchboard).to_contain_text("6 nombres")
    assert_accessible(page)
    page.get_by_role("button", name="Es compartido").click()
    expect(switchboard.locator(".chip.warn")).to_have_text("compartido", timeout=30_000)

    page.get_by_role("link", name="Continuar").click()
    assert_accessible(page)
    page.get_by_role("button", name="Activar la unificación").click()
    expect(page.get_by_text("Activada. Contactos antes: 8, ahora: 7.")).to_be_visible(timeout=30_000)
    with account_scope(account):
        assert members(ana.contact) == {ana.profile.pk, visitor.pk}

    page.get_by_role("link", name="Qué cambiaría aquí").click()
    page.locator(".lines a", has_text="Ana").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana Soto")

    # The agent's conversation goes on, with the draft, and the answer leaves.
    expect(screen.locator("#person-pane h2")).to_have_text("Ana Soto", timeout=20_000)
    expect(screen.locator("#composer-body")).to_have_value("Sí, y ")
    screen.locator("#composer-body").press_sequentially("con bodega.")
    screen.keyboard.press("Control+Enter")
    expect(screen.locator(".msg.out", has_text="Sí, y con bodega.")).to_be_visible()

    page.goto(f"{live_server_asgi.url}/a/{account.slug}/settings/unification/?step=switch")
    assert_accessible(page)
    page.get_by_role("button", name="Desactivar la unificación").click()
    expect(page.get_by_text("Desactivada. Contactos antes: 7, ahora: 8.")).to_be_visible(timeout=30_000)
    with account_scope(account):
        assert members(ana.contact) == {ana.profile.pk}
        assert Contact.scoped().filter(is_empty=False, is_anonymous=False).count() == 8
    expect(screen.locator(".msg.out", has_text="Sí, y con bodega.")).to_be_visible()
    desk.close()
