"""Processes that use the embedded engines, for the tests of their life cycle."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# Prints the address of an engine, then stays a user of it until standard input ends.
USER = """
import sys
from config.embedded import lifecycle, {function} as address
lifecycle.LINGER, lifecycle.STEADY_AFTER = {linger}, {steady_after}
print(address(), flush=True)
sys.stdin.read()
"""

WAIT_FOR_LOCK = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX)"


@dataclass
class User:
    """One process that uses an engine."""

    process: subprocess.Popen[str]
    address: str = ""

    def wait_for_address(self) -> str:
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            assert self.process.stderr
            raise AssertionError(self.process.stderr.read())
        return self.address

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self) -> str:
        """End in good order; return what was written to standard error."""
        return self.process.communicate()[1]


@dataclass
class Ground:
    """A `var/` of its own, with everything needed to start engines in it."""

    var: Path
    python: str = sys.executable
    checkout: Path = CHECKOUT
    account: tuple[int, int] | None = None
    engines: str = "main"
    exits: ExitStack = field(default_factory=ExitStack)

    def home(self, engine: str = "postgres") -> Path:
        return self.var / "engines" / self.engines / engine

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HILO_VAR": str(self.var),
            "HILO_ENGINES": self.engines,
            "PYTHONPATH": str(self.checkout),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def begin(
        self,
        function: str = "database_url",
        *,
        linger: float = 0,
        steady_after: float = 5,
    ) -> User:
        """Start a process that uses an engine, without waiting for its address."""
        process = subprocess.Popen(
            [
                self.python,
                "-c",
                USER.format(function=function, linger=linger, steady_after=steady_after),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env=self.environment,
            user=self.account[0] if self.account else None,
            group=self.account[1] if self.account else None,
            extra_groups=[] if self.account else None,
        )
        self.exits.enter_context(process)
        self.exits.callback(process.kill)
        return User(process)

    def use(self, function: str = "database_url", **options: float) -> User:
        """Start a process that uses an engine and has its address."""
        user = self.begin(function, **options)
        user.wait_for_address()
        return user

    def wait_until_stopped(self, engine: str = "postgres", *, within: float = 20) -> None:
        """Wait until the keeper, the server and all its children have ended (in seconds)."""
        lock = self.home(engine) / "keeper.lock"
        if lock.exists():
            command = [sys.executable, "-I", "-S", "-c", WAIT_FOR_LOCK, str(lock)]
            subprocess.run(command, check=True, timeout=within)

    def server_process(self) -> int:
        """Return the process id of PostgreSQL's first process."""
        return int((self.home() / "data" / "postmaster.pid").read_text().split()[0])

    def kill_server(self) -> None:
        os.kill(self.server_process(), signal.SIGKILL)


@contextmanager
def make_ground(name: str) -> Iterator[Ground]:
    """Make a folder that every user of the machine can reach, and clear up after it."""
    base = Path(tempfile.mkdtemp(prefix="hilo test ", dir="/tmp"))
    base.chmod(0o755)
    var = base / name
    var.mkdir(parents=True)
    ground = Ground(var=var)
    try:
        with ground.exits:
            yield ground
        for engine in ("postgres", "valkey"):
            ground.wait_until_stopped(engine)
    finally:
        for link in base.rglob("elsewhere"):
            shutil.rmtree(link.resolve().parents[1])
        shutil.rmtree(base)
