"""axe on the workspace as it is used: both languages, light and dark, at the three widths; 200 % zoom; no sideways scrolling."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account, Membership
from accounts.scope import account_scope
from tests.browser.conftest import LiveServer, assert_accessible, listen_for_complaints, sign_in
from tests.inbox.story import Story, tell

pytestmark = pytest.mark.browser

SIZES = {"wide": (1280, 800), "tablet": (1024, 768), "phone": (390, 844), "zoomed": (640, 400)}
LOOKS = [("es", "light", "wide"), ("en", "dark", "wide"), ("es", "dark", "tablet"), ("en", "light", "phone"), ("es", "light", "zoomed")]


@pytest.fixture
def story(account: Account, agent: Membership, teammate: Membership) -> Story:
    with account_scope(account):
        return tell(account, agent, teammate)


@pytest.fixture(params=LOOKS, ids=["-".join(look) for look in LOOKS])
def look(request: pytest.FixtureRequest, browser: Browser, live_server_asgi: LiveServer, agent: Membership) -> Iterator[Page]:
    """A signed-in browser in one language, theme and size, that fails the test on any error of the page."""
    language, scheme, size = request.param
    agent.user.language, agent.user.theme = language, scheme
    agent.user.save()
    width, height = SIZES[size]
    context = browser.new_context(locale=language, viewport={"width": width, "height": height}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    sign_in(context, live_server_asgi, agent)
    page = context.new_page()
    found = listen_for_complaints(page)
    page.goto(f"{live_server_asgi.url}/profile/")
    yield page
    context.close()
    assert found == []


def fits(page: Page) -> None:
    """Nothing has to be scrolled sideways, and axe finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert_accessible(page)


def test_list_thread_picker_note_and_dialogs(look: Page, live_server_asgi: LiveServer, account: Account, story: Story) -> None:
    page, inbox = look, f"{live_server_asgi.url}/a/{account.slug}/inbox/"
    page.goto(f"{inbox}?view=all")
    expect(page.locator(".item")).to_have_count(10)
    fits(page)
    page.goto(f"{inbox}{story.maria.pk}/?view=all")
    expect(page.locator(".turn")).to_have_count(4)
    fits(page)
    page.locator("[data-picker] summary").click()
    expect(page.locator(".choice").first).to_be_visible()
    fits(page)
    page.keyboard.press("Escape")
    page.locator("[data-flow]").focus()
    page.keyboard.press("n")
    page.keyboard.type("Avisar a bodega")
    fits(page)
    page.keyboard.press("Escape")
    page.locator("[data-assign] summary").click()
    fits(page)
    page.keyboard.press("Escape")
    page.locator("[data-flow]").focus()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    fits(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("factura")
    expect(page.locator("[role=option]")).to_have_count(2)
    fits(page)


def test_the_rail_leads_only_where_something_is(look: Page, live_server_asgi: LiveServer, account: Account, story: Story) -> None:
    page = look
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/inbox/?view=all")

    links = page.locator("nav.rail a").evaluate_all("links => links.map(link => link.href)")

    assert len(links) >= 3
    for link in links:
        assert page.request.get(link).status == 200, link


def test_keys_without_ctrl_can_be_switched_off(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, story: Story
) -> None:
    sign_in(page.context, live_server_asgi, agent)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/inbox/?view=all")
    page.keyboard.press("?")
    page.get_by_role("switch", name=re.compile("Teclas sin Ctrl")).uncheck()
    page.keyboard.press("Escape")

    page.keyboard.press("j")
    page.keyboard.press("?")

    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator(".item:focus")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
