"""The customer portal on a phone, without JavaScript, in its three languages, light and dark."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.scope import account_scope
from consent.fingerprints import point_ref
from consent.ledger import record
from consent.models import ConsentEvent, NoticeVersion, PortalSettings, Preference, Purpose, RightsRequest
from consent.vocabulary import Action, Origin
from contacts.models import Profile
from tests.browser.conftest import LiveServer, assert_accessible, listen_for_complaints
from tests.browser.portal import letter_to
from tests.conftest import make_channel
from tests.contacts.stories import writes

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
HEADINGS = {
    "es": "¿Cómo quieres que te escribamos?",
    "en": "How should we write to you?",
    "pt": "Como você quer que a gente escreva?",
}
PAGES = ("home", "pause", "preferences", "wording", "points", "data", "history", "export", "erase", "requests", "not_me")
LOCALES = {"es": "es-CL", "en": "en-US", "pt": "pt-BR"}
TEXTS = {"es": "Ofertas, dos veces al mes.", "en": "Offers, twice a month.", "pt": "Ofertas, duas vezes por mês."}


@pytest.fixture
def ana(account: Account) -> Profile:
    """Somebody who wrote by mail and by WhatsApp, agreed to promotions once, and withdrew."""
    mailbox, number = make_channel(account, "email", "Ventas"), make_channel(account, "whatsapp", "Tienda")
    with account_scope(account):
        profile = writes(number, "56911112222", name="Ana Rojas", city="Valdivia", email="ana@ejemplo.cl").profile
        writes(mailbox, "ana@ejemplo.cl", hours=1, name="Ana Rojas")
        PortalSettings.objects.create(title="Tienda Andes", colour="#c2410c")
        purpose = Purpose.scoped().get(key="marketing")
        notices = [
            NoticeVersion.objects.create(purpose=purpose, language=code, number=1, text=text, sha256="0" * 64)
            for code, text in TEXTS.items()
        ]
        for days, action in ((9, Action.GRANT), (2, Action.WITHDRAW)):
            record(
                ref=point_ref(kind="email", value="ana@ejemplo.cl"),
                action=action,
                origin=Origin.MESSAGE,
                occurred_at=timezone.now() - timedelta(days=days),
                key=f"{action}",
                profile=profile,
                channel="email",
                purpose="marketing",
                possession_proven=True,
                notice=notices[0] if action is Action.GRANT else None,
                proof={"said": "Quiero recibir ofertas"} if action is Action.GRANT else {"said": "BAJA"},
                by=SYSTEM,
            )
        return profile


@pytest.fixture
def link(account: Account, ana: Profile, live_server_asgi: LiveServer) -> str:
    """The link of a letter that was sent to Ana."""
    return letter_to("ana@ejemplo.cl", account=account, server=live_server_asgi)


@dataclass
class Phone:
    """A browser without JavaScript, and a second one with it, in which axe can look at the same pages."""

    page: Page
    eyes: Page
    name: str

    def look(self, name: str, url: str = "") -> None:
        """The page is accessible, not wider than the phone, and every target is large enough for a thumb."""
        self.eyes.context.clear_cookies()
        self.eyes.context.add_cookies(self.page.context.cookies())  # type: ignore[arg-type]
        self.eyes.goto(url or self.page.url)
        assert self.eyes.locator("h1").count() == 1, name
        if folder := os.environ.get("HILO_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"portal-{self.name}-{name}.png", full_page=True)
        assert_accessible(self.eyes)
        assert self.eyes.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        assert self.eyes.evaluate(SMALL_TARGETS) == [], name


SMALL_TARGETS = """
[...document.querySelectorAll("main button, main a:not(p a), main select, main summary, header button")]
  .filter(each => each.checkVisibility())
  .filter(each => each.getBoundingClientRect().height < 44 || each.getBoundingClientRect().width < 40)
  .map(each => each.textContent.trim())
"""


@pytest.fixture
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Phone]:
    language, scheme = request.param
    contexts = [
        browser.new_context(
            locale=LOCALES[language],
            viewport=PHONE,
            color_scheme=scheme,
            java_script_enabled=has_scripts,
            reduced_motion="reduce",
            has_touch=True,
        )
        for has_scripts in (False, True)
    ]
    for context in contexts:
        context.set_default_timeout(15_000)
    yield Phone(contexts[0].new_page(), contexts[1].new_page(), f"{language}-{scheme}")
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("phone", "language"),
    [(("es", "light"), "es"), (("en", "dark"), "en"), (("pt", "light"), "pt")],
    indirect=["phone"],
    ids=["es-light", "en-dark", "pt-light"],
)
def test_the_portal_works_on_a_phone_without_javascript(
    live_server_asgi: LiveServer, phone: Phone, account: Account, ana: Profile, link: str, language: str
) -> None:
    page = phone.page
    complaints = listen_for_complaints(page)

    def url(name: str) -> str:
        return live_server_asgi.url + reverse(f"portal:{name}", args=[account.slug])

    # Whoever is not in is led to the entrance.
    page.goto(url("home"))
    expect(page.locator("html")).to_have_attribute("lang", language)
    phone.look("come-in")
    page.locator("#id_address").fill("nadie@ejemplo.cl")
    page.locator("main button").click()
    expect(page.locator("#id_code")).to_be_visible()
    phone.look("code")

    # The link of the letter, and the one tap that it needs.
    page.goto(link)
    phone.look("link")
    page.locator("main button").click()
    expect(page.locator("h1")).to_have_text(HEADINGS[language])
    assert page.url == url("home")

    for name in PAGES:
        page.goto(url(name))
        phone.look(name)

    # One tap on, one tap to stop everything.
    page.goto(url("home"))
    switch = page.locator("[role=switch]").first
    switch.click()
    expect(page.locator("[role=switch][aria-checked=true]")).to_have_count(1)
    phone.look("switched")
    page.locator("main form > .btn").click()
    expect(page.locator("[role=switch][aria-checked=true]")).to_have_count(0)

    page.goto(url("pause"))
    page.locator("button[value='30']").click()
    phone.look("paused")
    page.goto(url("erase"))
    page.locator("input[type=checkbox]").check()
    page.locator("main form button").click()
    phone.look("asked")

    with account_scope(account):
        said = list(ConsentEvent.scoped().filter(source=Origin.PORTAL).order_by("pk").values_list("action", flat=True))
        assert said[0] == Action.GRANT
        assert set(said[1:]) == {Action.WITHDRAW}
        assert Preference.scoped().filter(paused_until__isnull=False).exists()
        assert RightsRequest.scoped().get().kind == "erasure"
    assert complaints == []


@pytest.mark.parametrize("phone", [("es", "light")], indirect=True)
def test_the_language_can_be_switched_and_stays(live_server_asgi: LiveServer, phone: Phone, account: Account, link: str) -> None:
    page = phone.page
    page.goto(live_server_asgi.url + reverse("portal:sign_in", args=[account.slug]))

    page.get_by_role("button", name="Português").click()

    expect(page.locator("html")).to_have_attribute("lang", "pt")
    page.goto(link)
    page.locator("main button").click()
    expect(page.locator("h1")).to_have_text(HEADINGS["pt"])
