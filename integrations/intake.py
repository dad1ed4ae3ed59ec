"""Webhooks: a thin ASGI app for ``/hooks/<kind>/<channel key>/``, in front of Django.

Verify the signature over the raw bytes, store them durably, answer, and only then tell a worker. Nothing else happens in the
request, because a provider counts slow answers as faults and takes its subscription back.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import structlog

from integrations.intake_announcing import Announcer
from integrations.intake_database import IntakeDatabase
from integrations.verifiers import VERIFIERS, Hook

log = structlog.get_logger("hilo.intake")

PREFIX = "/hooks/"
# Below the same prefix, and Django's: what is said there is understood before it is taken, and refused in words; and what other systems
# tell of their records only names what is to be read.
PASSED_ON = ("/hooks/identify/", "/hooks/crm/")
MAX_BODY = 3 * 1024 * 1024
# A refused body is read on for a while and thrown away: a client that is still writing would not see the answer otherwise.
MAX_DRAINED = 32 * 1024 * 1024
BODY_WITHIN = 20.0  # seconds
# How long a changed secret or a channel that was switched off may go unnoticed.
REMEMBER = 3.0  # seconds
MOST_REMEMBERED = 5000

_PATH = re.compile(r"/hooks/([a-z_]{1,20})/([A-Za-z0-9_-]{1,32})/?")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class TooLarge(Exception):
    """The body exceeds the limit."""


class Gone(Exception):
    """The client hung up."""


class Intake:
    """Takes what is its own and passes everything else to ``app``."""

    def __init__(self, app: App | None = None, *, announcer: Announcer | None = None) -> None:
        self.app = app
        self.announcer = announcer or Announcer()
        self._database: IntakeDatabase | None = None
        self._opening = asyncio.Lock()
        self._hooks: OrderedDict[str, tuple[float, asyncio.Future[Hook | None]]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX) and not scope["path"].startswith(PASSED_ON):
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self.app is not None:
            await self.app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The database is opened with the first webhook: a web server starts even while it is down."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def close(self) -> None:
        """End what is under way, write the counts, hand over what waits."""
        if self._database is not None:
            await self._database.close()
            self._database = None
        await asyncio.to_thread(self.announcer.close)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        try:
            hook = await self._find(scope["path"])
            if hook is None:
                await _respond(send, 404)
            elif method == "POST":
                await self._accept(hook, scope, receive, send)
            elif method == "GET":
                query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
                challenge = VERIFIERS[hook.kind].answer_handshake(hook, query)
                await _respond(send, 403 if challenge is None else 200, (challenge or "").encode())
            else:
                await _respond(send, 405, headers=[(b"allow", b"GET, POST")])
        except Gone:
            return
        except Exception as error:
            # The provider tries again, for days if need be.
            log.error("intake_failed", error=type(error).__name__, detail=str(error)[:300])
            await _respond(send, 503, headers=[(b"retry-after", b"5")])

    async def _accept(self, hook: Hook, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            async with asyncio.timeout(BODY_WITHIN):
                body = await read_body(receive, headers.get(b"content-length", b""))
        except TooLarge:
            await _refuse_large(receive, send)
            return
        except TimeoutError:
            await _respond(send, 408)
            return
        database = await self._open()
        if not VERIFIERS[hook.kind].is_authentic(hook, headers, body):
            database.count_refusal(hook)
            await _respond(send, 403)
            return
        event_id = await database.store(hook, body)
        await _respond(send, 200)
        if event_id is not None:
            self.announcer.announce(account_id=hook.account_id, event_id=event_id)

    async def _find(self, path: str) -> Hook | None:
        named = _PATH.fullmatch(path)
        if named is None or named[1] not in VERIFIERS:
            return None
        hook = await self._remembered(named[2])
        return hook if hook is not None and hook.kind == named[1] else None

    async def _remembered(self, key: str) -> Hook | None:
        """The channel of a key, asked for once by however many requests, and again after ``REMEMBER`` seconds."""
        now = time.monotonic()
        known = self._hooks.get(key)
        if known is None or known[0] < now:
            asked = asyncio.ensure_future(self._ask(key))
            known = self._hooks[key] = (now + REMEMBER, asked)
            while len(self._hooks) > MOST_REMEMBERED:
                self._hooks.popitem(last=False)
        try:
            return await asyncio.shield(known[1])
        except Exception:
            # What went wrong is not remembered.
            self._hooks.pop(key, None)
            raise

    async def _ask(self, key: str) -> Hook | None:
        return await (await self._open()).find_hook(key)

    async def _open(self) -> IntakeDatabase:
        if self._database is None:
            async with self._opening:
                if self._database is None:
                    self._database = await IntakeDatabase.open()
        return self._database


async def read_body(receive: Receive, announced: bytes) -> bytes:
    """The whole body. Raises ``TooLarge`` as soon as it is known to be, ``Gone`` when the client hangs up."""
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise TooLarge
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_BODY:
            raise TooLarge
        return body
    parts, size = [], 0
    while message["type"] == "http.request":
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    raise Gone


async def _refuse_large(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0"), (b"connection", b"close")]})
    drained = 0
    try:
        async with asyncio.timeout(BODY_WITHIN):
            while drained < MAX_DRAINED:
                message = await receive()
                drained += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


async def _respond(send: Send, status: int, body: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None) -> None:
    fixed = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fixed + (headers or [])})
    await send({"type": "http.response.body", "body": body})
