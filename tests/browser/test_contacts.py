"""People in a real browser: find somebody, look, merge, take it back with the toast, part relatives with one key."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Account, Membership
from accounts.scope import account_scope
from contacts.models import MergeEvent
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.conftest import make_channel
from tests.contacts.stories import members, writes

pytestmark = pytest.mark.browser


def test_find_merge_and_undo(
    page: Page, context: BrowserContext, live_server_asgi: LiveServer, account: Account, supervisor: Membership
) -> None:
    with account_scope(account):
        mail = make_channel(account, "email", "Correo")
        ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto", city="Temuco")
        anita = writes(mail, "anita@ejemplo.cl", 1, name="Anita Soto G.", city="Lima", phone="981234567")
        writes(mail, "otro@ejemplo.cl", 2, name="Otro")
    sign_in(context, live_server_asgi, supervisor)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/contacts/")
    assert_accessible(page)

    page.get_by_role("searchbox").press_sequentially("soto")
    expect(page.get_by_role("link", name="Otro")).to_have_count(0)
    page.get_by_role("link", name="Anita Soto G.").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anita Soto G.")
    expect(page.get_by_text("+56 9 8123 4567").first).to_be_visible()
    assert_accessible(page)

    page.get_by_role("link", name="Fusionar con otro contacto").click()
    page.get_by_role("searchbox").fill("ana soto")
    page.get_by_role("button", name="Buscar").click()
    assert_accessible(page)
    page.get_by_role("link", name="Ana Soto", exact=True).click()
    expect(page.get_by_role("row", name="Nombre")).to_contain_text("Ana Soto")
    assert_accessible(page)
    page.get_by_role("button", name="Fusionar").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Ana Soto")
    assert_accessible(page)
    with account_scope(account):
        assert members(ana.contact) == {ana.profile.pk, anita.profile.pk}
    page.get_by_role("status").get_by_role("button", name="Deshacer").click()
    expect(page.get_by_text("Deshecho.")).to_be_visible()
    with account_scope(account):
        assert members(ana.contact) == {ana.profile.pk}
        assert MergeEvent.scoped().count() == 2


def test_one_key_parts_two_relatives(
    page: Page, context: BrowserContext, live_server_asgi: LiveServer, account: Account, agent: Membership
) -> None:
    with account_scope(account):
        web = make_channel(account, "webchat", "Sitio")
        maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
        writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")
    sign_in(context, live_server_asgi, agent)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/contacts/{maria.profile.contact_id}/")
    expect(page.get_by_role("note")).to_contain_text("José Pérez")

    page.get_by_role("button", name="Son dos personas").click()

    expect(page.get_by_role("note")).to_have_count(0)
    expect(page.get_by_text("compartido", exact=True).first).to_be_visible()
    assert_accessible(page)
    with account_scope(account):
        assert members(maria.contact) == {maria.profile.pk}
