"""The widget on a bad line: nothing is lost and nothing comes twice, in either direction."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from accounts.models import Channel, Membership
from accounts.scope import account_scope
from inbox.models import Message
from tests.browser.conftest import LiveServer, wait_until
from tests.browser.cutting_proxy import CuttingProxy, cuttable
from tests.browser.host_page import HostPage
from tests.browser.widget import answer, open_chat, received, write

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def line(live_server_asgi: LiveServer, host_page: HostPage, chat: Channel) -> Iterator[CuttingProxy]:
    """The page reaches the product through a line that the test can cut."""
    with cuttable(live_server_asgi.port) as proxy:
        host_page.embed(proxy.url, chat.key)
        yield proxy


def test_what_is_written_without_a_line_is_kept_even_over_a_reload(
    page: Page, host_page: HostPage, chat: Channel, line: CuttingProxy
) -> None:
    open_chat(page, host_page)
    write(page, "uno")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    line.cut()
    expect(page.get_by_role("status")).to_contain_text("No hay conexión")

    write(page, "dos")
    write(page, "tres")
    expect(page.locator(".meta").last).to_have_text("En espera de envío")
    assert received(chat) == ["uno"]
    line.mend()

    wait_until(lambda: received(chat) == ["uno", "dos", "tres"], seconds=40)
    expect(page.locator(".meta").last).to_contain_text("Enviado")
    expect(page.get_by_role("status")).to_be_hidden()
    expect(page.locator(".bubble")).to_have_text(["uno", "dos", "tres"])


def test_a_lost_acknowledgement_makes_no_second_message(page: Page, host_page: HostPage, chat: Channel, line: CuttingProxy) -> None:
    open_chat(page, host_page)
    write(page, "uno")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    line.swallow_answers = True
    write(page, "dos")
    wait_until(lambda: received(chat) == ["uno", "dos"])
    expect(page.locator(".meta").last).to_have_text("En espera de envío")
    line.cut()
    line.mend()

    expect(page.locator(".meta").last).to_contain_text("Enviado", timeout=40_000)
    expect(page.locator(".bubble")).to_have_text(["uno", "dos"])
    assert received(chat) == ["uno", "dos"]


def test_a_page_that_was_left_sends_what_waited_when_it_is_opened_again(
    page: Page, host_page: HostPage, chat: Channel, line: CuttingProxy
) -> None:
    open_chat(page, host_page)
    write(page, "uno")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    line.swallow_answers = True
    write(page, "dos")
    line.cut()
    write(page, "tres")
    page.goto("about:blank")
    line.mend()

    page.goto(host_page.url)

    expect(page.locator(".bubble")).to_have_text(["uno", "dos", "tres"])
    wait_until(lambda: received(chat) == ["uno", "dos", "tres"])
    expect(page.locator(".meta").last).to_contain_text("Enviado")


def test_answers_that_were_missed_come_once_and_in_order(
    page: Page, host_page: HostPage, chat: Channel, agent: Membership, line: CuttingProxy
) -> None:
    open_chat(page, host_page)
    write(page, "hola")
    expect(page.locator(".meta")).to_contain_text("Enviado")
    first = answer(chat, agent, "a")
    expect(page.locator(".bubble")).to_have_text(["hola", "a"])
    line.swallow_answers = True
    sent = [answer(chat, agent, text) for text in ("b", "c")]

    def handed_over() -> bool:
        with account_scope(chat.account_id):
            return Message.scoped().filter(pk__in=[message.pk for message in sent], status="sent").count() == 2

    wait_until(handed_over)
    line.cut()
    sent.append(answer(chat, agent, "d"))
    line.mend()

    expect(page.locator(".bubble")).to_have_text(["hola", "a", "b", "c", "d"], timeout=40_000)

    def read() -> bool:
        with account_scope(chat.account_id):
            return Message.scoped().filter(pk__in=[first.pk, *(message.pk for message in sent)], status="read").count() == 4

    wait_until(read)
