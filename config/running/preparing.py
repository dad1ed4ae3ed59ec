"""Everything that must be there before the processes start: engines, tables, the demo."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from config.embedded import database_url, fingerprint, places, redis_url, unfinished
from config.embedded.keeper import follow_parent

CHECKOUT = Path(__file__).resolve().parents[2]
HIGHEST_PORT = 65535


class CannotRun(Exception):
    """Hilo cannot be started; the message says why and what to do."""


def check_port(port: int, *, what: str, variable: str) -> None:
    """Raise `CannotRun` when something else listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        # As the servers do: a connection that is just closing does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise CannotRun(
                f"{what} wants port {port} of 127.0.0.1, which cannot be had ({error}).\n"
                "Perhaps Hilo runs already. End the other program, or choose another port:\n"
                f"    make run {variable}={port + 10 if port < HIGHEST_PORT - 20 else 8010}"
            ) from error


def start_engines() -> None:
    """Start what the environment names no server for, and stay its user."""
    if not os.environ.get("DATABASE_URL"):
        database_url()
    if not os.environ.get("REDIS_URL"):
        redis_url()


def is_prepared() -> bool:
    """Tell whether this very code has prepared this very embedded database before."""
    return not os.environ.get("DATABASE_URL") and _stamp().is_file() and _stamp().read_text() == _state()


def remember() -> None:
    """Note that tables and demo are there, so that the next start can skip both."""
    if not os.environ.get("DATABASE_URL"):
        _stamp().write_text(_state())


def filling() -> contextlib.AbstractContextManager[None]:
    """While a new embedded database gets its tables and its demo: if that is interrupted, the next start begins anew."""
    home = places.home("postgres")
    if os.environ.get("DATABASE_URL") or fingerprint.read(home):
        return contextlib.nullcontext()
    return unfinished.marked(home)


def migrate(tell: Callable[[str], None]) -> None:
    """Bring the tables up to date. Raises `CannotRun`."""
    _manage("migrate", "--no-input", tell=tell)


def make_demo(tell: Callable[[str], None]) -> None:
    """Fill an empty database with the demo. Raises `CannotRun`."""
    _manage("demo", "--if-empty", tell=tell)


def _manage(*arguments: str, tell: Callable[[str], None]) -> None:
    """Run a command of manage.py and hand on what it says."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=follow_parent(signal.SIGTERM),
    )
    lines: deque[str] = deque(maxlen=20)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if text := line.strip():
                lines.append(text)
                tell(text)
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
    if process.returncode:
        raise CannotRun("\n".join([f"manage.py {' '.join(arguments)} failed:", *lines]))


def _stamp() -> Path:
    return places.home("postgres") / "prepared"


def _state() -> str:
    """Name the code, the packages, the database, and the ports that the demo's channels know."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.read_bytes())
    born = places.home("postgres") / "born"
    ports = f"{os.environ['PORT']} {os.environ['HILO_SIMULATOR_PORT']}"
    return f"{digest.hexdigest()} {born.read_text() if born.exists() else ''} {ports} {os.environ.get('HILO_DEMO', 'yes')}"


def _sources() -> Iterator[Path]:
    yield CHECKOUT / "requirements.lock"
    for app in sorted(CHECKOUT.glob("*/__init__.py")):
        if app.parent.name != "tests":
            yield from sorted(app.parent.rglob("*.py"))
