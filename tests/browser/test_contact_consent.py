"""What a person told one of ours, in a real browser: written down with its proof, confirmed by a real mail, and a slip taken back."""

import os
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Account, Membership, User
from accounts.scope import account_scope
from config.simulator.mailserver import MailServer
from consent.evidence import read_evidence
from consent.models import ConsentEvent, Purpose
from consent.vocabulary import PurposeClass
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.consent.people import hear
from tests.integrations.channels.email.conftest import WORD, channel_on
from tests.integrations.channels.email.reading import HOUSE

pytestmark = pytest.mark.browser
ANA = "ana@cliente.test"


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("HILO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_yes_by_phone_with_its_recording_and_a_slip_taken_back(
    live_server_asgi: LiveServer, context: BrowserContext, page: Page, account: Account, agent: Membership, complaints: list[str]
) -> None:
    with MailServer({HOUSE: WORD}) as server:
        channel = channel_on(server, account)
        with account_scope(account):
            Purpose.objects.create(key="news", purpose_class=PurposeClass.MARKETING, names={"es": "Novedades", "en": "News"}, position=9)
            profile = hear(channel, ANA, "Hola, soy Ana", subject="Consulta").strand.profile
        sign_in(context, live_server_asgi, agent)
        url = f"{live_server_asgi.url}/a/{account.slug}/contacts/{profile.contact_id}/consent/"
        page.goto(url)
        assert_accessible(page)
        picture(page, "contact-consent-before")

        page.get_by_label("Qué aceptó").select_option(label="Novedades")
        page.get_by_label("Las palabras exactas").fill("Acepto recibir novedades de Andes por correo.")
        page.get_by_label("Cómo lo dijo").select_option("call")
        page.get_by_label("Algo más").fill("Llamó por su pedido 1234.")
        page.locator("input[type=file]").set_input_files(
            files={"name": "llamada.mp3", "mimeType": "audio/mpeg", "buffer": b"ID3 una llamada"}
        )
        page.locator("form[enctype] .btn.primary").click()
        expect(page.get_by_text("Anotado, y se avisó a la persona.")).to_be_visible()

        letter = server.wait_for_outgoing(lambda mail: ANA in mail.recipients, timeout=30)
        body = message_from_bytes(letter.raw, policy=policy.default).get_body(("plain",))
        assert body is not None
        assert "Novedades" in body.get_content()
        with account_scope(account):
            event = ConsentEvent.objects.get(action="grant")
            assert (event.source, event.membership_id, event.purpose) == ("agent", agent.pk, "news")
            assert event.evidence is not None
            proof = read_evidence(event.evidence) or {}
            assert (proof["way"], proof["note"], proof["file"]["name"]) == ("call", "Llamó por su pedido 1234.", "llamada.mp3")
        said = page.locator("section[aria-labelledby=said-title] li")
        expect(said).to_have_count(1)
        expect(said.first).to_contain_text("Novedades")

        page.get_by_role("button", name="No quiere más promociones").click()
        expect(said).to_have_count(2)
        undo = page.locator("form[action$='opt-out/undo/'] button")
        expect(undo).to_be_visible()
        assert_accessible(page)
        picture(page, "contact-consent-slip")
        undo.click()
        expect(page.locator("[data-retraction]")).to_have_count(1)
        expect(undo).to_have_count(0)
        with account_scope(account):
            assert list(ConsentEvent.objects.order_by("pk").values_list("action", flat=True)) == ["grant", "withdraw", "retract"]

    User.objects.filter(pk=agent.user_id).update(theme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(url)
    assert_accessible(page)
    picture(page, "contact-consent-dark-phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
