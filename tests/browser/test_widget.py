"""The widget on somebody else's strict page, in a real browser, against the running product."""

import re
import struct
import zlib
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.models import Contact
from inbox.models import Attachment
from tests.browser.conftest import assert_accessible, wait_until
from tests.browser.host_page import HostPage
from tests.browser.widget import answer, bubbles, open_chat, received, write

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def test_a_message_there_and_an_answer_back_on_a_strict_page(
    page: Page, host_page: HostPage, chat: Channel, agent: Membership, complaints: list[str]
) -> None:
    open_chat(page, host_page)
    write(page, "Hola, ¿tienen departamentos en Ñuñoa? https://ejemplo.cl/aviso.")
    expect(page.get_by_text("Enviado")).to_be_visible()
    assert received(chat) == ["Hola, ¿tienen departamentos en Ñuñoa? https://ejemplo.cl/aviso."]

    sent = answer(chat, agent, "Sí, te mando dos opciones.")

    expect(page.locator(".bubble").last).to_have_text("Sí, te mando dos opciones.")
    expect(page.locator(".line .who")).to_have_text("Laura")

    def status() -> bool:
        with account_scope(chat.account_id):
            sent.refresh_from_db()
        return sent.status == "read"

    wait_until(status)
    assert_accessible(page)
    assert complaints == []
    assert page.context.cookies() == []


def set_up(chat: Channel, **settings: object) -> None:
    with account_scope(chat.account_id):
        chat.settings = {**chat.settings, **settings}
        chat.save()


def test_by_keyboard_alone(page: Page, host_page: HostPage, chat: Channel) -> None:
    page.goto(host_page.url)
    launcher = page.get_by_role("button", name="Abrir el chat")
    expect(launcher).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(launcher).to_be_focused()

    page.keyboard.press("Enter")
    area = page.get_by_role("textbox", name="Escribir un mensaje")
    expect(area).to_be_focused()
    page.keyboard.type("Primera línea")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("y segunda")
    page.keyboard.press("Enter")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    expect(area).to_be_focused()
    assert received(chat) == ["Primera línea\ny segunda"]

    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(launcher).to_be_focused()
    expect(launcher).to_have_attribute("aria-expanded", "false")


def test_history_stays_across_page_loads_and_news_are_counted(page: Page, host_page: HostPage, chat: Channel, agent: Membership) -> None:
    open_chat(page, host_page)
    write(page, "Hola")
    expect(page.locator(".meta")).to_contain_text("Enviado")

    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator(".bubble")).to_have_text(["Hola"])

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cerrar el chat").first.click()
    answer(chat, agent, "¿Sigues ahí?")
    badge = page.get_by_role("button", name="Abrir el chat, mensajes nuevos: 1")
    expect(badge).to_be_visible()
    page.reload()
    expect(badge).to_be_visible()
    badge.click()
    expect(page.locator(".bubble")).to_have_text(["Hola", "¿Sigues ahí?"])
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("button", name="Abrir el chat", exact=True)).to_be_visible()


def test_two_tabs_are_one_visitor(page: Page, host_page: HostPage, chat: Channel, agent: Membership) -> None:
    other = page.context.new_page()
    open_chat(page, host_page)
    open_chat(other, host_page)

    write(page, "Desde la primera")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    write(other, "Desde la segunda")
    for tab in (page, other):
        expect(tab.locator(".bubble")).to_have_text(["Desde la primera", "Desde la segunda"])
    answer(chat, agent, "Para ambas")
    for tab in (page, other):
        expect(tab.locator(".bubble").last).to_have_text("Para ambas")
    assert received(chat) == ["Desde la primera", "Desde la segunda"]


def test_the_form_says_what_is_wrong_and_makes_the_contact(page: Page, host_page: HostPage, chat: Channel) -> None:
    set_up(chat, form="required", privacy_url="https://andes.example/privacidad")
    open_chat(page, host_page)
    expect(page.get_by_role("textbox", name="Escribir un mensaje")).to_be_disabled()
    page.get_by_role("textbox", name="Nombre").fill("Ana Pérez")
    page.get_by_role("textbox", name="Correo").fill("ana@")
    page.keyboard.press("Enter")

    wrong = page.get_by_role("textbox", name=re.compile("Correo"))
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description(re.compile("No es un correo"))
    assert_accessible(page)
    wrong.fill("ana@ejemplo.cl")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Escribir un mensaje")).to_be_focused()
    write(page, "Hola")
    expect(page.locator(".meta")).to_contain_text("Enviado")

    with account_scope(chat.account_id):
        assert list(Contact.scoped().values_list("name", "is_anonymous")) == [("Ana Pérez", False)]
    page.reload()
    expect(page.locator(".bubble")).to_have_text(["Hola"])
    expect(page.get_by_role("textbox", name="Nombre")).to_be_hidden()


