"""Consent's settings in a real browser: a purpose gets a wording that changes, and people are asked again."""

import os
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.actors import SYSTEM
from accounts.models import Account, Membership, User
from accounts.scope import account_scope
from consent.asking_again import outcome_of
from consent.fingerprints import point_of
from consent.ledger import record
from consent.models import NoticeVersion, Purpose, ReconsentCampaign
from consent.vocabulary import Action, Origin
from tests.browser.conftest import LiveServer, assert_accessible, sign_in, wait_until
from tests.conftest import make_channel
from tests.consent.people import address_of, make_person

pytestmark = pytest.mark.browser
PAGES = ["purposes/", "sending/", "ledger/", "countries/", "retention/", "masking/"]


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("HILO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_changed_wording_asks_people_again(
    live_server_asgi: LiveServer, context: BrowserContext, page: Page, account: Account, admin: Membership, complaints: list[str]
) -> None:
    with account_scope(account):
        # A mailbox that nobody answers at: every letter waits.
        make_channel(account, "email", "Correo", settings={"address": "hola@andes.test", "smtp_host": "127.0.0.1", "smtp_port": 1})
        ana = make_person(("email", "ana@cliente.test"), name="Ana Rojas")
    sign_in(context, live_server_asgi, admin)
    settings = f"{live_server_asgi.url}/a/{account.slug}/settings/"

    page.goto(f"{settings}purposes/")
    page.get_by_role("link", name="Nueva finalidad").click()
    page.get_by_label("Nombre en Español").fill("Club de lectores")
    page.get_by_role("button", name="Guardar").click()
    page.get_by_label("Texto en Español").fill("Una carta al mes con libros nuevos.")
    page.get_by_role("button", name="Publicar").click()
    expect(page.get_by_role("heading", name="Texto 1, Español")).to_be_visible()
    with account_scope(account):
        purpose = Purpose.scoped().get(key="club-de-lectores")
        record(
            ref=point_of(address_of(ana)),
            action=Action.GRANT,
            origin=Origin.CONFIRMATION,
            occurred_at=timezone.now(),
            key="sí",
            profile=ana,
            channel="email",
            purpose=purpose.key,
            possession_proven=True,
            notice=NoticeVersion.scoped().get(purpose=purpose),
            by=SYSTEM,
        )

    page.get_by_text("Publicar un texto nuevo").click()
    page.get_by_label("Texto en Español").fill("Una carta a la semana con libros nuevos y de socios.")
    page.get_by_label("Significa otra cosa que antes").check()
    page.get_by_role("button", name="Publicar").click()
    expect(page.get_by_text("1 persona aceptó un texto anterior")).to_be_visible()
    assert_accessible(page)
    picture(page, "purpose")
    page.get_by_role("button", name="Preguntarles por carta").click()

    expect(page.get_by_role("heading", name="Nueva consulta sobre el texto 2")).to_be_visible()
    with account_scope(account):
        run = ReconsentCampaign.scoped().get()
        wait_until(lambda: ReconsentCampaign.scoped().filter(pk=run.pk, state="done").exists(), seconds=60)
        assert outcome_of(run).total == 1
    expect(page.get_by_role("heading", name="Terminada")).to_be_visible()
    assert_accessible(page)
    picture(page, "campaign")

    for path in PAGES:
        page.goto(f"{settings}{path}")
        assert page.locator("h1").count() == 1, path
        assert_accessible(page)
        picture(page, f"light-{path.strip('/')}")
    User.objects.filter(pk=admin.user_id).update(theme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in (*PAGES, f"purposes/{purpose.pk}/"):
        page.goto(f"{settings}{path}")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        picture(page, f"dark-phone-{path.strip('/').replace('/', '-')}")
    assert complaints == []
