"""Webhooks accepted per second, against pgbench doing the same insert on the same server.

Signature, size limit, row-level security, durable commit and the call to the broker included. Sixteen clients, beside server and
database on the same machine. ``python -m benchmarks.intake --servers`` compares ASGI servers and numbers of workers.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import http_load
from tests.ports import free_port

CLIENTS = 16
GATE, GOAL = 0.15, 0.30
SECRET = "un-secreto-de-prueba"
SERVERS = {
    "uvicorn": ["-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--log-level", "warning", "--no-access-log"],
    "granian": ["-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--log-level", "warning", "config.asgi:application"],
}

PGBENCH = """
WITH scope AS MATERIALIZED (SELECT set_config('hilo.account', '{account}', true))
INSERT INTO inbox_inboundevent (account_id, channel_id, sha256, body, context, state, attempts, error)
SELECT {account}, {channel}, sha256(uuid_send(gen_random_uuid())), '{body}'::bytea, '{{}}'::jsonb, 'pending', 0, '' FROM scope
ON CONFLICT (account_id, channel_id, sha256) DO NOTHING RETURNING id, channel_id, sha256;
"""


def payload(number: int) -> bytes:
    """One text message as WhatsApp sends it."""
    message = {
        "from": "56987654321",
        "id": f"wamid.{uuid.uuid4().hex}",
        "timestamp": str(1_790_000_000 + number),
        "type": "text",
        "text": {"body": f"¿Dónde está mi pedido {number}?"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "56223334444", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "María Pérez"}, "wa_id": "56987654321"}],
        "messages": [message],
    }
    envelope = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def signed_requests(path: str, count: int) -> Iterator[bytes]:
    """Whole HTTP requests, each with a body of its own, made before the clock starts."""
    from integrations.signatures import hub_signature

    made = []
    for number in range(count):
        body = payload(number)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Hub-Signature-256: {hub_signature(secret=SECRET, body=body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return iter(made)


@contextmanager
def channel() -> Iterator[tuple[int, int, str]]:
    """A channel of an account of its own: account id, channel id, path. Its events are removed afterwards."""
    from django.db import connection

    from accounts.models import Channel
    from accounts.opening import open_account
    from accounts.scope import account_scope

    account = open_account(name="Medición", slug=f"bench-{uuid.uuid4().hex[:8]}")
    with account_scope(account):
        made = Channel.objects.create(kind="whatsapp", name="Medición", settings={}, secrets={"app_secret": SECRET})
        try:
            yield account.pk, made.pk, f"/hooks/whatsapp/{made.key}/"
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM inbox_inboundevent WHERE channel_id = %s", [made.pk])


@contextmanager
def server(name: str, workers: int) -> Iterator[int]:
    """The product's web server, answering; its port."""
    port = free_port()
    command = [sys.executable, *SERVERS[name], "--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command, env={**os.environ, "HILO_DB_OWNER": "0"})
    try:
        wait_until_up(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    import httpx

    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("the server did not start")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/hooks/whatsapp/nobody/", trust_env=False).status_code == 404:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def pgbench_program() -> str:
    """The wheel's where the embedded server is used, else the machine's."""
    if not os.environ.get("DATABASE_URL"):
        from config.embedded import postgres_program

        return str(postgres_program("pgbench"))
    found = shutil.which("pgbench") or next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))), "")
    if not found:
        raise SystemExit("pgbench is missing: it comes with PostgreSQL")
    return found


def pgbench(*, account_id: int, channel_id: int, seconds: int) -> float:
    """Transactions per second of the bare insert: prepared, under the web role, with as many clients."""
    from django.conf import settings
    from django.db import connection

    known = connection.get_connection_params()
    environment = {**os.environ, "PGOPTIONS": f"-c role={settings.APP_ROLE}", "PGPASSWORD": str(known.get("password", ""))}
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH.format(account=account_id, channel=channel_id, body="\\x" + payload(1).hex()))
        script.flush()
        command = [pgbench_program(), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-f", script.name]
        for option, key in (("-h", "host"), ("-p", "port"), ("-U", "user")):
            if known.get(key):
                command += [option, str(known[key])]
        done = subprocess.run([*command, str(known["dbname"])], env=environment, capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("tps")).split()[2])


def measure(*, name: str = "uvicorn", workers: int = 1, rounds: int = 3, seconds: int = 6) -> dict[str, float]:
    """Medians over rounds that take turns: accepted per second, p99 in milliseconds, pgbench per second, their ratio."""
    accepted, slowest, bare, ratios = [], [], [], []
    with channel() as (account_id, channel_id, path), server(name, workers) as port:
        address = ("127.0.0.1", port)
        http_load.run(address, signed_requests(path, 2000), clients=CLIENTS, seconds=2)
        for _ in range(rounds):
            load = http_load.run(address, signed_requests(path, seconds * 8000), clients=CLIENTS, seconds=seconds)
            if load.refused:
                raise SystemExit(f"{load.refused} webhooks were refused")
            tps = pgbench(account_id=account_id, channel_id=channel_id, seconds=seconds)
            accepted.append(load.per_second)
            slowest.append(load.percentile(0.99))
            bare.append(tps)
            ratios.append(load.per_second / tps)
    return {
        "accepted_per_second": statistics.median(accepted),
        "p99_ms": statistics.median(slowest),
        "pgbench_per_second": statistics.median(bare),
        "ratio": statistics.median(ratios),
    }


def report(name: str = "uvicorn", workers: int = 1, rounds: int = 3, seconds: int = 6) -> None:
    """Print one line."""
    found = measure(name=name, workers=workers, rounds=rounds, seconds=seconds)
    print(
        f"intake, {name} with {workers} worker(s): {found['accepted_per_second']:,.0f} webhooks/s, p99 {found['p99_ms']:.0f} ms; "
        f"pgbench with the same insert {found['pgbench_per_second']:,.0f}/s; ratio {found['ratio']:.0%} (gate {GATE:.0%}, goal {GOAL:.0%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", action="store_true", help="compare servers and workers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    choices = [(name, workers) for name in SERVERS for workers in (1, 2)] if options.servers else [("uvicorn", 1)]
    for name, workers in choices:
        report(name, workers, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
