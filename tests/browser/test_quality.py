"""A supervisor reviews stale identifiers by keyboard; an administrator looks at the pages that steer identity."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Account, Membership
from accounts.scope import account_scope
from contacts.models import Identifier, Profile
from contacts.quality.models import ReviewCampaign
from contacts.quality.scoring import renew_everybody
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.conftest import make_channel
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import writes

pytestmark = pytest.mark.browser


@pytest.fixture
def stale(account: Account) -> Account:
    with account_scope(account):
        mail = make_channel(account, "email", "Correo")
        for name in ("Ana Soto", "Eva Díaz", "Rosa Vidal"):
            writes(mail, f"{name.split()[0].lower()}@ejemplo.cl", name=name)
        ask(*two_people(mail, 5))
        then = timezone.now() - timedelta(days=500)
        Profile.scoped().update(last_seen_at=then)
        Identifier.scoped().update(last_seen_at=then)
        renew_everybody()
    return account


def test_a_round_by_keyboard_with_an_undo(
    page: Page, context: BrowserContext, live_server_asgi: LiveServer, stale: Account, supervisor: Membership, complaints: list[str]
) -> None:
    sign_in(context, live_server_asgi, supervisor)
    page.goto(f"{live_server_asgi.url}/a/{stale.slug}/quality/")
    expect(page.get_by_role("heading", name="Duplicados en el tiempo")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Revisar: Sin noticias hace mucho").click()
    progress = page.locator("#review progress")
    expect(progress).to_have_attribute("value", "0")
    assert_accessible(page)

    page.keyboard.press("k")
    expect(progress).to_have_attribute("value", "1")
    page.keyboard.press("e")
    expect(progress).to_have_attribute("value", "2")
    page.keyboard.press("u")
    expect(progress).to_have_attribute("value", "1")
    for value in range(2, 6):
        page.keyboard.press("k")
        expect(page.locator(f"#review:not([data-fresh]) progress[value='{value}']")).to_be_visible()

    expect(page.get_by_role("heading", name="Todo revisado")).to_be_visible()
    expect(page.get_by_role("heading", name="Quién hizo qué")).to_be_visible()
    assert_accessible(page)
    with account_scope(stale):
        assert ReviewCampaign.scoped().get().state == "finished"
        assert not Identifier.scoped().filter(end_reason="retired").exists()
    assert complaints == []


def test_the_pages_that_steer_identity_are_accessible(
    page: Page, context: BrowserContext, live_server_asgi: LiveServer, stale: Account, admin: Membership, complaints: list[str]
) -> None:
    sign_in(context, live_server_asgi, admin)
    for path, heading in (("settings/duplicates/", "Búsqueda de duplicados"), ("settings/values/", "Qué valor gana")):
        page.goto(f"{live_server_asgi.url}/a/{stale.slug}/{path}")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        assert_accessible(page)
    page.get_by_label("Nombre", exact=True).select_option("longest")
    page.get_by_role("button", name="¿Qué cambiaría?").click()
    expect(page.locator("#rules-preview")).to_contain_text("contactos")
    assert_accessible(page)
    assert complaints == []
