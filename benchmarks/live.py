"""From webhook to agent's screen, against an empty socket round trip plus one commit.

One message at a time on an idle installation: web server and worker as `make run` starts them. The clock starts before the webhook is
posted. *Told* is when the agent's socket says that there is a message, *shown* when the fragment with it has been fetched as well.
"""

import asyncio
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import websockets
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from benchmarks.intake import SECRET, payload, server
from benchmarks.processing import worker
from integrations.signatures import hub_signature

GOAL = 5.0


@dataclass
class Timings:
    """Milliseconds, one figure a message."""

    told: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def _prepare() -> tuple[Any, Any, str]:
    from accounts.models import Channel, Membership, User
    from accounts.opening import open_account
    from accounts.scope import account_scope

    name = uuid.uuid4().hex[:8]
    account = open_account(name="Medición", slug=f"bench-{name}", unification_enabled=True)
    with account_scope(account):
        member = Membership.objects.create(user=User.objects.create_user(email=f"{name}@andes.example", password=None, name="Laura"))
        channel = Channel.objects.create(
            kind="whatsapp", name="Medición", settings={"phone_number_id": "106540352242922"}, secrets={"app_secret": SECRET}
        )
    return account, member, f"/hooks/whatsapp/{channel.key}/"


async def _run(port: int, slug: str, cookie: str, path: str, messages: int) -> Timings:
    timings = Timings()
    base, headers = f"http://127.0.0.1:{port}", {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
    socket_url = f"ws://127.0.0.1:{port}/ws/a/{slug}/"
    row = connection.get_connection_params()
    target = psycopg.conninfo.make_conninfo(host=row.get("host"), port=row.get("port"), user=row.get("user"), dbname=row["dbname"])
    async with (
        httpx.AsyncClient(trust_env=False, headers=headers) as client,
        websockets.connect(socket_url, additional_headers=headers, origin=base) as socket,
        await psycopg.AsyncConnection.connect(target, autocommit=True) as database,
    ):
        await database.execute("CREATE TEMP TABLE one_commit (at timestamptz)")
        for number in range(messages + 10):
            body = payload(number)
            signed = {"X-Hub-Signature-256": hub_signature(secret=SECRET, body=body), "Content-Type": "application/json"}
            started = time.perf_counter()
            (await client.post(base + path, content=body, headers=signed)).raise_for_status()
            update = await _message(socket)
            told = time.perf_counter()
            url = base + reverse("inbox:conversation", kwargs={"account_slug": slug, "conversation_id": update["conversation"]})
            (await client.get(url, headers={"HX-Request": "true"})).raise_for_status()
            shown = time.perf_counter()
            await (await socket.ping())
            await database.execute("INSERT INTO one_commit VALUES (now())")
            bare = time.perf_counter()
            if number >= 10:
                timings.told.append((told - started) * 1000)
                timings.shown.append((shown - started) * 1000)
                timings.bare.append((bare - shown) * 1000)
    return timings


async def _message(socket: Any) -> dict[str, Any]:
    async with asyncio.timeout(20):
        async for text in socket:
            update = json.loads(text)
            if update.get("kind") == "message":
                return dict(update)
    raise SystemExit("the socket was closed")


def measure(*, messages: int = 100) -> Timings:
    """Timings of ``messages`` messages, after ten that warm everything up."""
    account, member, path = _prepare()
    client = Client()
    client.force_login(member.user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with server("uvicorn", 1) as port, worker():
        os.environ["PORT"] = str(port)
        return asyncio.run(_run(port, account.slug, cookie, path, messages))


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def report() -> None:
    """Print two lines: p50 and p95."""
    timings = measure()
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        told, shown, bare = (_percentile(values, share) for values in (timings.told, timings.shown, timings.bare))
        print(
            f"webhook to agent, {name}: told {told:.1f} ms, shown {shown:.1f} ms; empty round trip and one commit {bare:.1f} ms; "
            f"ratio {told / bare:.1f}× told, {shown / bare:.1f}× shown (goal {GOAL:.0f}×)"
        )
