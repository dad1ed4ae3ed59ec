"""The intake's own way to the database: a small pool under the web role, and one insert for everything that waits.

Webhooks that arrive while a statement is under way wait for the next one, which stores them all: one round trip and one
commit for many. Each is answered only after the commit that holds it.
"""

import asyncio
import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import connections
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from accounts.encryption import EncryptedJSONField
from integrations.verifiers import Hook

log = structlog.get_logger("hilo.intake")

# Statements under way at once, per process: while one commits, the next one fills.
WRITERS = 2
WAIT_FOR_CONNECTION = 5.0  # seconds
MOST_EVENTS, MOST_BYTES = 64, 4 * 1024 * 1024  # in one statement
TALLY_EVERY = 5.0  # seconds

# The setting is local to the statement's own transaction; row-level security checks each row after it was made.
INSERT_ONE = """
WITH scope AS MATERIALIZED (SELECT set_config('hilo.account', %(account)s::text, true))
INSERT INTO inbox_inboundevent (account_id, channel_id, sha256, body, context, state, attempts, error)
SELECT %(account)s::bigint, %(channel)s::bigint, %(sha256)b::bytea, %(body)b::bytea, '{}'::jsonb, 'pending', 0, '' FROM scope
ON CONFLICT (account_id, channel_id, sha256) DO NOTHING RETURNING id, channel_id, sha256
"""
INSERT_MANY = """
WITH scope AS MATERIALIZED (SELECT set_config('hilo.account', %(account)s::text, true))
INSERT INTO inbox_inboundevent (account_id, channel_id, sha256, body, context, state, attempts, error)
SELECT %(account)s::bigint, event.channel_id, event.sha256, event.body, '{}'::jsonb, 'pending', 0, ''
FROM scope, unnest(%(channels)b::bigint[], %(digests)b::bytea[], %(bodies)b::bytea[]) AS event (channel_id, sha256, body)
ON CONFLICT (account_id, channel_id, sha256) DO NOTHING RETURNING id, channel_id, sha256
"""
ENTER = "SELECT set_config('hilo.account', %s, true)"
TALLY = """
UPDATE accounts_channel SET refused_count = refused_count + %(refused)s,
  last_event_at = CASE WHEN %(accepted)s > 0 THEN now() ELSE last_event_at END
WHERE account_id = %(account)s AND id = %(channel)s
"""


@dataclass
class _Waiting:
    channel_id: int
    sha256: bytes
    body: bytes
    stored: "asyncio.Future[int | None]"


@dataclass
class _Tally:
    account_id: int
    refused: int = 0
    accepted: int = 0


