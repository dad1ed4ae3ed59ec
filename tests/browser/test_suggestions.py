"""A supervisor works the queue of merge suggestions off by keyboard, and takes two decisions back."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Account, MatchingPolicy, Membership
from accounts.scope import account_scope
from contacts.models import MergeEvent, NeverMerge, SuggestionDecision
from contacts.suggestion_queries import open_count
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.conftest import make_channel
from tests.contacts.pairs import ask, two_people

pytestmark = pytest.mark.browser


def press(page: Page, key: str) -> None:
    """One key, and wait until another suggestion stands there, ready for the next."""
    before = page.locator("#suggestion").get_attribute("data-suggestion") or ""
    page.keyboard.press(key)
    expect(page.locator(f"#suggestion:not([data-suggestion='{before}']):not([data-fresh])")).to_be_visible()


def test_a_queue_of_twenty_by_keyboard_and_two_taken_back(
    page: Page, context: BrowserContext, live_server_asgi: LiveServer, account: Account, supervisor: Membership, complaints: list[str]
) -> None:
    with account_scope(account):
        # The queue holds these twenty and nothing that a worker finds meanwhile.
        Account.objects.update(matching_policy=MatchingPolicy.DETERMINISTIC)
        mail = make_channel(account, "email", "Correo")
        for turn in range(20):
            pair = two_people(mail, 3 * turn, one={"name": f"María Pérez {turn:02}", "city": "Lima"}, other={"city": "Cusco"})
            ask(*pair, 0.98 - turn / 100, conflicts=["family_phone"] if turn == 1 else [])
    sign_in(context, live_server_asgi, supervisor)
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/suggestions/")
    badge = page.get_by_role("link", name="Sugerencias de fusión").locator(".badge-count")
    expect(badge).to_have_text("20")
    expect(page.get_by_role("heading", name="20 por revisar")).to_be_visible()
    expect(page.get_by_text("Mismo teléfono, que no usa nadie más")).to_be_visible()
    assert_accessible(page)

    press(page, "j")
    expect(page.get_by_role("note").first).to_contain_text("familiares")
    assert_accessible(page)
    press(page, "k")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Teclado")).to_be_visible()
    page.keyboard.press("Escape")

    for number, key in enumerate("aarla" * 4, 1):
        press(page, key)
        if number < 20:
            expect(badge).to_have_text(str(20 - number))

    expect(page.get_by_role("heading", name="Nada por revisar")).to_be_visible()
    expect(badge).to_have_count(0)
    assert_accessible(page)
    with account_scope(account):
        assert open_count() == 0
        kinds = list(SuggestionDecision.scoped().order_by("pk").values_list("kind", flat=True))
        assert kinds == ["accepted", "accepted", "rejected", "deferred", "accepted"] * 4

    # The last one, a merge, by its key; the one before, a "later", with the toast's or the page's button.
    page.keyboard.press("u")
    expect(badge).to_have_text("1")
    expect(page.get_by_role("note")).to_contain_text("la fusión se deshizo")
    page.get_by_role("button", name="Deshacer u").click()
    expect(badge).to_have_text("2")
    expect(page.get_by_role("heading", name="2 por revisar")).to_be_visible()
    assert_accessible(page)
    with account_scope(account):
        assert open_count() == 2
        assert SuggestionDecision.scoped().exclude(undone_at=None).count() == 2
        assert MergeEvent.scoped().filter(kind="unmerge").count() == 1
        # Four rejections, and the merge that was taken back.
        assert NeverMerge.scoped().count() == 5
    assert complaints == []
