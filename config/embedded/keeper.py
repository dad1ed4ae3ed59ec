"""The parent of one embedded server: runs it, revives it, and stops it after its last user.

A script of its own that needs the standard library only. `lifecycle.py` starts it with a JSON
object on standard input (see `Order`), and it goes to the background at once.

Users hold a shared lock on `users.lock`; the kernel frees it with the last descriptor, even
after kill -9. Whoever starts or stops a server holds `start.lock`. The descriptor of
`keeper.lock` comes locked from the starter and is passed on to the server, so that this lock is
free only when keeper, server and every child of the server are gone.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

LOOK_EVERY = 0.5  # seconds
STOP_WITHIN = 60.0  # seconds
REVIVE_FOR = 60.0  # seconds of trying again, as children of a killed server end in their own time
PR_SET_PDEATHSIG = 1  # linux/prctl.h
# From a starter that is the only user and wants the server down.
STOP_NOW = signal.SIGUSR1


class Order(TypedDict):
    """What the starter asks of the keeper."""

    home: str
    command: list[str]
    environment: dict[str, str]
    folder: str  # working folder of the server
    account: list[int] | None  # user and group id to run the server as
    stop_signal: int
    linger: float  # seconds between the last user's end and the stop
    steady_after: float  # seconds a server must have run to be revived
    sweep: list[str]  # folders that are removed after the stop
    keeper_lock: int  # descriptor


class Keeper:
    """Runs one server until nobody uses it any more."""

    def __init__(self, order: Order) -> None:
        self.order = order
        home = Path(order["home"])
        self.start_lock = os.open(home / "start.lock", os.O_RDWR | os.O_CLOEXEC)
        self.users_lock = os.open(home / "users.lock", os.O_RDWR | os.O_CLOEXEC)
        self.linger = order["linger"]
        self.told_to_stop = False
        self.begun = time.monotonic()
        self.failing_since: float | None = None
        os.ftruncate(order["keeper_lock"], 0)
        os.pwrite(order["keeper_lock"], str(os.getpid()).encode(), 0)
        self.server = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server as a child that the kernel stops should this process be killed."""
        account = self.order["account"]
        self.begun = time.monotonic()
        return subprocess.Popen(
            self.order["command"],
            stdin=subprocess.DEVNULL,
            cwd=self.order["folder"],
            env=self.order["environment"],
            pass_fds=[self.order["keeper_lock"]],
            preexec_fn=follow_parent(self.order["stop_signal"]),
            user=account[0] if account else None,
            group=account[1] if account else None,
            extra_groups=[] if account else None,
        )

    def run(self) -> None:
        """Watch until the server is no longer needed or cannot be kept up."""
        idle_since: float | None = None
        while True:
            time.sleep(LOOK_EVERY)
            if self.told_to_stop:
                self.stop()
                return
            if self.server.poll() is not None and not self.revive():
                return
            # Under the start lock no new user can appear between this look and the stop.
            if not _try_lock(self.start_lock):
                continue
            if not _try_lock(self.users_lock):
                idle_since = None
            else:
                _unlock(self.users_lock)
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since >= self.linger:
                    self.stop()
                    return
            _unlock(self.start_lock)

    def revive(self) -> bool:
        """Start a fallen server again; give up if it fell at once or keeps falling."""
        now = time.monotonic()
        if now - self.begun >= self.order["steady_after"]:
            self.failing_since = now
        if self.failing_since is None or now - self.failing_since > REVIVE_FOR:
            return False
        _say(f"server ended with code {self.server.returncode}, starting it again")
        self.server = self.start()
        return True

    def stop(self) -> None:
        """Stop the server in good order, by force if it takes too long."""
        for number in (self.order["stop_signal"], signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self.server.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.server.wait(timeout=STOP_WITHIN)
                return

    def leave(self) -> None:
        """Clear up, and let the next starter in last of all."""
        for folder in self.order["sweep"]:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(self.order["keeper_lock"])
        os.close(self.start_lock)


def follow_parent(number: int) -> Callable[[], None]:
    """Return a `preexec_fn` that makes a child get this signal when this process dies (Linux only)."""
    parent = os.getpid()
    ask = death_signal()

    def follow() -> None:
        ask(number)
        if os.getppid() != parent:
            os._exit(1)

    return follow


def death_signal() -> Callable[[int], None]:
    """Return what asks the kernel to send the caller a signal when its parent dies (Linux only)."""
    if sys.platform != "linux":
        return lambda _number: None
    # Looked up before a fork, after which loading a library is not safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask(number: int) -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)

    return ask


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def _say(text: str) -> None:
    """Add a line to the server's log, which is where standard error leads."""
    sys.stderr.write(f"keeper: {text}\n")


def main() -> None:
    """Go to the background and keep the server that standard input orders."""
    order: Order = json.load(sys.stdin)
    # The starter waits for the parent, so neither is left with a child it does not know.
    if os.fork():
        os._exit(0)
    os.chdir("/")
    keeper = Keeper(order)

    def hurry(_number: int, _frame: object) -> None:
        keeper.linger = 0

    def stop(_number: int, _frame: object) -> None:
        keeper.told_to_stop = True

    # Users come first: a machine that shuts down ends them as well.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hurry)
    signal.signal(STOP_NOW, stop)
    try:
        keeper.run()
    finally:
        keeper.leave()


if __name__ == "__main__":
    main()