@dataclass
class IntakeDatabase:
    """Opened in the event loop that uses it; closed by the same."""

    pool: AsyncConnectionPool
    _waiting: OrderedDict[int, deque[_Waiting]] = field(default_factory=OrderedDict)
    _writers: set["asyncio.Task[None]"] = field(default_factory=set)
    _tallies: dict[int, _Tally] = field(default_factory=dict)
    _tallier: "asyncio.Task[None] | None" = None

    @classmethod
    async def open(cls) -> "IntakeDatabase":
        pool = AsyncConnectionPool(
            kwargs=connection_parameters(),
            min_size=1,
            max_size=WRITERS + 2,
            timeout=WAIT_FOR_CONNECTION,
            open=False,
            configure=_take_role,
            name="intake",
        )
        await pool.open()
        database = cls(pool)
        database._tallier = asyncio.create_task(database._tally_for_ever())
        return database

    async def close(self) -> None:
        """Let what is under way end, and write the last counts."""
        if self._tallier is not None:
            self._tallier.cancel()
        while self._writers:
            await asyncio.gather(*self._writers, return_exceptions=True)
        await self.write_tallies()
        await self.pool.close()

    async def find_hook(self, key: str) -> Hook | None:
        """The active channel of a key. The account is asked first; the row is read within it."""
        async with self.pool.connection() as connection:
            row = await (await connection.execute("SELECT hilo_account_by_channel(%s)", [key])).fetchone()
            if row is None or row[0] is None:
                return None
            async with connection.transaction():
                await connection.execute(ENTER, [str(row[0])])
                found = await connection.execute(
                    "SELECT account_id, id, kind, settings, secrets FROM accounts_channel WHERE key = %s AND is_active", [key]
                )
                channel = await found.fetchone()
        if channel is None:
            return None
        account_id, channel_id, kind, public, secrets = channel
        return Hook(account_id, channel_id, kind, public, EncryptedJSONField().from_db_value(secrets, None, None) or {})

    async def store(self, hook: Hook, body: bytes) -> int | None:
        """Store one body durably; its id, or ``None`` where the channel has these very bytes already."""
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(hook.channel_id, hashlib.sha256(body).digest(), body, future)
        self._waiting.setdefault(hook.account_id, deque()).append(waiting)
        self._start_writer()
        event_id = await future
        self._tally(hook).accepted += 1
        return event_id

    def count_refusal(self, hook: Hook) -> None:
        """Counted in the process and written every few seconds, so that a flood of forgeries locks no row."""
        self._tally(hook).refused += 1

    def _tally(self, hook: Hook) -> _Tally:
        return self._tallies.setdefault(hook.channel_id, _Tally(hook.account_id))

    def _start_writer(self) -> None:
        if self._waiting and len(self._writers) < WRITERS:
            writer = asyncio.create_task(self._write_what_waits())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write_what_waits(self) -> None:
        while self._waiting:
            account_id, batch = self._next_batch()
            try:
                await self._write(account_id, batch)
            except Exception as error:
                for waiting in batch:
                    if not waiting.stored.done():
                        waiting.stored.set_exception(error)

    def _next_batch(self) -> tuple[int, list[_Waiting]]:
        """Of the account that has waited longest; what is left of it queues up again behind the others."""
        account_id, queue = self._waiting.popitem(last=False)
        batch, size = [queue.popleft()], 0
        while queue and len(batch) < MOST_EVENTS and (size := size + len(queue[0].body)) < MOST_BYTES:
            batch.append(queue.popleft())
        if queue:
            self._waiting[account_id] = queue
        # The same order in every process: two that bring the same events wait for each other, they do not deadlock.
        batch.sort(key=lambda waiting: (waiting.channel_id, waiting.sha256))
        return account_id, batch

    async def _write(self, account_id: int, batch: list[_Waiting]) -> None:
        try:
            ids = await self._insert(account_id, batch)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            if len(batch) == 1:
                raise
            # One row that the database refuses must not cost the others.
            for waiting in batch:
                try:
                    await self._write(account_id, [waiting])
                except psycopg.Error as error:
                    waiting.stored.set_exception(error)
            return
        for waiting in batch:
            if not waiting.stored.done():
                waiting.stored.set_result(ids.pop((waiting.channel_id, waiting.sha256), None))

    async def _insert(self, account_id: int, batch: list[_Waiting]) -> dict[tuple[int, bytes], int]:
        parameters: dict[str, Any]
        if len(batch) == 1:
            statement = INSERT_ONE
            parameters = {"account": account_id, "channel": batch[0].channel_id, "sha256": batch[0].sha256, "body": batch[0].body}
        else:
            statement = INSERT_MANY
            parameters = {
                "account": account_id,
                "channels": [waiting.channel_id for waiting in batch],
                "digests": [waiting.sha256 for waiting in batch],
                "bodies": [waiting.body for waiting in batch],
            }
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, parameters, binary=True)
            return {(channel_id, bytes(sha256)): event_id for event_id, channel_id, sha256 in await cursor.fetchall()}

    async def _tally_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TALLY_EVERY)
            await self.write_tallies()

    async def write_tallies(self) -> None:
        """Add to the channels what was counted since the last time: refusals, and that something came."""
        tallies, self._tallies = self._tallies, {}
        for channel_id, tally in tallies.items():
            parameters = {"account": tally.account_id, "channel": channel_id, "refused": tally.refused, "accepted": tally.accepted}
            try:
                async with self.pool.connection() as connection, connection.transaction():
                    await connection.execute(ENTER, [str(tally.account_id)])
                    await connection.execute(TALLY, parameters)
                if tally.refused:
                    log.warning("webhooks_refused", account=tally.account_id, channel=channel_id, count=tally.refused)
            except psycopg.Error as error:
                log.warning("tally_not_written", channel=channel_id, error=type(error).__name__)
                kept = self._tallies.setdefault(channel_id, _Tally(tally.account_id))
                kept.refused += tally.refused
                kept.accepted += tally.accepted


def connection_parameters() -> dict[str, Any]:
    """psycopg's own parameters for the database that Django uses, without what is Django's."""
    ours = connections["default"].get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        ours.pop(django_only, None)
    return {**ours, "autocommit": True, "prepare_threshold": 1}


async def _take_role(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(settings.APP_ROLE)))
