"""Start an embedded server once for all its users; `keeper.py` stops it after the last."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from config.embedded import EngineError, places
from config.embedded.keeper import STOP_NOW
from config.embedded.places import Site

START_WITHIN = 60.0  # seconds; crash recovery of a large database takes its time
LINGER = 2.0  # seconds; spares one command after the other a restart
# A server that falls over sooner than this after its start is not revived.
STEADY_AFTER = 5.0  # seconds
LOG_LIMIT = 5_000_000  # bytes
KEEPER = Path(__file__).with_name("keeper.py")

Seat = dict[str, Any]


class Engine(Protocol):
    """What the life cycle must know of one kind of server."""

    name: str
    title: str
    stop_signal: signal.Signals

    def why_outdated(self, site: Site) -> str:
        """Say why the data cannot be used any more; empty if it can."""

    def create(self, site: Site, folder: Path) -> None:
        """Fill a new, empty data folder."""

    def take_seat(self, site: Site, last: Seat) -> Seat:
        """Choose port, socket and password for a start; `last` is the previous choice."""

    def command(self, site: Site, seat: Seat) -> list[str]:
        """Return the command line of the server."""

    def sweep(self, seat: Seat) -> list[str]:
        """Return the folders that exist only while the server runs."""

    def address(self, seat: Seat) -> str:
        """Return the URL for clients."""

    def answers(self, seat: Seat) -> bool:
        """Tell whether the server is ready for clients."""


_threads = threading.Lock()
# Address of each server in use, by home. The descriptors of `users.lock` stay open on purpose.
_in_use: dict[Path, str] = {}


def use(engine: Engine) -> str:
    """Return the address of a running server, and be one of its users until this process ends.

    Forked children are users too. Safe in threads and in any number of processes at once.
    Raises `EngineError` when the server does not answer within a minute.
    """
    with _threads:
        home = places.home(engine.name)
        if home not in _in_use:
            site = places.find_site(engine.name)
            with _start_lock(site.home):
                users = _open(site.home / "users.lock")
                fcntl.flock(users, fcntl.LOCK_SH)
                try:
                    _stop_if_outdated(engine, site, users)
                    _in_use[home] = engine.address(_find_or_start(engine, site))
                except BaseException:
                    os.close(users)
                    raise
        return _in_use[home]


def is_in_use(engine: Engine) -> bool:
    """Tell whether this process is a user of the server."""
    return places.home(engine.name) in _in_use


def move_aside(engine: Engine, site: Site) -> Path | None:
    """Put the data of a server that does not run out of the way; return where it is now."""
    if not site.data.exists():
        return None
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    target = site.place / f"data-until-{stamp}"
    site.data.rename(target)
    return target


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _like_home(path)
    return descriptor


def _like_home(path: Path) -> None:
    """Leave what root writes in somebody's folder to that somebody."""
    if os.geteuid() == 0:
        home = path.parent.stat()
        os.chown(path, home.st_uid, home.st_gid)


