"""The widget on somebody else's strict page, in a real browser, against the running product."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from inbox.models import Conversation, Direction, Message
from inbox.sending import addresses_for, send_message
from tests.browser.conftest import LiveServer, assert_accessible, wait_until
from tests.browser.host_page import HostPage, serve_host_page
from tests.conftest import make_channel

pytestmark = pytest.mark.browser


@pytest.fixture
def chat(account: Account) -> Channel:
    return make_channel(account, "webchat", "Sitio", settings={"title": "Andes Propiedades", "form": "off"})


@pytest.fixture
def host_page(chat: Channel, live_server_asgi: LiveServer) -> Iterator[HostPage]:
    with serve_host_page() as page:
        yield page.embed(live_server_asgi.url, chat.key)


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Everything the browser complains about: a policy that was broken, an error nobody caught."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def open_chat(page: Page, host_page: HostPage) -> None:
    page.goto(host_page.url)
    page.get_by_role("button", name="Abrir el chat").click()


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Escribir un mensaje").fill(text)
    page.keyboard.press("Enter")


def received(chat: Channel) -> list[str]:
    with account_scope(chat.account_id):
        return list(Message.scoped().filter(channel=chat, direction=Direction.IN).order_by("id").values_list("body", flat=True))


def answer(chat: Channel, agent: Membership, text: str) -> Message:
    with account_scope(chat.account_id):
        conversation = Conversation.scoped().get(channel=chat)
        option = addresses_for(conversation)[0]
        return send_message(conversation=conversation, channel=chat, identifier=option.identifier, body=text, by=Actor.person(agent))


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
    page.screenshot(path="/tmp/webchat/es.png")
    assert_accessible(page)
    assert complaints == []
    assert page.context.cookies() == []
