"""What happens while an answer is still on its way: nothing is lost, nothing lands in the wrong place, nothing is folded up again."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from tests.browser.conftest import LiveServer, listen_for_complaints
from tests.browser.workspace import OTHER, VISITOR, hear, open_inbox, sent
from tests.conftest import PASSWORD, make_channel

pytestmark = pytest.mark.browser


@pytest.fixture
def chat(account: Account) -> Channel:
    return make_channel(account, "webchat", "Sitio")


@pytest.fixture
def mail(account: Account) -> Channel:
    return make_channel(account, "email", "Correo", settings={"address": "hola@andes.ejemplo"})


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains about. None may be left."""
    found = listen_for_complaints(page)
    yield found
    assert [text for text in found if "WebSocket" not in text] == []


@pytest.fixture
def held(page: Page) -> list[Route]:
    """Requests that were held back, once their address was given to ``hold``."""
    return []


def hold(page: Page, address: str, held: list[Route]) -> None:
    """The first request to ``address`` waits in ``held``; later ones go through."""
    page.route(address, lambda route: route.continue_() if held else held.append(route))


def first_of(page: Page, held: list[Route]) -> Route:
    """The request that waits, as soon as it does; Playwright hands it over while it is waited for."""
    while not held:
        page.wait_for_timeout(20)
    return held[0]


def test_a_row_that_changes_while_its_conversation_opens(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, held: list[Route]
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account)
    hold(page, f"**/inbox/{conversation.pk}/?*", held)

    with page.expect_request(f"**/inbox/{conversation.pk}/?*"):
        page.locator(".item").click()
    hear(chat, VISITOR, "¿Hay alguien?", name="María Pérez")
    expect(page.locator(".item .last")).to_contain_text("¿Hay alguien?")
    first_of(page, held).continue_()

    expect(page.locator("#thread-head h2")).to_have_text("María Pérez")
    expect(page.locator("#person-pane h2")).to_have_text("María Pérez")
    expect(page.locator(".msg.in")).to_have_count(2)


def test_a_wish_for_the_new_order_while_a_row_changes(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, held: list[Route]
) -> None:
    last = hear(chat, VISITOR, "Primera", name="María Pérez", minutes=9)
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    open_inbox(page, live_server_asgi, agent, account)
    page.locator(".item").nth(1).hover()
    hear(chat, VISITOR, "Otra vez", name="María Pérez")
    wish = page.get_by_role("button", name="Conversaciones nuevas")
    expect(wish).to_be_visible()
    hold(page, f"**/rows/{last.pk}/*", held)

    hear(chat, VISITOR, "¿Hay alguien?", name="María Pérez")
    waiting = first_of(page, held)
    wish.click()
    page.evaluate("() => { window.asked = new Promise((done) => document.addEventListener('hilo:live', () => setTimeout(done, 300))); }")
    hear(chat, VISITOR, "¿Hola?", name="María Pérez")
    page.evaluate("() => window.asked")
    waiting.continue_()

    expect(page.locator(".item .last").first).to_contain_text("¿Hola?")
    expect(page.locator(".item .who")).to_have_text(["María Pérez", "Juan Soto"])


def test_a_message_refused_after_one_went_on_waits_as_a_draft(
    page: Page,
    live_server_asgi: LiveServer,
    account: Account,
    agent: Membership,
    chat: Channel,
    held: list[Route],
    complaints: list[str],
) -> None:
    first = hear(chat, VISITOR, "Hola", name="María Pérez")
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    open_inbox(page, live_server_asgi, agent, account, f"{first.pk}/?view=all")
    hold(page, "**/write/", held)

    page.locator("#composer-body").fill("Primera")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#composer-body")).to_have_value("")
    page.locator(".item", has_text="Juan Soto").click()
    expect(page.locator("#thread-head h2")).to_have_text("Juan Soto")
    first_of(page, held).abort()

    expect(page.locator(".toast", has_text="María Pérez")).to_contain_text("borrador")
    expect(page.locator("#composer-body")).to_have_value("")
    page.locator(".item", has_text="María Pérez").click()
    expect(page.locator("#composer-body")).to_have_value("Primera")
    assert sent(account) == []
    complaints.clear()


def test_a_message_that_left_after_one_went_on_is_no_draft(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, held: list[Route]
) -> None:
    first = hear(chat, VISITOR, "Hola", name="María Pérez")
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    open_inbox(page, live_server_asgi, agent, account, f"{first.pk}/?view=all")
    hold(page, "**/write/", held)

    page.locator("#composer-body").fill("Primera")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#composer-body")).to_have_value("")
    page.locator(".item", has_text="Juan Soto").click()
    expect(page.locator("#thread-head h2")).to_have_text("Juan Soto")
    with page.expect_response("**/write/"):
        first_of(page, held).continue_()
    page.locator(".item", has_text="María Pérez").click()

    expect(page.locator(".msg.out", has_text="Primera")).to_be_visible()
    expect(page.locator("#composer-body")).to_have_value("")
    assert sent(account) == ["Primera"]


