"""How fast a file of people is taken in, and in how much memory: beside a bare COPY of the same rows in the same run.

First people whom nobody knows, then a second file, of another system, with people of the first: each of its rows joins somebody.
"""

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.opening import open_account
from accounts.scope import account_scope
from integrations.importing.running import ask, carry_out
from integrations.importing.uploading import upload
from integrations.models import Import, ImportRun

ROWS = int(os.environ.get("HILO_BENCH_ROWS", "1000000"))
# Of a hundred rows so many name an email that an earlier row has.
REPEATED = int(os.environ.get("HILO_BENCH_REPEATED", "8"))
# How many rows the second file has.
KNOWN = min(ROWS, int(os.environ.get("HILO_BENCH_KNOWN", "20000")))
LOOK_EVERY = 5.0  # seconds
GIVEN = "María José Ana Luis Rosa Juan Camila Pedro Valentina Jorge Daniela Carlos Paula Diego Lucía Andrés Elena Tomás Sofía Iván".split()
FAMILY = "Soto Rojas Pérez Díaz Muñoz González Silva Contreras Sepúlveda Morales Ibáñez Lagos Vidal Núñez Tapia Araya Vera Godoy".split()


@dataclass
class Watch:
    """How far a run was at which second, and how much memory its process held by then."""

    seen: list[tuple[float, int, float]] = field(default_factory=list)

    def rate(self, first: float, last: float) -> float:
        """Rows a second between two shares of the rows."""
        inside = [(second, rows) for second, rows, _memory in self.seen if first * self.seen[-1][1] <= rows <= last * self.seen[-1][1]]
        if len(inside) < 2:
            inside = [self.seen[0][:2], self.seen[-1][:2]]
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def people() -> Iterator[str]:
    yield "id;nombre;correo;celular;ciudad\n"
    for number in range(ROWS):
        yield _line(str(number), number - 50 if number % 100 < REPEATED and number > 100 else number, f"+569{number % 100_000_000:08}")


def people_of_another_system() -> Iterator[str]:
    yield "id;nombre;correo;celular;ciudad\n"
    for number in range(KNOWN):
        person = number * (ROWS // KNOWN)
        yield _line(f"B{number}", person + 50 if person % 100 < REPEATED else person, "")


def _line(key: str, person: int, phone: str) -> str:
    name = f"{GIVEN[person % len(GIVEN)]} {FAMILY[person // 7 % len(FAMILY)]} {FAMILY[person // 131 % len(FAMILY)]}"
    return f"{key};{name};persona{person}@ejemplo.cl;{phone};Ciudad {person % 300}\n"


def report() -> None:
    """Print rows per second of a check, a run and the bare COPY, whether the rate falls, and the growth of the peak memory."""
    account = open_account(name="Banco", slug=f"importing-{os.getpid()}", unification_enabled=True)
    with account_scope(account):
        _report_one(account, "people whom nobody knows", ROWS, people())
        _report_one(account, "of them once more, from another system", KNOWN, people_of_another_system())


def _report_one(account: Account, what: str, rows: int, lines: Iterator[str]) -> None:
    # Written to a disk: what the benchmark itself holds would hide what the import takes.
    file = TemporaryUploadedFile("people.csv", "text/csv", 0, "utf-8")
    for line in lines:
        file.write(line.encode())
    file.size = file.tell()
    file.seek(0)
    copied = _copy(Path(file.temporary_file_path()))
    imported = upload(file=file, kind="contacts", by=SYSTEM)
    size = file.size / 1e6
    file.close()
    print(f"importing: {rows:,} {what} ({size:,.0f} MB); bare COPY {rows / copied:,.0f} rows/s", flush=True)
    for kind in ("check", "run"):
        before = _peak()
        seconds, watch, counts = _timed(account, imported, kind)
        print(
            f"  {kind:<6} {rows / seconds:>7,.0f} rows/s   {seconds / copied:,.0f} times the COPY   {counts}\n"
            f"         first tenth {watch.rate(0, 0.1):,.0f} rows/s, last tenth {watch.rate(0.9, 1):,.0f} rows/s; "
            f"peak memory {_peak():,.0f} MB, grew by {_peak() - before:,.0f} MB; load {os.getloadavg()[1]:.1f}",
            flush=True,
        )


def _timed(account: Account, imported: Import, kind: str) -> tuple[float, Watch, dict[str, int]]:
    run = ask(imported=imported, kind=kind, by=SYSTEM)
    began = time.perf_counter()
    with _watched(account, run, began) as watch:
        carry_out(run_id=run.pk)
    seconds = time.perf_counter() - began
    ended = ImportRun.scoped().get(pk=run.pk)
    assert ended.state == "done", ended.error
    watch.seen.append((seconds, ended.done, _peak()))
    return seconds, watch, ended.figures["counts"]


@contextmanager
def _watched(account: Account, run: ImportRun, began: float) -> Iterator[Watch]:
    watch, over = Watch([(0.0, 0, _peak())]), threading.Event()

    def look() -> None:
        with account_scope(account):
            while not over.wait(LOOK_EVERY):
                reached = ImportRun.scoped().values_list("reached", flat=True).get(pk=run.pk)
                watch.seen.append((time.perf_counter() - began, reached, _peak()))
                if os.environ.get("HILO_BENCH_CURVE"):
                    print("    {:,.0f} s: {:,} rows, peak {:,.0f} MB".format(*watch.seen[-1]), flush=True)
        connection.close()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _copy(path: Path) -> float:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bare (id text, name text, email text, phone text, city text)")
        began = time.perf_counter()
        with path.open("rb") as file, cursor.copy("COPY bare FROM STDIN WITH (FORMAT csv, DELIMITER ';', HEADER)") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        took = time.perf_counter() - began
        cursor.execute("DROP TABLE bare")
    return took


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
