"""Make the virtual environment and install the locked packages, once for each state of the lock.

The first thing that runs on a fresh machine: a script for any Python from 3.11 on, which needs the
standard library only. The Makefile calls it before everything else; when nothing changed it ends
after some thirty milliseconds.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = CHECKOUT / "requirements.lock"
UV_LOCK = CHECKOUT / ".ci" / "uv.txt"
STAMP = VENV / "installed"
# Beside the packages, not among them: whatever the lock does not name is removed from there.
UV = VENV / "uv"

QUIET = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_NO_INPUT": "1",
    "PYTHONWARNINGS": "ignore",
    # The environment that is meant is this one, whatever is active in the shell.
    "VIRTUAL_ENV": str(VENV),
}


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> int:
    """Bring `.venv` in line with the lock; return the exit code."""
    try:
        with _one_at_a_time():
            if not _is_ready():
                _set_up()
    except SetupError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    return 0


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    with LOCK.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint() -> str:
    """Name the state that the environment must be in."""
    digest = hashlib.sha256(LOCK.read_bytes() + UV_LOCK.read_bytes()).hexdigest()
    return f"{digest} python{sys.version_info.major}.{sys.version_info.minor} {VENV}"


def _is_ready() -> bool:
    return STAMP.is_file() and STAMP.read_text() == _fingerprint() and _works()


def _works() -> bool:
    """Tell whether the environment's interpreter is still there."""
    return PYTHON.exists() and _run([str(PYTHON), "-I", "-S", "-c", ""]).returncode == 0


def _set_up() -> None:
    _say("Preparing the Python environment in .venv (the first time takes a minute or two) ...")
    STAMP.unlink(missing_ok=True)
    if not _works() or not _same_version():
        _make_venv()
    _install_uv()
    _install_packages()
    STAMP.write_text(_fingerprint())


def _same_version() -> bool:
    wanted = f"{sys.version_info[:2]}"
    done = _run([str(PYTHON), "-I", "-c", "import sys; print(sys.version_info[:2])"])
    return done.stdout.strip() == wanted


def _make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    done = _run([sys.executable, "-m", "venv", str(VENV)])
    if done.returncode == 0:
        return
    # Debian keeps ensurepip in a package of its own; pip of the system can stand in for it.
    shutil.rmtree(VENV, ignore_errors=True)
    bare = _run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    if bare.returncode == 0 and _run([sys.executable, "-m", "pip", "--version"]).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    package = f"python3.{sys.version_info.minor}-venv"
    raise SetupError(
        f"{sys.executable} cannot make a virtual environment:\n{done.stdout.strip()}\n\n"
        f"On Debian and Ubuntu install the missing part with\n    sudo apt-get install {package}\n"
        "or name another interpreter:\n    make PYTHON=/path/to/python3.11"
    )


def _pip() -> list[str]:
    if _run([str(PYTHON), "-m", "pip", "--version"]).returncode == 0:
        return [str(PYTHON), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def _install_uv() -> None:
    done = _run([*_pip(), "install", "--quiet", "--upgrade", "--target", str(UV), "--require-hashes", "-r", str(UV_LOCK)])
    if done.returncode:
        raise SetupError(f"Installing uv failed:\n{done.stdout.strip()}")


def _install_packages() -> None:
    uv = [str(UV / "bin" / "uv"), "pip", "sync", "--require-hashes", str(LOCK)]
    # On a terminal uv shows a progress bar; elsewhere it has nothing to say unless it fails.
    with_bar = sys.stderr.isatty()
    done = _run(uv if with_bar else [*uv, "--quiet"], show=with_bar)
    if done.returncode == 0:
        return
    # pip may know a mirror or a proxy that uv was not told about.
    _say("uv could not install the packages, trying with pip ...")
    again = _run([*_pip(), "install", "--quiet", "--require-hashes", "-r", str(LOCK)])
    if again.returncode:
        raise SetupError(f"Installing the packages failed:\n{again.stdout.strip()}")


def _run(command: list[str], *, show: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is kept, or goes to the terminal if `show`."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        cwd=CHECKOUT,
        env={**os.environ, **QUIET, "UV_LINK_MODE": _link_mode()},
    )


def _link_mode() -> str:
    """Choose hard links where the cache is on the same file system, as uv warns about others."""
    if mode := os.environ.get("UV_LINK_MODE"):
        return mode
    cache = Path(os.environ.get("UV_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home())
    while not cache.exists():
        cache = cache.parent
    return "hardlink" if cache.stat().st_dev == CHECKOUT.stat().st_dev else "copy"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