def test_a_page_left_while_a_message_leaves_offers_it_again_as_the_same(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    unanswered: list[Route] = []

    def lose_the_first_answer(route: Route) -> None:
        if unanswered:
            route.continue_()
        else:
            unanswered.append(route)
            route.fetch()

    page.route("**/write/", lose_the_first_answer)
    page.locator("#composer-body").fill("Primera")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".msg.out", has_text="Primera")).to_be_visible()
    page.reload()

    expect(page.locator("#composer-body")).to_have_value("Primera")
    page.locator("#composer-body").focus()
    with page.expect_response("**/write/"):
        page.keyboard.press("Control+Enter")
    expect(page.locator("#composer-body")).to_have_value("")
    assert sent(account) == ["Primera"]


def test_what_was_written_outlives_the_session(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    page.context.clear_cookies(name="sessionid")

    page.locator("#composer-body").fill("Primera")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()
    page.get_by_label("Correo").fill(agent.user.email)
    page.get_by_label("Contraseña", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.locator("#composer-body")).to_have_value("Primera")
    assert sent(account) == []


def test_an_answer_that_comes_late_keeps_its_way_back_and_leaves_the_open_conversation_alone(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, held: list[Route]
) -> None:
    first = hear(chat, VISITOR, "Hola", name="María Pérez")
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    hear(chat, f"{OTHER}-3", "Tercera", name="Rosa Vega", minutes=9)
    open_inbox(page, live_server_asgi, agent, account, f"{first.pk}/?view=all")
    hold(page, "**/resolve/", held)

    page.locator("[data-flow]").focus()
    with page.expect_request("**/resolve/"):
        page.keyboard.press("e")
    page.locator(".item", has_text="Rosa Vega").click()
    expect(page.locator("#thread-head h2")).to_have_text("Rosa Vega")
    first_of(page, held).continue_()

    expect(page.locator(".toast", has_text="María Pérez: resuelta").get_by_role("button", name="Deshacer")).to_be_visible()
    expect(page.locator("#thread-head h2")).to_have_text("Rosa Vega")
    expect(page.locator("#person-pane h2")).to_have_text("Rosa Vega")


def test_enter_in_the_box_that_finds_waits_for_what_was_typed(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, held: list[Route]
) -> None:
    hear(chat, VISITOR, "Busco la factura 991", name="Juan Cárdenas", minutes=5)
    hear(chat, OTHER, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account)
    page.keyboard.press("Control+k")
    expect(page.locator("[role=option][aria-selected=true]")).to_contain_text("María Pérez")
    hold(page, "**/find/?q=factura", held)

    with page.expect_request("**/find/?q=factura"):
        page.keyboard.type("factura")
        page.keyboard.press("Enter")
    first_of(page, held).continue_()

    expect(page.locator("#thread-head h2")).to_have_text("Juan Cárdenas")
    expect(page.locator("#composer-body")).to_be_focused()


def test_catching_up_folds_nothing_that_the_reader_unfolded(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, mail: Channel
) -> None:
    conversation = hear(mail, "maria@ejemplo.cl", "Hola equipo", name="María Pérez", html="<p>Hola <b>equipo</b></p>")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    page.get_by_role("button", name="Tal como se envió").click()
    expect(page.frame_locator("iframe.mail-frame").get_by_text("equipo")).to_be_visible()
    page.locator("[data-flow]").focus()

    with page.expect_response("**/latest/"):
        page.evaluate("document.dispatchEvent(new CustomEvent('hilo:catch-up'))")
    hear(mail, "maria@ejemplo.cl", "Otra cosa", name="María Pérez")

    expect(page.locator(".msg.in")).to_have_count(2)
    expect(page.locator("iframe.mail-frame").first).to_be_visible()
    expect(page.locator("[data-flow]")).to_be_focused()


def test_an_answer_that_failed_takes_nothing_away_and_is_asked_again(
    page: Page,
    live_server_asgi: LiveServer,
    account: Account,
    agent: Membership,
    chat: Channel,
    complaints: list[str],
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    expect(page.locator("[data-live=on]")).to_be_attached()
    for address in ("**/entries/**", "**/rows/**"):
        page.route(address, lambda route: route.fulfill(status=503), times=1)

    with account_scope(account):
        hear(chat, VISITOR, "¿Hay alguien?", name="María Pérez")

    expect(page.locator(".msg.in", has_text="¿Hay alguien?")).to_be_visible()
    expect(page.locator(".item .last")).to_contain_text("¿Hay alguien?")
    complaints.clear()
