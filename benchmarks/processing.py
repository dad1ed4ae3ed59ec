"""Messages fully processed per second by one Celery worker with two processes, against pgbench with the same writes.

Fully processed: claimed, parsed, recognised, put into the person's conversation, counted, announced to open screens. Every message is
from a known person with an open conversation, the way of nearly all messages. pgbench writes the same rows with 16 clients.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256

from redis import Redis

from benchmarks.intake import CLIENTS, pgbench_program
from config.simulator import wire

PEOPLE = 300
GOAL = 0.12

WRITES = r"""
\set person random(1, {people})
BEGIN;
SELECT set_config('hilo.account', '{account}', true);
UPDATE inbox_inboundevent SET attempts = attempts + 1, next_attempt_at = now() WHERE id = (SELECT event FROM bench_person WHERE number = :person);
COMMIT;
BEGIN;
SELECT set_config('hilo.account', '{account}', true);
UPDATE contacts_profile SET last_seen_at = now() WHERE id = (SELECT profile FROM bench_person WHERE number = :person);
UPDATE contacts_contact SET last_seen_at = now() WHERE id = (SELECT contact FROM bench_person WHERE number = :person);
INSERT INTO inbox_message (account_id, strand_id, direction, kind, body, html, folded, payload, raw, channel_id, identifier_id, provider_id,
  author_kind, status, problem, reactions, occurred_at)
SELECT {account}, strand, 'in', 'text', 'Hola, ¿dónde está mi pedido?', '', '', '{{}}', '{{}}', {channel}, identifier, gen_random_uuid()::text,
  'contact', 'received', '{{}}', '{{}}', now() FROM bench_person WHERE number = :person;
UPDATE inbox_conversation SET message_count = message_count + 1, last_message_at = now(), last_inbound_at = now(), preview = 'Hola'
  WHERE id = (SELECT conversation FROM bench_person WHERE number = :person);
UPDATE inbox_inboundevent SET state = 'processed', processed_at = now() WHERE id = (SELECT event FROM bench_person WHERE number = :person);
COMMIT;
"""


def _body(person: int, number: int) -> bytes:
    payload = wire.whatsapp_message(
        phone_number_id="1",
        wamid=f"wamid.{uuid.uuid4().hex}",
        wa_id=f"5698{person:07d}",
        name=f"Persona {person}",
        at=datetime.now(UTC),
        content=wire.whatsapp_text(f"Hola, ¿dónde está mi pedido {number}?"),
    )
    return wire.as_body(payload)


@contextmanager
def worker() -> Iterator[None]:
    """A Celery worker as `make run` starts it, on an empty queue."""
    from django.conf import settings

    Redis.from_url(settings.REDIS_URL).delete("celery")
    command = [sys.executable, "-m", "celery", "--app", "config", "worker", "--loglevel", "ERROR", "--concurrency", "2"]
    process = subprocess.Popen(command, env={**os.environ, "HILO_DB_OWNER": "0", "HILO_LOG_LEVEL": "ERROR"}, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _accept(channel: object, bodies: list[bytes]) -> list[int]:
    from inbox.models import InboundEvent

    events = [InboundEvent(channel=channel, sha256=sha256(body).digest(), body=body) for body in bodies]
    return [event.pk for event in InboundEvent.objects.bulk_create(events, batch_size=500)]


def _process(account_id: int, events: list[int], *, within: float) -> float:
    """Hand the events to the worker, wait for the last; seconds."""
    from inbox.models import InboundEvent
    from inbox.tasks import process_inbound_event

    started = time.perf_counter()
    for event in events:
        process_inbound_event.delay(account_id=account_id, event_id=event)
    while InboundEvent.objects.filter(pk__gte=events[0], state="pending").exists():
        if time.perf_counter() - started > within:
            raise SystemExit("the worker did not finish")
        time.sleep(0.05)
    return time.perf_counter() - started


def measure(*, messages: int = 1200, rounds: int = 3, seconds: int = 6) -> dict[str, float]:
    """Medians over rounds that take turns: processed per second, pgbench per second, their ratio."""
    from accounts.models import Channel
    from accounts.opening import open_account
    from accounts.scope import account_scope

    account = open_account(name="Medición", slug=f"bench-{uuid.uuid4().hex[:8]}", unification_enabled=True)
    draw = random.Random(7)
    processed, bare, ratios = [], [], []
    with account_scope(account), worker():
        channel = Channel.objects.create(kind="whatsapp", name="Medición", settings={"phone_number_id": "1"}, secrets={"app_secret": "s"})
        _process(account.pk, _accept(channel, [_body(person, 0) for person in range(1, PEOPLE + 1)]), within=180)
        _note_people(account.pk, channel.pk)
        for turn in range(rounds):
            events = _accept(channel, [_body(draw.randint(1, PEOPLE), turn * messages + number) for number in range(messages)])
            rate = messages / _process(account.pk, events, within=300)
            tps = _pgbench(account.pk, channel.pk, seconds)
            processed.append(rate)
            bare.append(tps)
            ratios.append(rate / tps)
    return {
        "processed_per_second": statistics.median(processed),
        "pgbench_per_second": statistics.median(bare),
        "ratio": statistics.median(ratios),
    }


def _owner() -> list[str]:
    from django.db import connection

    known = connection.get_connection_params()
    options = [
        item for option, key in (("-h", "host"), ("-p", "port"), ("-U", "user")) if known.get(key) for item in (option, str(known[key]))
    ]
    return [*options, str(known["dbname"])]


def _note_people(account_id: int, channel_id: int) -> None:
    """A table of whom pgbench writes for, so that it looks nothing up that the product would not have at hand."""
    statement = f"""
      SET hilo.account = '{account_id}';
      DROP TABLE IF EXISTS bench_person;
      CREATE TABLE bench_person AS
      SELECT row_number() OVER (ORDER BY p.id) number, p.id profile, p.contact_id contact, s.id strand, s.conversation_id conversation,
        (SELECT id FROM contacts_identifier i WHERE i.profile_id = p.id AND kind = 'whatsapp' LIMIT 1) identifier,
        (SELECT min(id) FROM inbox_inboundevent WHERE channel_id = {channel_id}) + row_number() OVER (ORDER BY p.id) - 1 event
      FROM contacts_profile p JOIN inbox_strand s ON s.profile_id = p.id WHERE p.account_id = {account_id};
      CREATE UNIQUE INDEX ON bench_person (number);
      GRANT SELECT ON bench_person TO PUBLIC;
    """
    psql = pgbench_program().removesuffix("pgbench") + "psql"
    subprocess.run([psql, "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, *_owner()], check=True, capture_output=True)


def _pgbench(account_id: int, channel_id: int, seconds: int) -> float:
    from django.conf import settings

    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(WRITES.format(people=PEOPLE, account=account_id, channel=channel_id))
        script.flush()
        command = [
            pgbench_program(),
            "-n",
            "-M",
            "prepared",
            "-c",
            str(CLIENTS),
            "-j",
            "2",
            "-T",
            str(seconds),
            "-f",
            script.name,
            *_owner(),
        ]
        environment = {**os.environ, "PGOPTIONS": f"-c role={settings.APP_ROLE}"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("tps")).split()[2])


def report() -> None:
    """Print one line."""
    found = measure()
    print(
        f"processing, two workers: {found['processed_per_second']:,.0f} messages/s; pgbench with the same writes "
        f"{found['pgbench_per_second']:,.0f}/s; ratio {found['ratio']:.0%} (goal {GOAL:.0%})"
    )
