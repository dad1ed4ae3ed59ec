"""The simulator refuses what the providers refuse, and signs what it sends."""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from config.simulator import wire
from config.simulator.app import make_app
from config.simulator.configuration import Configuration, SimulatedChannel, StartingPerson, read, write
from config.simulator.knocking import Knocker
from config.simulator.mailserver import MailServer
from config.simulator.world import Entry, World
from tests.ports import free_port

CHANNEL = SimulatedChannel(
    key="wa", kind="whatsapp", name="Tienda", account="andes", address="1001", secrets={"app_secret": "s", "access_token": "t"}
)
ANA = StartingPerson(name="Ana Soto", wa_id="56981234567", email="ana@correo.example", instagram="178", username="ana", account="andes")
TEXT = {"messaging_product": "whatsapp", "to": "56981234567", "type": "text", "text": {"body": "Hola"}}
TEMPLATE = {
    "messaging_product": "whatsapp",
    "to": "56981234567",
    "type": "template",
    "template": {"name": "aviso", "language": {"code": "es"}},
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Configuration(channels=(CHANNEL,), people=(ANA,)), state=tmp_path / "state.json")


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    mail, port = MailServer({}), free_port()
    knocker = Knocker(world, mail, hilo=f"http://127.0.0.1:{free_port()}", own_url=f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(make_app(world, knocker, mail), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer t"}, trust_env=False) as client:
        while not server.started:
            assert thread.is_alive()
        yield client
    server.should_exit = True
    thread.join()


def wrote(world: World) -> None:
    world.add(Entry(id="wamid.1", channel="wa", person="p0", mine=True, at=world.now().isoformat(), text="Hola"))


def test_free_text_needs_an_open_window_and_a_template_does_not(world: World, client: httpx.Client) -> None:
    assert client.post("/graph/1001/messages", json=TEXT).json()["error"]["code"] == 131047

    wrote(world)
    world.move_clock(hours=23)
    assert "error" not in client.post("/graph/1001/messages", json=TEXT).json()
    world.move_clock(hours=2)
    refused = client.post("/graph/1001/messages", json=TEXT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 131047)
    assert "error" not in client.post("/graph/1001/messages", json=TEMPLATE).json()
    assert [entry.kind for entry in world.between(channel="wa", person="p0") if not entry.mine] == ["text", "template"]


def test_a_wrong_token_is_refused_and_nothing_arrives(world: World, client: httpx.Client) -> None:
    wrote(world)
    refused = client.post("/graph/1001/messages", json=TEXT, headers={"Authorization": "Bearer other"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 190)
    assert len(world.entries) == 1


def test_signatures_are_the_providers_own() -> None:
    body = wire.as_body({"text": "ñandú"})
    assert wire.signature("s", body) == "sha256=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert b"\\u00f1" in body


def test_configuration_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    configuration = Configuration(channels=(CHANNEL,), people=(ANA,))
    path = tmp_path / "simulator.json"
    write(configuration, path)

    assert read(path) == configuration
    assert path.stat().st_mode & 0o077 == 0


def test_the_world_survives_a_restart(world: World, tmp_path: Path) -> None:
    wrote(world)
    world.move_clock(hours=25)

    again = World(world.configuration, state=tmp_path / "state.json")

    assert [entry.text for entry in again.entries] == ["Hola"]
    assert again.offset == world.offset
