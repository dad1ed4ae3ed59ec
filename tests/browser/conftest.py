"""The whole product behind a real browser: the ASGI server and a Celery worker as processes, on the test database.

Tests here commit: ``db`` gives a plain connection without a transaction around the test, so that the two processes see what
the cast wrote. Nothing is truncated afterwards; every test works in accounts of its own.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest
import redis
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.db import connection, connections
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from accounts.models import Account, Channel, Membership
from config.celery import app as celery
from tests.broker import tasks_go_to
from tests.browser.host_page import HostPage, serve_host_page
from tests.chromium import executable
from tests.conftest import client_for, make_channel
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()

Value = TypeVar("Value")
expect.set_options(timeout=15_000)


def wait_until(what: Callable[[], Value], *, seconds: float = 15) -> Value:
    """Ask again until the answer is true, and give it back; fail when that takes longer than ``seconds``."""
    end = time.monotonic() + seconds
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return value


def _end_with_the_tests() -> None:
    """The kernel ends the process when the tests are killed (Linux's PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _database_url() -> str:
    row = connection.settings_dict
    user = quote(row["USER"]) + (f":{quote(row['PASSWORD'])}" if row["PASSWORD"] else "")
    return f"postgres://{user}@/{row['NAME']}?host={quote(row['HOST'] or 'localhost', safe='')}&port={row['PORT'] or 5432}"


@dataclass
class LiveServer:
    """``url`` without a final slash; ``websocket_url`` likewise. ``logs`` is the folder with the processes' output."""

    port: int
    logs: Path
    environment: dict[str, str] = field(repr=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start_web(self) -> None:
        self._start("web", "-m", "uvicorn", "config.asgi:application", "--port", str(self.port), "--log-level", "warning")
        wait_until(self._is_up, seconds=60)

    def start_worker(self) -> None:
        self._start("worker", "-m", "celery", "-A", "config.celery", "worker", "--pool=threads", "--concurrency=4", "--loglevel=warning")
        with tasks_go_to(django_settings.REDIS_URL):
            wait_until(lambda: celery.control.ping(timeout=0.5), seconds=90)

    def stop(self, name: str, how: int = signal.SIGTERM) -> None:
        """End one process; ``signal.SIGKILL`` plays a crash."""
        process = self.processes.pop(name)
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")[-4000:]

    def _start(self, name: str, *command: str) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-W", "ignore", *command],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_the_tests,
            )

    def _is_up(self) -> bool:
        if self.processes["web"].poll() is not None:
            raise AssertionError(f"the web process ended:\n{self.log('web')}")
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="session")
def live_server_asgi(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The product, running on the test database with the keys and the broker of the test process."""
    var = tmp_path_factory.mktemp("var")
    port = free_port()
    redis.Redis.from_url(django_settings.REDIS_URL).delete("celery")
    server = LiveServer(
        port=port,
        logs=tmp_path_factory.mktemp("logs"),
        environment={
            # Without bytecode each process would compile a thousand modules. Without the tests' mark on REDIS_URL the
            # processes take the broker as given; with it they would start one in their own HILO_VAR.
            **{name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "HILO_TEST_BROKER")},
            "DATABASE_URL": _database_url(),
            "REDIS_URL": django_settings.REDIS_URL,
            "HILO_TEST_TASKS_TO": django_settings.REDIS_URL,
            "HILO_VAR": str(var),
            "HILO_SECRET_KEY": django_settings.SECRET_KEY,
            "HILO_FIELD_KEYS": ",".join(django_settings.FIELD_ENCRYPTION_KEYS),
            "HILO_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "HILO_OUTGOING_HTTP_ALLOW": "127.0.0.1,localhost",
            "HILO_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
    )
    server.start_web()
    server.start_worker()
    yield server
    for name in list(server.processes):
        server.stop(name)


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test database, without a transaction: what the test writes is committed and stays."""
    # Playwright keeps an event loop in this thread; the tests' own queries are synchronous all the same.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture(autouse=True)
def _as_the_server_does(_temporary_media: None, settings: Any, live_server_asgi: LiveServer) -> Iterator[None]:
    """Passwords and files as the server's processes read them, tasks where its worker takes them."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    settings.MEDIA_ROOT = str(Path(live_server_asgi.environment["HILO_VAR"]) / "media")
    with tasks_go_to(django_settings.REDIS_URL):
        yield


# One Playwright per module: a longer life would leave its event loop in the way of async tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile in Spanish; a second one is ``browser.new_context()``."""
    context = browser.new_context(locale="es-CL", viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(context: BrowserContext, server: LiveServer, membership: Membership) -> None:
    """Give the browser a member's session, without the login page."""
    client = client_for(membership)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.url}])


def assert_accessible(page: Page, **options: Any) -> None:
    """No violation of axe's rules on the page as it is now (WCAG 2.2 AA and best practice), shadow roots included."""
    results = Axe().run(page, options=options or None)
    assert results.violations_count == 0, results.generate_report()


@pytest.fixture
def chat(account: Account) -> Channel:
    """A web chat without a contact form."""
    return make_channel(account, "webchat", "Sitio", settings={"title": "Andes Propiedades", "form": "off"})


@pytest.fixture
def host_page(chat: Channel, live_server_asgi: LiveServer) -> Iterator[HostPage]:
    """Somebody else's page with the chat on it, under the strictest policy that still allows it."""
    with serve_host_page() as page:
        yield page.embed(live_server_asgi.url, chat.key)


def listen_for_complaints(page: Page) -> list[str]:
    """Everything the browser complains about: a policy that was broken, an error nobody caught.

    A question that a newer one replaced was aborted on purpose: htmx says so as an error, which it is not.
    """
    found: list[str] = []

    def hear(text: str) -> None:
        if not text.startswith(("htmx:afterRequest", "htmx:sendAbort")):
            found.append(text)

    page.on("console", lambda message: hear(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: hear(str(error)))
    return found


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains about, as it happens."""
    return listen_for_complaints(page)
