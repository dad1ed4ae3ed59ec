"""The main job, end to end: one person on four channels, one contact, live, and answers on the channel the agent chose.

The customer's side is the simulator, run as a program of its own: signed webhooks, SMTP and IMAP, a strict page with the widget.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from config.demo.accounts import addresses
from config.simulator.configuration import Configuration, SimulatedChannel, StartingPerson, write
from contacts.models import Contact
from inbox.models import Conversation, Message
from integrations.connecting import connect_channel
from tests.browser.conftest import ROOT, LiveServer, sign_in, wait_until
from tests.ports import free_port

pytestmark = pytest.mark.browser
# Milliseconds: several programs start here, beside another test process.
PATIENCE = 90_000

MARIA = StartingPerson(
    name="María Pérez",
    wa_id="56981234567",
    email="maria.perez@correo.example",
    instagram="17841400000000001",
    username="mariap",
    account="a",
)


@dataclass
class CustomerSide:
    """The simulator's own API, as its page uses it."""

    url: str
    channels: dict[str, Channel]

    def write(self, kind: str, text: str, **extra: str) -> None:
        body = {"channel": self.channels[kind].key, "person": "p0", "text": text, **extra}
        answer = httpx.post(f"{self.url}/write", data=body, files={"none": b""}, trust_env=False)
        assert answer.status_code == 200, answer.text

    def received(self, kind: str) -> list[str]:
        state = httpx.get(f"{self.url}/state", trust_env=False).json()
        return [entry["text"] for entry in state["entries"] if entry["channel"] == self.channels[kind].key and not entry["mine"]]

    def shop(self) -> str:
        return f"{self.url}/shop/{self.channels['webchat'].key}"


@pytest.fixture
def customer_side(account: Account, admin: Membership, live_server_asgi: LiveServer, tmp_path: Path) -> Iterator[CustomerSide]:
    port = _three_free_ports()
    with account_scope(account):
        channels = {kind: _connect(kind, admin, port) for kind in ("whatsapp", "instagram", "email", "webchat")}
    simulated = tuple(_simulated(channel) for channel in channels.values())
    configuration = tmp_path / "simulator.json"
    write(Configuration(channels=simulated, people=(MARIA,)), configuration)
    command = ["-m", "config.simulator", "--port", str(port), "--hilo", live_server_asgi.url, "--configuration", str(configuration)]
    mail = ["-W", "ignore", "manage.py", "fetch_mail"]
    logs = [(live_server_asgi.logs / name).open("wb") for name in ("simulator.log", "mail.log")]
    processes = [
        subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=logs[0], stderr=logs[0]),
        subprocess.Popen(
            [sys.executable, *mail], cwd=ROOT, env={**os.environ, **live_server_asgi.environment}, stdout=logs[1], stderr=logs[1]
        ),
    ]
    side = CustomerSide(url=f"http://127.0.0.1:{port}", channels=channels)
    try:
        wait_until(lambda: _answers(side.url), seconds=PATIENCE / 1000)
        yield side
    finally:
        for process in processes:
            process.terminate()
        for process, log in zip(processes, logs, strict=True):
            process.wait(15)
            log.close()


def _three_free_ports() -> int:
    """A port whose two neighbours are most likely free as well: IMAP and SMTP take them."""
    return free_port()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _connect(kind: str, admin: Membership, port: int) -> Channel:
    mailbox = {
        "address": "hola@tienda.example",
        "from_name": "Tienda",
        "imap_host": "127.0.0.1",
        "imap_security": "none",
        "imap_user": "hola@tienda.example",
        "imap_password": "clave",
        "smtp_host": "127.0.0.1",
        "smtp_security": "none",
        "smtp_user": "hola@tienda.example",
        "smtp_password": "clave",
    }
    settings: dict[str, dict[str, Any]] = {
        "whatsapp": {"phone_number_id": "1001", "access_token": "token-w", "app_secret": "secreto-w"},
        "instagram": {"ig_user_id": "17840001", "access_token": "token-i", "app_secret": "secreto-i"},
        "email": mailbox,
        "webchat": {},
    }
    by = Actor.person(admin)
    channel = connect_channel(kind=kind, name=kind, settings={**settings[kind], **addresses(kind, simulator_port=port)}, by=by)
    if kind == "instagram":
        channel.greeting_bot = {"enabled": True, "greeting": "", "ask": ["name", "contact", "reason"]}
        channel.save(update_fields=["greeting_bot"])
    return channel


def _simulated(channel: Channel) -> SimulatedChannel:
    address = channel.settings.get("phone_number_id") or channel.settings.get("ig_user_id") or channel.settings.get("address", "")
    secrets = {name: value for name, value in channel.secrets.items() if name in {"app_secret", "access_token"}}
    return SimulatedChannel(
        key=channel.key, kind=channel.kind, name=channel.name, account="a", address=address, secrets={**secrets, "password": "clave"}
    )


