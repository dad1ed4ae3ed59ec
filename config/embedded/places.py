"""Where the engines live: the folder of each, the account that runs it, its programs."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from config.embedded import EngineError

CHECKOUT = Path(__file__).resolve().parents[2]

# PostgreSQL and Valkey refuse or should not run as root; these accounts exist on every Linux.
UNPRIVILEGED = ("nobody", "daemon")

# The kernel allows 107 bytes for the path of a socket; the name of the socket needs some.
LONGEST_SOCKET_FOLDER = 80


@dataclass(frozen=True)
class Runner:
    """The account that runs a server when the starter itself is root."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give one file or folder to this account."""
        os.chown(path, self.uid, self.gid)


@dataclass(frozen=True)
class Site:
    """One server's surroundings.

    `home` holds locks, log and notes and belongs to whoever starts servers; `place` holds the
    data and can be reached by `runner`, which is None when the starter's own account runs it.
    """

    home: Path
    place: Path
    runner: Runner | None

    @property
    def data(self) -> Path:
        return self.place / "data"

    def own(self, path: Path) -> None:
        """Give a file or folder to the account that runs the server."""
        if self.runner:
            self.runner.own(path)

    def run(self, command: list[str], *, stdin: str = "") -> None:
        """Run one program of the server to its end. Raises `EngineError` with its output."""
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd=self.place,
            env=clean_environment(),
            **as_runner(self.runner),
        )
        if done.returncode:
            raise EngineError(f"{Path(command[0]).name} failed:\n{done.stdout.strip()}")


def clean_environment() -> dict[str, str]:
    """Return an environment without the caller's locale and without PG* variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def as_runner(runner: Runner | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run a program under that account."""
    if runner is None:
        return {}
    return {"user": runner.uid, "group": runner.gid, "extra_groups": []}


def engines_name() -> str:
    """Return the name of the set of engines in use, `main` unless `HILO_ENGINES` says otherwise."""
    name = os.environ.get("HILO_ENGINES") or "main"
    if not name.replace("-", "").isalnum():
        raise EngineError(f"HILO_ENGINES is {name!r}; use letters, digits and hyphens.")
    return name


def is_test() -> bool:
    """Tell whether the engines serve tests, so that speed counts and durability does not."""
    return engines_name() == "test"


def var_folder() -> Path:
    """Return the folder of everything Hilo writes, `var/` of the checkout or `HILO_VAR`."""
    return CHECKOUT / (os.environ.get("HILO_VAR") or "var")


def home(engine: str) -> Path:
    """Return the folder of one engine's locks, log and notes."""
    return var_folder() / "engines" / engines_name() / engine


def find_site(engine: str) -> Site:
    """Return the surroundings of one engine, and make its folders on first use."""
    folder = home(engine)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable")
    except OSError as error:
        raise EngineError(
            f"{folder} cannot be written ({error.strerror}). It belongs to another user: "
            "delete it, give it to this user, or name another folder with HILO_VAR."
        ) from error
    if os.geteuid() != 0:
        return Site(home=folder, place=folder, runner=None)
    runner = _find_runner(folder)
    return Site(home=folder, place=_find_place(folder, runner), runner=runner)


def _find_runner(folder: Path) -> Runner:
    """Choose who runs a server for root: the owner of existing data, else an unprivileged user."""
    try:
        owner = (_pointer(folder) / "data").stat()
    except FileNotFoundError:
        pass
    else:
        if owner.st_uid != 0:
            return Runner(owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return Runner(account.pw_uid, account.pw_gid)
    raise EngineError(
        f"PostgreSQL does not run as root, and none of the users {', '.join(UNPRIVILEGED)} exists. "
        "Run Hilo as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def _pointer(folder: Path) -> Path:
    """Follow the note that data of this home is kept elsewhere."""
    return (folder / "elsewhere").resolve() if (folder / "elsewhere").is_symlink() else folder


def _find_place(folder: Path, runner: Runner) -> Path:
    """Return a folder for data that `runner` can reach, in `folder` itself if it can.

    A checkout below /root is closed to others and stays so: no permission of an existing
    folder is ever changed. The data is then kept outside, and a link in `folder` says where.
    """
    place = _pointer(folder)
    if place != folder:
        place.mkdir(parents=True, exist_ok=True)
    if _can_enter(place, runner):
        return place
    base = _private_base(var_folder().resolve())
    place = base / folder.parent.name / folder.name
    place.mkdir(parents=True, exist_ok=True)
    for made in (place, place.parent):
        made.chmod(0o755)
    if not _can_enter(place, runner):
        raise EngineError(f"{place} cannot be reached by user {runner.uid}; set HILO_VAR.")
    link = folder / "elsewhere"
    link.unlink(missing_ok=True)
    link.symlink_to(place)
    return place


def _private_base(var: Path) -> Path:
    """Make root's folder for a `var/` that the unprivileged user cannot reach."""
    name = f"hilo-{hashlib.sha256(os.fsencode(var)).hexdigest()[:12]}"
    for parent in (Path("/var/lib"), Path("/var/tmp")):
        base = parent / name
        try:
            base.mkdir(mode=0o755, exist_ok=True)
        except OSError:
            continue
        found = base.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == 0:
            base.chmod(0o755)
            return base
    raise EngineError(f"No folder for {name} can be made in /var/lib or /var/tmp; set HILO_VAR.")


def _can_enter(folder: Path, runner: Runner) -> bool:
    return _can("-x", folder, runner)


def _can(test: str, path: Path, runner: Runner) -> bool:
    """Ask the kernel, not the permission bits: lists, mounts and modules have their say too."""
    command = ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)]
    return subprocess.run(command, check=False, cwd="/", **as_runner(runner)).returncode == 0


def wheel_folder(package: str) -> Path:
    """Return the folder of an installed wheel without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(
            f"{package} is not installed. Install the dependency group `engines`, or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def runnable(*, program: Path, root: Path, parts: list[str], distribution: str, site: Site) -> Path:
    """Return `program`, or a copy of it when the runner cannot reach the virtual environment.

    `parts` are the files and folders below `root` that the program needs, itself among them.
    """
    if site.runner is None or _can("-x", program, site.runner):
        return program
    try:
        release = version(distribution)
    except PackageNotFoundError:
        release = "unknown"
    copy = site.place / f"programs-{release}"
    if not copy.is_dir():
        _copy_parts(root=root, parts=parts, target=copy)
    return copy / program.relative_to(root)


def _copy_parts(*, root: Path, parts: list[str], target: Path) -> None:
    unfinished = target.with_name(target.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in parts:
        (unfinished / part).parent.mkdir(parents=True, exist_ok=True)
        if (root / part).is_dir():
            shutil.copytree(root / part, unfinished / part)
        else:
            shutil.copy2(root / part, unfinished / part)
    # Whatever mask the wheel was unpacked with, the runner must be able to read the copy.
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        if path.stat().st_mode & 0o100:
            path.chmod(path.stat().st_mode | 0o555)
    unfinished.rename(target)


def make_socket_folder(site: Site) -> Path:
    """Make a new private folder whose path is short enough for a Unix socket."""
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if len(os.fsencode(parent)) > LONGEST_SOCKET_FOLDER - 20:
            continue
        # PostgreSQL reads this setting as a list with quoting rules of its own.
        if not parent.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum():
            continue
        if site.runner and not _can_enter(Path(parent), site.runner):
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix="hilo-", dir=parent))
        except OSError:
            continue
        site.own(folder)
        return folder
    raise EngineError("No temporary folder with a short path can be written; set TMPDIR to one.")
