"""How fast a file of people is taken in, and in how much memory: beside a bare COPY of the same rows in the same run."""

import os
import resource
import time
from collections.abc import Iterator
from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from accounts.actors import SYSTEM
from accounts.opening import open_account
from accounts.scope import account_scope
from integrations.importing.running import ask, carry_out
from integrations.importing.uploading import upload
from integrations.models import ImportRun

ROWS = int(os.environ.get("HILO_BENCH_ROWS", "1000000"))
# Of a hundred rows so many name an email that an earlier row has.
REPEATED = int(os.environ.get("HILO_BENCH_REPEATED", "8"))


def lines() -> Iterator[str]:
    yield "id;nombre;correo;celular;ciudad\n"
    for number in range(ROWS):
        person = number - 50 if number % 100 < REPEATED and number > 100 else number
        yield f"{number};Persona {person:07};persona{person}@ejemplo.cl;+569{number % 100_000_000:08};Ciudad {number % 300}\n"


def report() -> None:
    """Print rows per second of a run, of a check, of the bare COPY, and the growth of the peak memory."""
    content = "".join(lines()).encode()
    account = open_account(name="Banco", slug=f"importing-{os.getpid()}", unification_enabled=True)
    with account_scope(account):
        copied = _copy(content)
        imported = upload(file=SimpleUploadedFile("people.csv", content), kind="contacts", by=SYSTEM)
        before = _peak()
        seconds = {}
        for kind in ("check", "run"):
            began = time.perf_counter()
            run = ask(imported=imported, kind=kind, by=SYSTEM)
            carry_out(run_id=run.pk)
            seconds[kind] = time.perf_counter() - began
            ended = ImportRun.objects.get(pk=run.pk)
            assert ended.state == "done", ended.error
        print(f"importing: {ROWS:,} rows, {REPEATED} % of them of somebody known; {ended.figures['counts']}")
        print(f"  bare COPY   {ROWS / copied:>10,.0f} rows/s")
        for kind, took in seconds.items():
            print(f"  {kind:<11} {ROWS / took:>10,.0f} rows/s   {took / copied:,.0f} times the COPY")
        print(f"  peak memory grew by {_peak() - before:,.0f} MB while they ran (file: {len(content) / 1e6:,.0f} MB)")


def _copy(content: bytes) -> float:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bare (id text, name text, email text, phone text, city text)")
        began = time.perf_counter()
        file = BytesIO(content)
        with cursor.copy("COPY bare FROM STDIN WITH (FORMAT csv, DELIMITER ';', HEADER)") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        return time.perf_counter() - began


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