def _contact_of(account: Account, text: str) -> Contact | None:
    with account_scope(account):
        message = Message.objects.select_related("strand__profile__contact").filter(body__contains=text).first()
    return message.strand.profile.contact if message else None


def _arrives(account: Account, text: str) -> Contact:
    return wait_until(lambda: _contact_of(account, text), seconds=PATIENCE / 1000)


def _choose(agent: Page, kind: str) -> None:
    agent.locator("[data-picker] summary").click()
    # An address that has just been written from becomes free while the picker is open.
    way = agent.locator(f"input[name=to][data-kind={kind}]").first
    expect(way).to_be_enabled()
    way.check(force=True)


def _answer(agent: Page, kind: str, text: str) -> None:
    _choose(agent, kind)
    agent.locator("#composer-body").fill(text)
    agent.keyboard.press("Control+Enter")
    expect(agent.locator(".msg.out", has_text=text)).to_be_visible()


def test_one_person_four_channels_one_thread(
    browser: Browser, account: Account, agent: Membership, live_server_asgi: LiveServer, customer_side: CustomerSide
) -> None:
    # A visitor writes in the widget and leaves name, email and phone.
    street = browser.new_context(locale="es-CL", viewport={"width": 1100, "height": 800})
    street.set_default_timeout(20_000)
    widget = street.new_page()
    widget.goto(customer_side.shop())
    widget.get_by_role("button", name="Abrir el chat").click()
    widget.get_by_role("textbox", name="Escribir un mensaje").fill("Hola, ¿tienen el modelo Andes en 38?")
    widget.keyboard.press("Enter")
    widget.locator("input[name=name]").fill("María Pérez")
    widget.locator("input[name=email]").fill("Maria.Perez@correo.example")
    widget.locator("input[name=phone]").fill("+56 9 8123 4567")
    widget.locator("form.form .button").first.click()
    by_chat = _arrives(account, "modelo Andes")
    wait_until(lambda: _contact_of(account, "modelo Andes").name == "María Pérez")  # type: ignore[union-attr]

    # The agent's screen is open from now on, and is never loaded again.
    desk = browser.new_context(locale="es-CL", viewport={"width": 1360, "height": 900}, reduced_motion="reduce")
    desk.set_default_timeout(20_000)
    sign_in(desk, live_server_asgi, agent)
    screen = desk.new_page()
    with account_scope(account):
        conversation = Conversation.objects.get(profile__contact=by_chat)
    screen.goto(f"{live_server_asgi.url}/a/{account.slug}/inbox/{conversation.pk}/?view=all")
    expect(screen.locator(".msg.in", has_text="modelo Andes")).to_be_visible()
    screen.evaluate("window.neverLoadedAgain = true")

    # A mail from that address, over SMTP and IMAP; a WhatsApp from the phone that was left in the form.
    customer_side.write("email", "Adjunto la boleta del pedido.", subject="Pedido 48211")
    expect(screen.locator(".msg.in", has_text="Adjunto la boleta")).to_be_visible(timeout=PATIENCE)
    customer_side.write("whatsapp", "Soy María, la del pedido 48211")
    expect(screen.locator(".msg.in", has_text="la del pedido 48211")).to_be_visible(timeout=PATIENCE)
    assert _arrives(account, "Adjunto la boleta").pk == _arrives(account, "la del pedido").pk == by_chat.pk

    # Instagram says nothing that is known: it stays apart until the bot gets the email.
    customer_side.write("instagram", "Hola! vi las sandalias en su historia")
    apart = _arrives(account, "vi las sandalias")
    assert apart.pk != by_chat.pk
    wait_until(lambda: len(customer_side.received("instagram")) == 1, seconds=PATIENCE / 1000)
    customer_side.write("instagram", "Soy María Pérez, maria.perez@correo.example")
    wait_until(lambda: _contact_of(account, "vi las sandalias").pk == by_chat.pk, seconds=PATIENCE / 1000)  # type: ignore[union-attr]

    with account_scope(account):
        people = Contact.objects.filter(is_empty=False)
        assert [person.name for person in people] == ["María Pérez"]
        kinds = set(Message.objects.filter(direction="in", strand__profile__contact=by_chat).values_list("channel__kind", flat=True))
    assert kinds == {"whatsapp", "instagram", "email", "webchat"}

    # Answers by email, by WhatsApp and in the chat; the customer's side receives each of them.
    _answer(screen, "email", "La boleta quedó registrada.")
    _answer(screen, "whatsapp", "Tu pedido llega mañana.")
    _answer(screen, "webchat", "Sí, nos queda en 38.")
    wait_until(lambda: any("La boleta quedó registrada." in text for text in customer_side.received("email")), seconds=PATIENCE / 1000)
    wait_until(lambda: "Tu pedido llega mañana." in customer_side.received("whatsapp"), seconds=PATIENCE / 1000)
    expect(widget.locator(".bubble", has_text="Sí, nos queda en 38.")).to_be_visible(timeout=PATIENCE)
    assert screen.evaluate("window.neverLoadedAgain") is True
    street.close()
    desk.close()
