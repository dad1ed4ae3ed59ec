"""The workspace in a real browser, against the running product: by keyboard, live, and accessible."""

import re
from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from inbox.adapters import InboundMessage
from inbox.conversations import add_note, assign, resolve
from inbox.models import Conversation, Direction, Message
from inbox.receiving import receive
from tests.browser.conftest import LiveServer, assert_accessible, listen_for_complaints, sign_in, wait_until
from tests.browser.workspace import OTHER, VISITOR, hear, open_inbox, sent
from tests.conftest import PASSWORD, make_channel
from tests.inbox.story import TEMPLATES

pytestmark = pytest.mark.browser


@pytest.fixture
def chat(account: Account) -> Channel:
    return make_channel(account, "webchat", "Sitio")


@pytest.fixture
def whatsapp(account: Account) -> Channel:
    return make_channel(account, "whatsapp", "Ventas", settings={"phone_number_id": "1", "templates": TEMPLATES})


@pytest.fixture
def mail(account: Account) -> Channel:
    return make_channel(account, "email", "Correo", settings={"address": "hola@andes.ejemplo"})


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains about. None may be left."""
    found = listen_for_complaints(page)
    yield found
    assert [text for text in found if "WebSocket" not in text] == []


def test_from_login_to_the_first_answer_by_keyboard_alone(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "¿Tienen el modelo Andes en 38?", name="María Pérez")
    with account_scope(account):
        assign(conversation=conversation, to=agent, by=Actor.person(agent))

    page.goto(live_server_asgi.url)
    page.keyboard.type(agent.user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("[data-live=on]")).to_be_attached()

    page.keyboard.press("j")
    expect(page.locator(".item", has_text="María Pérez")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#composer-body")).to_be_focused()
    page.keyboard.type("Sí, queda uno.")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".msg.out", has_text="Sí, queda uno.")).to_be_visible()
    expect(page.locator("#composer-body")).to_be_focused()
    expect(page.locator("#composer-body")).to_have_value("")
    assert sent(account) == ["Sí, queda uno."]
    wait_until(lambda: page.locator(".msg.out .tick.queued").count() == 0)


def test_a_new_conversation_and_a_new_message_come_in_live(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    open_inbox(page, live_server_asgi, agent, account)
    expect(page.get_by_text("Aún no hay conversaciones")).to_be_visible()

    hear(chat, VISITOR, "Hola", name="María Pérez")
    expect(page.locator(".item.unread", has_text="María Pérez")).to_be_visible()
    expect(page.locator("#tabs [aria-current] .num")).to_have_text("1")
    page.locator(".item").click()
    expect(page.locator(".item.unread")).to_have_count(0)

    hear(chat, VISITOR, "¿Hay alguien?", name="María Pérez")
    expect(page.locator(".msg.in", has_text="¿Hay alguien?")).to_be_visible()
    expect(page.locator("[data-announcer]")).to_contain_text("María Pérez: ¿Hay alguien?")
    expect(page.locator(".item .last")).to_contain_text("¿Hay alguien?")
    assert page.locator(".msg.in").count() == 2
    assert page.locator(".turn").count() == 1


def test_nothing_moves_under_the_pointer(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    hear(chat, VISITOR, "Primera", name="María Pérez", minutes=9)
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    open_inbox(page, live_server_asgi, agent, account)
    names = page.locator(".item .who")
    expect(names).to_have_text(["Juan Soto", "María Pérez"])
    page.locator(".item").nth(1).hover()

    hear(chat, VISITOR, "Otra vez", name="María Pérez")
    expect(page.locator(".item .last").nth(1)).to_contain_text("Otra vez")
    expect(names).to_have_text(["Juan Soto", "María Pérez"])
    page.get_by_role("button", name="Conversaciones nuevas").click()

    expect(names).to_have_text(["María Pérez", "Juan Soto"])


def test_what_was_missed_while_offline_is_caught_up(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, complaints: list[str]
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez", minutes=5)
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    expect(page.locator(".msg.in")).to_have_count(1)

    live_server_asgi.stop("web")
    expect(page.get_by_text("Reconectando…")).to_be_visible(timeout=20_000)
    hear(chat, VISITOR, "Sigo aquí", name="María Pérez", minutes=1)
    live_server_asgi.start_web()

    expect(page.locator(".msg.in", has_text="Sigo aquí")).to_be_visible(timeout=40_000)
    expect(page.get_by_text("Reconectando…")).to_be_hidden()
    expect(page.locator(".item .last")).to_contain_text("Sigo aquí")
    assert page.locator(".msg.in").count() == 2
    # What was asked while nobody answered; but no error that nobody caught.
    assert [text for text in complaints if not text.startswith(("Failed to load resource", "WebSocket", "htmx:"))] == []
    complaints.clear()


def test_resolve_opens_the_next_one_and_undo_brings_it_back(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    first = hear(chat, VISITOR, "Primera", name="María Pérez")
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    open_inbox(page, live_server_asgi, agent, account, f"{first.pk}/?view=all")

    page.locator("[data-flow]").focus()
    page.keyboard.press("a")
    expect(page.locator(".toast", has_text="queda a cargo de Laura")).to_be_visible()
    expect(page.locator("#thread-head[data-mine=true]")).to_be_visible()
    page.keyboard.press("e")

    expect(page.locator("#thread-head h2")).to_have_text("Juan Soto")
    expect(page.locator("[data-flow]")).to_be_focused()
    expect(page.locator(".item", has_text="María Pérez")).to_have_count(0)
    page.locator(".toast", has_text="María Pérez: resuelta").get_by_role("button", name="Deshacer").click()

    expect(page.locator(".toast", has_text="abierta de nuevo")).to_be_visible()
    expect(page.locator(".item .who")).to_have_text(["María Pérez", "Juan Soto"])
    # What is open stays open.
    expect(page.locator("#thread-head h2")).to_have_text("Juan Soto")
    expect(page.locator("#person-pane h2")).to_have_text("Juan Soto")
    with account_scope(account):
        first.refresh_from_db()
    assert (first.status, first.assignee_id) == ("open", agent.pk)


def test_a_note_by_key_and_a_draft_that_survives_a_reload(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    page.locator("#composer-body").fill("Respuesta a medias")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("Llamar a bodega")
    page.reload()

    expect(page.locator("#composer-body")).to_have_value("Respuesta a medias")
    page.locator("[data-flow]").focus()
    page.keyboard.press("n")
    expect(page.locator("#composer-body")).to_have_value("Llamar a bodega")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".msg.note", has_text="Llamar a bodega")).to_be_visible()
    expect(page.locator("#composer-body")).to_have_value("Respuesta a medias")
    assert sent(account) == []


def test_what_is_written_while_a_message_leaves_is_not_lost(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    slow: list[Route] = []
    page.route("**/write/", lambda route: route.continue_() if slow else slow.append(route))
    box = page.locator("#composer-body")

    box.fill("Primera")
    page.keyboard.press("Control+Enter")
    expect(box).to_have_value("")
    page.keyboard.type("Segunda")
    page.keyboard.press("Control+Enter")
    slow[0].continue_()

    expect(page.locator(".msg.out .bubble")).to_contain_text(["Primera", "Segunda"])
    expect(box).to_have_value("")
    assert sent(account) == ["Primera", "Segunda"]


def test_a_message_that_did_not_leave_is_back_in_the_box(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, complaints: list[str]
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    page.route("**/write/", lambda route: route.abort())
    box = page.locator("#composer-body")

    box.fill("Primera")
    page.keyboard.press("Control+Enter")

    expect(box).to_have_value("Primera")
    assert sent(account) == []
    page.unroute("**/write/")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".msg.out .bubble")).to_contain_text(["Primera"])
    complaints.clear()


def test_a_closed_window_offers_the_template(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, whatsapp: Channel
) -> None:
    conversation = hear(whatsapp, "56981234567", "Hola", name="María Pérez", minutes=60 * 25)
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")

    expect(page.locator(".window .chip.warn")).to_be_visible()
    expect(page.locator("#composer-body")).to_be_hidden()
    page.get_by_role("textbox", name="Dato 1").fill("María")
    page.get_by_role("textbox", name="Dato 2").fill("48211")
    expect(page.locator("[data-template-preview]")).to_have_text("Hola María, el pedido 48211 va en camino.")
    page.get_by_role("button", name=re.compile("^Enviar( Ctrl|$)")).click()

    expect(page.locator(".msg.out", has_text="Hola María, el pedido 48211 va en camino.")).to_be_visible()
    with account_scope(account):
        message = Message.scoped().get(direction=Direction.OUT)
    assert message.payload["template"] == {"name": "pedido_en_camino", "language": "es", "parameters": ["María", "48211"]}


def test_the_picker_lists_what_is_not_allowed_with_the_reason(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, whatsapp: Channel, mail: Channel
) -> None:
    with account_scope(account):
        whatsapp.settings = {"phone_number_id": "1"}
        whatsapp.save()
    conversation = hear(whatsapp, "56981234567", "Hola", name="María Pérez", minutes=60 * 25)
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")

    page.locator("[data-picker] summary").click()

    expect(page.locator(".choice.convert input")).to_be_disabled()
    expect(page.locator(".choice.convert .why")).to_contain_text("no tiene plantillas")
    assert_accessible(page)


def test_two_people_on_one_number_are_separated_with_one_key(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, whatsapp: Channel, mail: Channel
) -> None:
    hear(whatsapp, "56981234567", "Hola, soy Carmen", name="Carmen Soto", minutes=30)
    phone = (ClaimedIdentifier("phone", "+56981234567"),)
    with account_scope(account):
        message = receive(
            channel=mail,
            inbound=InboundMessage(
                provider_id="<b@ejemplo.cl>",
                sender=Address("email", "pedro@ejemplo.cl"),
                occurred_at=timezone.now(),
                claim=Claim(phone, {"name": "Pedro Rivas"}),
                body="Soy Pedro",
            ),
        )
        assert message is not None
        conversation = Conversation.scoped().get(strands=message.strand_id)
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    expect(page.locator(".notices")).to_contain_text("Pedro Rivas")
    expect(page.locator(".item")).to_have_count(1)

    page.locator("[data-flow]").focus()
    page.keyboard.press("s")

    expect(page.locator(".toast", has_text="Separado")).to_be_visible()
    expect(page.locator(".notices .banner")).to_have_count(0)
    expect(page.locator(".item .who")).to_have_count(2)
    expect(page.locator(".item .who", has_text="Pedro Rivas")).to_be_visible()
    expect(page.locator(".item .who", has_text="Carmen Soto")).to_be_visible()


def test_mail_in_html_stays_in_its_frame_and_remote_pictures_wait(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, mail: Channel, complaints: list[str]
) -> None:
    html = (
        "<p>Hola <b>equipo</b></p><table><tr><td>Total</td><td>12.990</td></tr></table>"
        f'<img alt="logo" data-src="{live_server_asgi.url}/static/mark.svg?rastro">'
        "<script>parent.document.title = 'robado'</script><form action='/logout/'><button>Salir</button></form>"
    )
    conversation = hear(mail, "maria@ejemplo.cl", "Hola equipo", name="María Pérez", html=html)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("12.990")).to_be_visible()
    assert not any("rastro" in url for url in asked)

    with page.expect_request(lambda request: "rastro" in request.url):
        page.get_by_role("button", name="Cargar imágenes remotas").click()

    assert "robado" not in page.title()
    assert page.locator("iframe.mail-frame").evaluate("frame => frame.getBoundingClientRect().height") > 60
    # The frame's policy stopped the script: the browser says so, and that is as it should be.
    assert all("sandbox" in text or "Content Security Policy" in text for text in complaints)
    complaints.clear()


def test_what_people_write_is_text(page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel) -> None:
    evil = "<img src=x onerror=\"document.title='robado'\"> </textarea><script>document.title='robado'</script>"
    conversation = hear(chat, VISITOR, evil, name="<b>Eva</b> \"'>")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    hear(chat, VISITOR, f"{evil} 2", name="<b>Eva</b> \"'>")

    expect(page.locator(".msg.in").nth(1)).to_contain_text("onerror")
    expect(page.locator(".item .who")).to_have_text("<b>Eva</b> \"'>")
    assert "robado" not in page.title()


def test_one_sees_who_else_looks_and_writes(
    page: Page, browser: Browser, live_server_asgi: LiveServer, account: Account, agent: Membership, teammate: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    other = browser.new_context(locale="es-CL", viewport={"width": 1280, "height": 800})
    colleague = other.new_page()
    open_inbox(colleague, live_server_asgi, teammate, account, f"{conversation.pk}/")

    expect(page.locator("[data-viewers]")).to_have_text("también mira Diego")
    expect(colleague.locator("[data-viewers]")).to_have_text("también mira Laura")
    colleague.locator("#composer-body").press_sequentially("Ya respon")
    expect(page.locator("[data-typing]")).to_have_text("Diego está escribiendo")
    other.close()
    expect(page.locator("[data-viewers]")).to_be_hidden()


def test_the_box_that_finds_everything(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel, whatsapp: Channel
) -> None:
    hear(chat, VISITOR, "Busco la factura 991", name="Juan Cárdenas", minutes=5)
    hear(whatsapp, "56981234567", "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account)

    page.keyboard.press("Control+k")
    page.keyboard.type("factura")
    expect(page.locator("[role=option]")).to_have_count(1)
    expect(page.locator("[role=option][aria-selected=true]")).to_contain_text("Juan Cárdenas")
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(page.locator("#thread-head h2")).to_have_text("Juan Cárdenas")

    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("maria")
    expect(page.locator("[role=option][href*='/contacts/']")).to_contain_text("María Pérez")


def test_the_search_of_the_list_and_its_way_back(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    hear(chat, VISITOR, "Busco la factura 991", name="Juan Cárdenas", minutes=5)
    hear(chat, OTHER, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account)

    page.keyboard.press("/")
    page.keyboard.type("factura")
    expect(page.locator(".item .who")).to_have_text(["Juan Cárdenas"])
    expect(page.get_by_role("searchbox", name="Buscar conversaciones")).to_be_focused()
    page.keyboard.type(" inexistente")
    expect(page.get_by_text("Nada coincide")).to_be_visible()
    page.get_by_role("link", name="Limpiar").click()

    expect(page.locator(".item")).to_have_count(2)


def test_a_file_goes_out_with_the_message(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")

    page.locator("[data-files]").set_input_files([{"name": "lista.txt", "mimeType": "text/plain", "buffer": b"precios"}])
    expect(page.locator("[data-staged]")).to_contain_text("lista.txt")
    page.locator("#composer-body").fill("Adjunto la lista")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".msg.out .file", has_text="lista.txt")).to_be_visible()
    expect(page.locator("[data-staged] li")).to_have_count(0)
    with page.expect_download() as download:
        page.locator(".msg.out a.file").click()
    assert download.value.path().read_bytes() == b"precios"


def test_earlier_messages_load_without_a_jump(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Mensaje 0", name="María Pérez", minutes=200)
    for number in range(1, 70):
        hear(chat, VISITOR, f"Mensaje {number}", name="María Pérez", minutes=200 - number)
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    expect(page.locator(".msg")).to_have_count(50)
    flow = page.locator("[data-flow]")
    flow.evaluate("box => { box.scrollTop = 0 }")
    before = page.locator(".msg", has_text="Mensaje 20").bounding_box()

    page.get_by_role("button", name="Anteriores").click()

    expect(page.locator(".msg")).to_have_count(70)
    after = page.locator(".msg", has_text="Mensaje 20").bounding_box()
    assert before is not None
    assert after is not None
    # The button's own height goes away.
    assert abs(after["y"] - before["y"]) < 60


def test_the_way_back_and_forth_of_the_browser(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    hear(chat, VISITOR, "Primera", name="María Pérez")
    hear(chat, OTHER, "Segunda", name="Juan Soto", minutes=5)
    open_inbox(page, live_server_asgi, agent, account)
    page.locator(".item", has_text="María Pérez").click()
    expect(page.locator("#thread-head h2")).to_have_text("María Pérez")
    page.locator(".item", has_text="Juan Soto").click()
    expect(page.locator("#thread-head h2")).to_have_text("Juan Soto")

    page.go_back()
    expect(page.locator("#thread-head h2")).to_have_text("María Pérez")
    page.locator("#composer-body").fill("Hola")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".msg.out", has_text="Hola")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Nada abierto")).to_be_visible()


def test_on_a_phone_one_pane_at_a_time(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    hear(chat, VISITOR, "Hola", name="María Pérez")
    page.set_viewport_size({"width": 390, "height": 844})
    open_inbox(page, live_server_asgi, agent, account)
    expect(page.locator(".list")).to_be_visible()
    page.locator(".item").click()

    expect(page.locator("#thread-head h2")).to_be_visible()
    expect(page.locator(".list")).to_be_hidden()
    page.get_by_role("button", name="Persona").click()
    expect(page.locator("#person-pane h2")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Cerrar").click()
    page.get_by_role("link", name="Volver a la lista").click()
    expect(page.locator(".list")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_resolved_one_is_told_to_the_other_screen(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, teammate: Membership, chat: Channel
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    page.locator("#composer-body").fill("Estoy escribiendo")

    with account_scope(account):
        add_note(conversation=conversation, body="Ya lo vi", by=Actor.person(teammate))
        resolve(conversation=conversation, by=Actor.person(teammate))

    expect(page.locator(".msg.note", has_text="Ya lo vi")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Reabrir"))).to_be_visible()
    expect(page.locator("#composer-body")).to_have_value("Estoy escribiendo")
    expect(page.locator("#composer-body")).to_be_focused()


def test_marking_as_unread_by_key(page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/?view=all")
    expect(page.locator(".item.unread")).to_have_count(0)

    page.locator("[data-flow]").focus()
    page.keyboard.press("u")

    expect(page.locator(".item.unread")).to_have_count(1)


def test_an_ended_session_leads_to_the_login(
    page: Page, live_server_asgi: LiveServer, account: Account, agent: Membership, chat: Channel
) -> None:
    hear(chat, VISITOR, "Hola", name="María Pérez")
    open_inbox(page, live_server_asgi, agent, account)
    page.context.clear_cookies()

    page.locator(".item").click()

    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()


def test_a_member_of_another_account_sees_nothing(
    page: Page, live_server_asgi: LiveServer, account: Account, outsider: Membership, chat: Channel, complaints: list[str]
) -> None:
    conversation = hear(chat, VISITOR, "Hola", name="María Pérez")
    sign_in(page.context, live_server_asgi, outsider)

    page.goto(f"{live_server_asgi.url}/a/{account.slug}/inbox/{conversation.pk}/")

    expect(page.get_by_role("heading", name="Aquí no hay nada")).to_be_visible()
    assert_accessible(page)
    complaints.clear()
