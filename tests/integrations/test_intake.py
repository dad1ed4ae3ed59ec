"""The webhooks' door: what is stored, what is refused, and that nothing in between delays the answer."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection, connections
from redis import Redis

from accounts.models import Channel
from accounts.scope import account_scope
from inbox.models import InboundEvent
from integrations import intake as intake_module
from integrations.intake import MAX_BODY, Intake
from integrations.intake_announcing import Announcer
from tests.broker import tasks_go_to
from tests.conftest import make_account, make_channel
from tests.integrations.conftest import APP_SECRET, VERIFY_TOKEN, Hooks, payload, signed
from tests.ports import free_port

BODY = b'{"object":"whatsapp_business_account","entry":[]}'


def test_a_signed_body_is_stored_as_it_came_and_answered(hooks: Hooks) -> None:
    body = b'{"object": "whatsapp_business_account",\n  "entry": [ ] , "\xc3\xb1": 1}'

    answer = hooks.post(body)

    assert (answer.status_code, answer.content) == (200, b"")
    [event] = hooks.events()
    assert bytes(event.body) == body
    assert bytes(event.sha256) == hashlib.sha256(body).digest()
    assert (event.state, event.attempts, event.error, event.context, event.processed_at) == ("pending", 0, "", {}, None)
    assert event.received_at is not None
    assert event.next_attempt_at == event.received_at
    assert hooks.announced.events == [(hooks.account.pk, event.pk)]


def test_five_deliveries_at_once_make_one_event(hooks: Hooks) -> None:
    async def talk(client: httpx.AsyncClient, _intake: Intake) -> list[int]:
        answers = await asyncio.gather(*(client.post(hooks.path, content=BODY, headers=signed(BODY)) for _ in range(5)))
        return [answer.status_code for answer in answers]

    assert hooks.run(talk) == [200] * 5
    assert hooks.post(BODY).status_code == 200

    assert len(hooks.events()) == 1
    assert len(hooks.announced.events) == 1


def test_many_at_once_are_all_stored_each_for_its_own_account(hooks: Hooks) -> None:
    other = make_account("otra")
    theirs = make_channel(other, "instagram", secrets={"app_secret": "otro"})

    async def talk(client: httpx.AsyncClient, _intake: Intake) -> set[int]:
        bodies = [b'{"n":%d}' % number for number in range(150)]
        calls = [client.post(hooks.path, content=body, headers=signed(body)) for body in bodies]
        calls += [client.post(f"/hooks/instagram/{theirs.key}/", content=body, headers=signed(body, "otro")) for body in bodies]
        return {answer.status_code for answer in await asyncio.gather(*calls)}

    assert hooks.run(talk) == {200}

    assert sorted(json.loads(bytes(event.body))["n"] for event in hooks.events()) == list(range(150))
    with account_scope(other):
        assert {event.channel_id for event in InboundEvent.objects.all()} == {theirs.pk}
        assert InboundEvent.objects.count() == 150
    assert len(set(hooks.announced.events)) == 300


def test_broken_json_with_a_right_signature_is_stored(hooks: Hooks) -> None:
    body = b'{"object": "whatsapp\x00\xff'

    assert hooks.post(body).status_code == 200

    assert [bytes(event.body) for event in hooks.events()] == [body]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": signed(BODY)["X-Hub-Signature-256"].removeprefix("sha256=")},
        {"X-Hub-Signature-256": signed(BODY)["X-Hub-Signature-256"].replace("sha256", "sha1")},
        {"X-Hub-Signature-256": signed(BODY, "otro secreto")["X-Hub-Signature-256"]},
        {"X-Hub-Signature-256": signed(BODY + b" ")["X-Hub-Signature-256"]},
        {"X-Hub-Signature-256": signed(BODY)["X-Hub-Signature-256"].upper()},
    ],
)
def test_a_wrong_signature_leaves_nothing_but_a_count(hooks: Hooks, headers: dict[str, str]) -> None:
    answer = hooks.post(BODY, **headers)

    assert answer.status_code == 403
    assert hooks.events() == []
    assert hooks.announced.events == []
    channel = hooks.refresh()
    assert (channel.refused_count, channel.last_event_at) == (1, None)


def test_a_channel_without_a_secret_takes_nothing(hooks: Hooks) -> None:
    with account_scope(hooks.account):
        Channel.objects.filter(pk=hooks.channel.pk).update(secrets={})

    assert hooks.post(BODY, **signed(BODY, "")).status_code == 403
    assert hooks.events() == []


def test_a_flood_of_forgeries_is_counted_without_a_write_each(hooks: Hooks) -> None:
    async def talk(client: httpx.AsyncClient, intake: Intake) -> tuple[int, int]:
        await asyncio.gather(*(client.post(hooks.path, content=b"%d" % number, headers={"x": "y"}) for number in range(200)))
        before = await asyncio.to_thread(count)
        assert intake._database is not None
        await intake._database.write_tallies()
        return before, await asyncio.to_thread(count)

    def count() -> int:
        try:
            return hooks.refresh().refused_count
        finally:
            connections.close_all()

    assert hooks.run(talk) == (0, 200)


def test_the_last_event_is_noted(hooks: Hooks) -> None:
    hooks.post(BODY)

    channel = hooks.refresh()
    assert channel.last_event_at is not None
    assert abs((channel.last_event_at - hooks.events()[0].received_at).total_seconds()) < 60
    assert channel.refused_count == 0


def test_the_handshake_echoes_the_challenge(hooks: Hooks) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "<b>1158201444</b>"}

    answer = hooks.ask("GET", params=query)

    assert (answer.status_code, answer.text) == (200, "<b>1158201444</b>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"hub.mode": "subscribe", "hub.challenge": "1"},
        {"hub.mode": "subscribe", "hub.verify_token": "otra", "hub.challenge": "1"},
        {"hub.mode": "unsubscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1"},
    ],
)
def test_a_wrong_handshake_is_refused(hooks: Hooks, query: dict[str, str]) -> None:
    answer = hooks.ask("GET", params=query)

    assert (answer.status_code, answer.text) == (403, "")
    assert hooks.refresh().refused_count == 0


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
def test_other_methods_change_nothing(hooks: Hooks, method: str) -> None:
    answer = hooks.ask(method, content=BODY, headers=signed(BODY))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert hooks.events() == []


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/whatsapp/nadie/",
        "/hooks/instagram/{key}/",
        "/hooks/email/{key}/",
        "/hooks/paloma/{key}/",
        "/hooks/whatsapp/",
        "/hooks/",
        "/hooks/whatsapp/{key}/more/",
        "/hooks/whatsapp/{key}x/",
        "/hooks/whatsapp/" + "a" * 300 + "/",
        "/hooks/whatsapp/%00/",
        "/hooks/../hooks/whatsapp/ñ/",
    ],
)
def test_an_unknown_channel_is_not_found(hooks: Hooks, path: str) -> None:
    for method in ("POST", "GET"):
        assert hooks.ask(method, path.format(key=hooks.channel.key), headers=signed(b"")).status_code == 404
    assert hooks.events() == []
    assert hooks.refresh().refused_count == 0


def test_the_final_slash_may_be_missing(hooks: Hooks) -> None:
    assert hooks.ask("POST", hooks.path.rstrip("/"), content=BODY, headers=signed(BODY)).status_code == 200


def test_a_channel_that_is_off_is_not_found(hooks: Hooks) -> None:
    with account_scope(hooks.account):
        Channel.objects.filter(pk=hooks.channel.pk).update(is_active=False)

    assert hooks.post(BODY).status_code == 404
    assert hooks.events() == []


def test_a_new_secret_and_a_switch_are_noticed_within_seconds(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(intake_module.time, "monotonic", lambda: now[0])

    def change(**fields: Any) -> None:
        with account_scope(hooks.account):
            Channel.objects.filter(pk=hooks.channel.pk).update(**fields)
        connections.close_all()

    async def talk(client: httpx.AsyncClient, _intake: Intake) -> list[int]:
        async def status(secret: str) -> int:
            return (await client.post(hooks.path, content=BODY, headers=signed(BODY, secret))).status_code

        seen = [await status(APP_SECRET)]
        await asyncio.to_thread(change, secrets={"app_secret": "nuevo"})
        now[0] += intake_module.REMEMBER + 0.1
        seen += [await status(APP_SECRET), await status("nuevo")]
        await asyncio.to_thread(change, is_active=False)
        now[0] += intake_module.REMEMBER + 0.1
        return [*seen, await status("nuevo")]

    assert hooks.run(talk) == [200, 403, 200, 404]
    assert intake_module.REMEMBER <= 5


def test_a_channel_is_asked_for_once_by_many_requests(hooks: Hooks) -> None:
    async def talk(client: httpx.AsyncClient, intake: Intake) -> int:
        database = await intake._open()
        asked = 0
        find = database.find_hook

        async def counting(key: str) -> Any:
            nonlocal asked
            asked += 1
            return await find(key)

        database.find_hook = counting  # type: ignore[method-assign]
        for _ in range(3):
            await asyncio.gather(*(client.get(hooks.path) for _ in range(10)))
            await asyncio.gather(*(client.get("/hooks/whatsapp/nadie/") for _ in range(10)))
        return asked

    assert hooks.run(talk) == 2


def test_keys_that_nobody_has_do_not_fill_the_memory(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "MOST_REMEMBERED", 10)

    async def talk(client: httpx.AsyncClient, intake: Intake) -> int:
        for number in range(40):
            assert (await client.get(f"/hooks/whatsapp/nadie{number}/")).status_code == 404
        return len(intake._hooks)

    assert hooks.run(talk) == 10


def test_a_body_at_the_limit_is_taken_and_one_above_is_not(hooks: Hooks) -> None:
    for size, status in ((MAX_BODY, 200), (MAX_BODY + 1, 413)):
        body = b" " * size
        assert hooks.post(body).status_code == status
    assert [len(event.body) for event in hooks.events()] == [MAX_BODY]


def test_a_large_body_of_unknown_length_is_refused_while_it_comes(hooks: Hooks) -> None:
    """Chunks until the limit, and then an endless stream: the answer does not wait for its end."""
    sent: list[dict[str, Any]] = []
    given = 0

    async def receive() -> dict[str, Any]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"a" * 65536, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append({**message, "after": given})

    async def talk(_client: httpx.AsyncClient, intake: Intake) -> None:
        scope = {"type": "http", "method": "POST", "path": hooks.path, "query_string": b"", "headers": []}
        await intake(scope, receive, send)

    hooks.run(talk)

    assert sent[0]["status"] == 413
    assert sent[0]["after"] == MAX_BODY // 65536 + 1
    assert sent[-1]["after"] <= (MAX_BODY + intake_module.MAX_DRAINED) // 65536 + 2
    assert hooks.events() == []


def test_a_client_that_hangs_up_stores_nothing(hooks: Hooks) -> None:
    messages = iter([{"type": "http.request", "body": BODY[:10], "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError(message)

    async def talk(_client: httpx.AsyncClient, intake: Intake) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in signed(BODY).items()]
        await intake({"type": "http", "method": "POST", "path": hooks.path, "query_string": b"", "headers": headers}, receive, send)

    hooks.run(talk)

    assert hooks.events() == []
    assert hooks.refresh().refused_count == 0


def test_a_body_that_drips_is_given_up(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "BODY_WITHIN", 0.01)

    async def never_ending() -> Any:
        yield BODY[:10]
        await asyncio.Event().wait()

    async def receive() -> dict[str, Any]:
        if not started:
            started.append(True)
            return {"type": "http.request", "body": BODY[:10], "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    started: list[bool] = []
    statuses: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    async def talk(_client: httpx.AsyncClient, intake: Intake) -> None:
        await intake({"type": "http", "method": "POST", "path": hooks.path, "query_string": b"", "headers": []}, receive, send)

    hooks.run(talk)

    assert statuses == [408]
    assert hooks.events() == []


def test_without_a_database_the_provider_is_asked_to_come_again(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations import intake_database

    wrong = {**intake_database.connection_parameters(), "host": "127.0.0.1", "port": free_port(), "connect_timeout": 1}
    monkeypatch.setattr(intake_database, "connection_parameters", lambda: wrong)
    monkeypatch.setattr(intake_database, "WAIT_FOR_CONNECTION", 0.2)

    answer = hooks.post(BODY)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert hooks.post(BODY).status_code == 200


def test_one_row_that_the_database_refuses_does_not_cost_the_others(hooks: Hooks) -> None:
    gone = make_channel(hooks.account, "instagram", secrets={"app_secret": "otro"})

    async def talk(client: httpx.AsyncClient, intake: Intake) -> list[int]:
        def remove() -> None:
            with account_scope(hooks.account):
                Channel.objects.filter(pk=gone.pk).delete()
            connections.close_all()

        path = f"/hooks/instagram/{gone.key}/"
        await client.get(path)
        await asyncio.to_thread(remove)
        bodies = [b"%d" % number for number in range(6)]
        calls = [client.post(hooks.path, content=body, headers=signed(body)) for body in bodies]
        calls.insert(3, client.post(path, content=BODY, headers=signed(BODY, "otro")))
        return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert hooks.run(talk) == [200, 200, 200, 503, 200, 200, 200]
    assert len(hooks.events()) == 6


def test_the_intake_works_under_the_web_role_and_sees_one_account_only(hooks: Hooks) -> None:
    async def talk(client: httpx.AsyncClient, intake: Intake) -> list[Any]:
        await client.post(hooks.path, content=BODY, headers=signed(BODY))
        database = await intake._open()
        async with database.pool.connection() as own:
            role = await (await own.execute("SELECT current_user")).fetchone()
            seen = await (await own.execute("SELECT count(*) FROM inbox_inboundevent")).fetchone()
        return [role, seen]

    assert hooks.run(talk) == [("hilo_app",), (0,)]


def test_everything_else_goes_to_the_application_behind() -> None:
    seen = []

    async def behind(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((scope["type"], scope.get("path")))

    async def talk() -> None:
        intake = Intake(behind)
        for scope in ({"type": "http", "path": "/"}, {"type": "http", "path": "/hook"}, {"type": "websocket", "path": "/hooks/x/y/"}):
            await intake(scope, None, None)  # type: ignore[arg-type]

    asyncio.run(talk())

    assert seen == [("http", "/"), ("http", "/hook"), ("websocket", "/hooks/x/y/")]


class TestAnnouncing:
    """The call to the broker, with a real one."""

    @pytest.fixture
    def broker(self) -> Iterator[Redis]:
        with Redis.from_url(settings.CELERY_BROKER_WRITE_URL) as client:
            client.delete("celery")
            yield client
            client.delete("celery")

    def tasks(self, broker: Redis) -> list[tuple[str, dict[str, Any]]]:
        messages = [json.loads(raw) for raw in reversed(broker.lrange("celery", 0, -1))]  # type: ignore[arg-type]
        return [(message["headers"]["task"], json.loads(__import__("base64").b64decode(message["body"]))[1]) for message in messages]

    def test_a_worker_is_told_of_every_event(self, broker: Redis) -> None:
        announcer = Announcer()
        for number in range(60):
            announcer.announce(account_id=1 + number % 2, event_id=number)
        announcer.close()

        told = self.tasks(broker)
        assert {name for name, _ in told} == {"integrations.tasks.process_inbound_events"}
        by_account: dict[int, list[int]] = {1: [], 2: []}
        for _, given in told:
            by_account[given["account_id"]] += given["event_ids"]
        assert by_account == {1: list(range(0, 60, 2)), 2: list(range(1, 60, 2))}
        assert len(told) < 60

    def test_a_dead_broker_delays_nothing_and_loses_nothing(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
        """It takes connections and never answers: the answer to the provider is given meanwhile."""
        silent = socket.create_server(("127.0.0.1", 0))
        with tasks_go_to(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"):
            announcer = Announcer()
            hooks.announced = announcer  # type: ignore[assignment]
            done = threading.Event()
            monkeypatch.setattr(announcer, "close", done.set)
            try:
                started = time.monotonic()
                assert hooks.post(BODY).status_code == 200
                assert time.monotonic() - started < 2
                assert done.is_set()
                assert len(hooks.events()) == 1
            finally:
                silent.close()
                monkeypatch.undo()
                announcer.close(within=10)

    def test_what_piles_up_behind_a_dead_broker_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("integrations.intake_announcing.MOST_WAITING", 5)
        announcer = Announcer()
        held = threading.Event()
        monkeypatch.setattr("integrations.intake_announcing.publish", lambda *_a, **_k: held.wait(10))
        for number in range(100):
            announcer.announce(account_id=1, event_id=number)

        assert announcer._events.qsize() <= 5

        held.set()
        announcer.close()


class TestBehindAServer:
    """The product's own ASGI application under its own server, in a process of its own."""

    @pytest.fixture
    def server(self, hooks: Hooks, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        port = free_port()
        known = connection.settings_dict
        host, db_port = (known["HOST"] or "localhost"), known["PORT"]
        url = f"postgres://{known['USER']}:{known['PASSWORD']}@{host if not host.startswith('/') else host.replace('/', '%2F')}"
        url += f"{f':{db_port}' if db_port else ''}/{known['NAME']}"
        environment = {**os.environ, "DATABASE_URL": url, "REDIS_URL": settings.CELERY_BROKER_WRITE_URL}
        environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "warning"]
        process = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])
        base = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    assert httpx.get(f"{base}/healthz", trust_env=False).status_code == 200
                    break
                except httpx.TransportError:
                    assert process.poll() is None, "the server did not start"
                    assert time.monotonic() < deadline, "the server does not answer"
                    threading.Event().wait(0.1)
            yield base, process
        finally:
            process.terminate()
            process.wait(20)

    def test_webhooks_large_bodies_and_pages(self, hooks: Hooks, server: tuple[str, subprocess.Popen[bytes]]) -> None:
        base, process = server
        body = payload("whatsapp", "text")
        with httpx.Client(base_url=base, trust_env=False) as client:
            assert client.post(hooks.path, content=body, headers=signed(body)).status_code == 200
            large = b"x" * (10 * 1024 * 1024)
            assert client.post(hooks.path, content=large, headers=signed(large)).status_code == 413

            def chunks() -> Iterator[bytes]:
                for _ in range(160):
                    yield b"x" * 65536

            assert client.post(hooks.path, content=chunks()).status_code == 413
            assert client.post(hooks.path, content=body, headers=signed(body, "falso")).status_code == 403
            assert client.get("/login/login/").status_code in (200, 404)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)

        assert [bytes(event.body) for event in hooks.events()] == [body]
        # Counted in the process, written when it ends.
        assert hooks.refresh().refused_count == 1

    def test_what_was_answered_survives_a_kill(self, hooks: Hooks, server: tuple[str, subprocess.Popen[bytes]]) -> None:
        base, process = server
        with httpx.Client(base_url=base, trust_env=False) as client:
            for number in range(5):
                body = b'{"n":%d}' % number
                assert client.post(hooks.path, content=body, headers=signed(body)).status_code == 200
        process.kill()
        process.wait(20)

        assert [json.loads(bytes(event.body))["n"] for event in hooks.events()] == [0, 1, 2, 3, 4]