def test_the_form_is_offered_folded_and_can_be_left(page: Page, host_page: HostPage, chat: Channel) -> None:
    set_up(chat, form="offer")
    open_chat(page, host_page)
    offer = page.get_by_role("button", name="¿Cómo podemos responderte?")
    expect(offer).to_be_hidden()
    write(page, "Hola")
    expect(offer).to_have_attribute("aria-expanded", "false")

    offer.click()
    page.get_by_role("textbox", name="Nombre").fill("Ana")
    page.get_by_role("button", name="Ahora no").click()
    expect(offer).to_be_hidden()

    page.get_by_role("button", name="Tus datos").click()
    expect(page.get_by_role("textbox", name="Nombre")).to_be_focused()
    page.get_by_role("textbox", name="Teléfono").fill("9 8765 4321")
    page.get_by_role("button", name="Guardar").click()
    expect(offer).to_be_hidden()
    with account_scope(chat.account_id):
        assert list(Contact.scoped().values_list("name", flat=True)) == ["Ana"]


def test_in_the_dark_on_a_phone_it_fills_the_screen_and_keeps_the_focus(browser: Browser, host_page: HostPage, chat: Channel) -> None:
    phone = browser.new_context(locale="es-CL", viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    page = phone.new_page()
    open_chat(page, host_page)
    write(page, "Hola")
    expect(page.locator(".meta")).to_contain_text("Enviado")

    panel = page.get_by_role("dialog")
    expect(panel).to_have_attribute("aria-modal", "true")
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert_accessible(page)
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "HILO-CHAT"
    phone.close()


def test_the_languages_follow_the_page(page: Page, host_page: HostPage) -> None:
    host_page.lang = "en-GB"
    page.goto(host_page.url)
    page.get_by_role("button", name="Open the chat").click()

    expect(page.get_by_role("heading", name="Andes Propiedades")).to_be_visible()
    expect(page.get_by_role("textbox", name="Write a message")).to_be_visible()


def png(path: Path) -> Path:
    """A picture of 40 × 20 red dots."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 40 for _ in range(20))
    header = struct.pack(">IIBBBBB", 40, 20, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def test_a_picture_is_sent_and_shown_without_any_img_src(
    page: Page, host_page: HostPage, chat: Channel, tmp_path: Path, complaints: list[str]
) -> None:
    open_chat(page, host_page)
    write(page, "Mira")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Adjuntar una imagen").click()
    chooser.value.set_files(png(tmp_path / "roja.png"))

    canvas = page.get_by_role("img", name="roja.png")
    expect(canvas).to_be_visible()
    wait_until(lambda: canvas.evaluate("c => c.width") == 40)
    assert canvas.evaluate("c => [...c.getContext('2d').getImageData(5, 5, 1, 1).data]") == [255, 0, 0, 255]
    with account_scope(chat.account_id):
        assert list(Attachment.scoped().values_list("name", "content_type", "state")) == [("roja.png", "image/png", "stored")]
    not_a_picture = tmp_path / "roja.jpg"
    not_a_picture.write_text("<script>alert(1)</script>")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Adjuntar una imagen").click()
    chooser.value.set_files(not_a_picture)
    expect(page.locator(".line.failed .meta")).to_have_text("Solo se pueden enviar imágenes.")
    with account_scope(chat.account_id):
        assert Attachment.scoped().count() == 1


def test_the_bot_asks_and_hands_over(page: Page, host_page: HostPage, chat: Channel, account: Account) -> None:
    with account_scope(account):
        Channel.scoped().filter(pk=chat.pk).update(greeting_bot={"enabled": True, "ask": ["name", "contact"]})
    open_chat(page, host_page)
    write(page, "Hola")
    expect(page.locator(".bubble").last).to_have_text("¡Hola! Soy el asistente automático de Andes. ¿Cuál es tu nombre?")
    expect(page.locator(".who").last).to_have_text("Asistente automático")
    write(page, "soy Ana, ana@ejemplo.cl")
    expect(page.locator(".bubble").last).to_have_text("Gracias, Ana. Una persona del equipo te responderá por aquí.")

    assert len(bubbles(page)) == 4
    with account_scope(account):
        assert list(Contact.scoped().values_list("name", "is_anonymous")) == [("Ana", False)]