@contextlib.contextmanager
def _start_lock(home: Path) -> Iterator[None]:
    descriptor = _open(home / "start.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_keeper_lock(home: Path) -> int | None:
    """Return a locked descriptor if neither keeper nor server is alive."""
    descriptor = _open(home / "keeper.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _find_or_start(engine: Engine, site: Site) -> Seat:
    """Return the seat of the running server, starting it if there is none."""
    deadline = time.monotonic() + START_WITHIN
    keeper_lock = None
    while keeper_lock is None:
        keeper_lock = _try_keeper_lock(site.home)
        if keeper_lock is None:
            seat = _read_seat(site.home)
            if seat and engine.answers(seat):
                return seat
            _wait(engine, site, deadline)
    return _start(engine, site, keeper_lock)


def _stop_if_outdated(engine: Engine, site: Site, users: int) -> None:
    """End a server whose data no longer fits, if this process is its only user."""
    reason = engine.why_outdated(site)
    if not reason or _is_free(site.home / "keeper.lock"):
        return
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # The change of the lock gave up the shared one as well.
        fcntl.flock(users, fcntl.LOCK_SH)
        _tell(f"{reason} {engine.title} is in use, so its data stays for now; end every command of Hilo and start again.")
        return
    with contextlib.suppress(ProcessLookupError, ValueError):
        os.kill(int((site.home / "keeper.lock").read_text()), STOP_NOW)
    deadline = time.monotonic() + START_WITHIN
    while not _is_free(site.home / "keeper.lock"):
        _wait(engine, site, deadline)
    fcntl.flock(users, fcntl.LOCK_SH)


def _is_free(lock: Path) -> bool:
    descriptor = _open(lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _start(engine: Engine, site: Site, keeper_lock: int) -> Seat:
    """Start a server that does not run. Owns and closes `keeper_lock`."""
    attempts = 5
    while True:
        try:
            _prepare_data(engine, site)
            seat = engine.take_seat(site, _read_seat(site.home))
            _write_seat(site.home, seat)
            _spawn_keeper(engine, site, seat, keeper_lock)
        finally:
            os.close(keeper_lock)
        deadline = time.monotonic() + START_WITHIN
        while not engine.answers(seat):
            fallen = _try_keeper_lock(site.home)
            if fallen is not None:
                break
            _wait(engine, site, deadline)
        else:
            return seat
        # A port that was free a moment ago can be taken; anything else fails again and is told.
        attempts -= 1
        if not attempts or not seat.get("port"):
            os.close(fallen)
            raise EngineError(f"{engine.title} does not start.{_end_of_log(site)}")
        keeper_lock = fallen


def _prepare_data(engine: Engine, site: Site) -> None:
    if reason := engine.why_outdated(site):
        kept = move_aside(engine, site)
        _tell(f"{reason} {engine.title} begins anew; the old data is kept in {kept}.")
    if site.data.exists():
        return
    unfinished = site.place / "data.new"
    if unfinished.exists():
        unfinished.rename(site.place / f"data-unfinished-{time.time_ns()}")
    unfinished.mkdir(mode=0o700)
    site.own(unfinished)
    engine.create(site, unfinished)
    unfinished.rename(site.data)


def _spawn_keeper(engine: Engine, site: Site, seat: Seat, keeper_lock: int) -> None:
    order = {
        "home": str(site.home),
        "command": engine.command(site, seat),
        "environment": places.clean_environment(),
        "folder": str(site.place),
        "account": [site.runner.uid, site.runner.gid] if site.runner else None,
        "stop_signal": int(engine.stop_signal),
        "linger": LINGER,
        "steady_after": STEADY_AFTER,
        "sweep": engine.sweep(seat),
        "keeper_lock": keeper_lock,
    }
    with _open_log(site.home) as log:
        subprocess.run(
            [sys.executable, "-I", "-S", str(KEEPER)],
            input=json.dumps(order),
            text=True,
            stdout=log,
            stderr=log,
            pass_fds=[keeper_lock],
            start_new_session=True,
            check=True,
        )


def _open_log(home: Path) -> Any:
    path = home / "log"
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(home / "log.1")
    log = path.open("ab")
    _like_home(path)
    return log


def _end_of_log(site: Site) -> str:
    path = site.home / "log"
    lines = path.read_text(errors="replace").splitlines()[-12:] if path.exists() else []
    return "\n".join([f" The end of {path}:", *(f"    {line}" for line in lines)])


def _wait(engine: Engine, site: Site, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise EngineError(f"{engine.title} does not answer within {START_WITHIN:.0f} seconds.{_end_of_log(site)}")
    time.sleep(0.05)


def _read_seat(home: Path) -> Seat:
    try:
        seat: Seat = json.loads((home / "seat.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return seat


def _write_seat(home: Path, seat: Seat) -> None:
    unfinished = home / "seat.json.new"
    unfinished.unlink(missing_ok=True)
    descriptor = _open(unfinished)
    with os.fdopen(descriptor, "w") as file:
        json.dump(seat, file)
    unfinished.replace(home / "seat.json")


def _tell(text: str) -> None:
    sys.stderr.write(f"hilo: {text}\n")
