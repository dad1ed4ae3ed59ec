"""Driving the widget: the visitor's hands, the team's answers."""

from playwright.sync_api import Page

from accounts.actors import Actor
from accounts.models import Channel, Membership
from accounts.scope import account_scope
from inbox.models import Conversation, Direction, Message
from inbox.sending import addresses_for, send_message
from tests.browser.host_page import HostPage


def open_chat(page: Page, host_page: HostPage) -> None:
    page.goto(host_page.url)
    page.get_by_role("button", name="Abrir el chat").click()


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Escribir un mensaje").fill(text)
    page.keyboard.press("Enter")


def received(chat: Channel) -> list[str]:
    with account_scope(chat.account_id):
        return list(Message.scoped().filter(channel=chat, direction=Direction.IN).order_by("id").values_list("body", flat=True))


def bubbles(page: Page) -> list[str]:
    """What the thread shows, top to bottom."""
    return page.locator(".bubble").all_inner_texts()


def answer(chat: Channel, agent: Membership, text: str) -> Message:
    with account_scope(chat.account_id):
        conversation = Conversation.scoped().get(channel=chat)
        option = addresses_for(conversation)[0]
        return send_message(conversation=conversation, channel=chat, identifier=option.identifier, body=text, by=Actor.person(agent))
