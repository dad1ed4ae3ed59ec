"""The other side, running: a Radicale and a Tryton of the test session, each on a port of its own."""

import base64
import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "la-clave-de-tryton"
# Email addresses are looked up in the DNS where dnspython is installed; without it Tryton takes them as they are.
# Its clock may be set ahead or behind while it runs, by the hours in the file that CLOCK names.
_TRYTON = """
import datetime, os, sys
sys.modules["dns"] = None
class Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + ahead()
    @classmethod
    def utcnow(cls):
        return super().utcnow() + ahead()
def ahead():
    with open(os.environ["CLOCK"]) as hours:
        return datetime.timedelta(hours=float(hours.read()))
datetime.datetime = Skewed
from trytond.cli import main
sys.argv[0] = "trytond"
sys.exit(main())
"""


class Process:
    """A server that is stopped at the end, with what it said."""

    def __init__(self, *command: str, log: Path, ready: str, **environment: str) -> None:
        self.log = log
        # Clocks there count in UTC, as in production.
        surroundings = {**os.environ, "TZ": "UTC", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore", **environment}
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, env=surroundings, start_new_session=True)
        self._wait(ready)

    def _wait(self, url: str) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                httpx.get(url, timeout=20)
                return
            except httpx.TransportError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise AssertionError(self.log.read_text(errors="replace")[-3000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def _client() -> httpx.Client:
    """One for all calls: each would read the certificates of the world anew, for a server that has none."""
    return httpx.Client(timeout=30, verify=False)


@dataclass
class Radicale:
    """Every user has an address book of their own; any password will do."""

    url: str
    client: httpx.Client

    def book(self, user: str) -> str:
        """The address of a new address book."""
        url = f"{self.url}/{user}/people/"
        body = (
            '<?xml version="1.0"?><create xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>'
            "<collection/><CR:addressbook/></resourcetype></prop></set></create>"
        )
        answer = self.ask("MKCOL", url, user, content=body)
        assert answer.status_code == 201, answer.text
        return url

    def ask(self, method: str, url: str, user: str, **options: Any) -> httpx.Response:
        return self.client.request(method, url, auth=(user, "x"), **options)


@contextmanager
def running_radicale(folder: Path) -> Iterator[Radicale]:
    port = free_port()
    configuration = folder / "radicale.conf"
    storage = f"[storage]\nfilesystem_folder = {folder / 'data'}\n"
    configuration.write_text(f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = none\n{storage}[logging]\nlevel = warning\n")
    command = (sys.executable, "-m", "radicale", "--config", str(configuration))
    process = Process(*command, log=folder / "log", ready=f"http://127.0.0.1:{port}/.web/")
    try:
        with _client() as client:
            yield Radicale(f"http://127.0.0.1:{port}", client)
    finally:
        process.stop()


@dataclass
class Tryton:
    """One database with the party module."""

    url: str
    database: Path
    clock: Path
    client: httpx.Client

    def call(self, method: str, *params: Any, context: dict[str, Any] | None = None) -> Any:
        return self._post(method, [*params, context or {}], self.session)

    @cached_property
    def session(self) -> str:
        """Of the administrator, signed in once."""
        user, token, *_rest = self._post("common.db.login", ["admin", {"password": PASSWORD}])
        return f"admin:{user}:{token}"

    def _post(self, method: str, params: list[Any], session: str = "") -> Any:
        headers = {"Authorization": "Session " + base64.b64encode(session.encode()).decode()} if session else {}
        answer = self.client.post(f"{self.url}/crm/rpc/", json={"id": 0, "method": method, "params": params}, headers=headers)
        said = answer.raise_for_status().json()
        assert not said.get("error"), said["error"]
        return said["result"]

    def set_clock(self, hours: float) -> None:
        """How many hours it is ahead from now on; changed in one piece, as it is read at any moment."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(hours))
        fresh.replace(self.clock)

    def age(self, seconds: int) -> None:
        """What was changed just now was changed so long ago."""
        with sqlite3.connect(self.database, timeout=20) as rows:
            for table in ("party_party", "party_address"):
                rows.execute(f"UPDATE {table} SET write_date = strftime('%Y-%m-%d %H:%M:%f', write_date, '-{seconds} seconds')")

    def empty(self) -> None:
        """As it was before any test."""
        self.set_clock(0)
        with sqlite3.connect(self.database, timeout=20) as rows:
            for table in ("party_party", "party_party_lang", "party_address", "party_contact_mechanism"):
                rows.execute(f"DELETE FROM {table}")
            rows.execute("DELETE FROM party_identifier")


def _template() -> Path:
    """A fresh database with its modules, made once per version and kept in ``var``."""
    versions = " ".join(f"{name} {version(name)}" for name in ("trytond", "trytond-party", "trytond-country"))
    folder = ROOT / "var" / f"tryton-{hashlib.sha256(versions.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not done.exists():
            database = folder / "crm.sqlite"
            database.unlink(missing_ok=True)
            database.touch()
            configuration = _configure(folder, port=1)
            (folder / "password").write_text(PASSWORD)
            for more in (["--all"], ["-u", "party", "--activate-dependencies"]):
                subprocess.run(
                    [sys.executable, "-c", "from trytond.cli.admin import main; main()", "-c", str(configuration), "-d", "crm", *more],
                    input=b"\n",
                    env={**os.environ, "TRYTONPASSFILE": str(folder / "password"), "PYTHONWARNINGS": "ignore"},
                    check=True,
                    capture_output=True,
                )
            done.touch()
    return folder / "crm.sqlite"


def _configure(folder: Path, *, port: int) -> Path:
    path = folder / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return path


@contextmanager
def running_tryton(folder: Path) -> Iterator[Tryton]:
    port = free_port()
    clock = folder / "clock"
    clock.write_text("0")
    shutil.copy(_template(), folder / "crm.sqlite")
    configuration = _configure(folder, port=port)
    command = (sys.executable, "-c", _TRYTON, "-c", str(configuration), "-d", "crm")
    process = Process(*command, log=folder / "log", ready=f"http://127.0.0.1:{port}/", CLOCK=str(clock))
    try:
        with _client() as client:
            yield Tryton(f"http://127.0.0.1:{port}", folder / "crm.sqlite", clock, client)
    finally:
        process.stop()
