"""Tell open screens that something changed: ids only. The screen fetches again, and its socket checks permission again."""

import functools
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction
from redis import ConnectionPool, Redis, RedisError

log = structlog.get_logger("hilo.live")


def account_group(account_id: int) -> str:
    """The group that every agent's socket of an account listens to."""
    return f"account.{account_id}"


def conversation_group(conversation_id: int) -> str:
    """The group of sockets through which the other side takes part in a conversation (a visitor's web chat).

    They hear ``{"type": "conversation.update", "kind": "typing", "membership": id}`` and ``{…, "kind": "read"}``.
    """
    return f"conversation.{conversation_id}"


def tell_account(account_id: int, kind: str, **ids: int | str | None) -> None:
    """After commit, send ``{"kind": kind, **ids}`` to every open screen of the account.

    Kinds: ``message`` (conversation, message), ``conversation`` (conversation), ``contact`` (contact), ``presence``,
    ``typing`` (conversation, who: ``contact``, the other side is writing).
    """
    transaction.on_commit(functools.partial(tell_group, account_group(account_id), {"type": "live.update", "kind": kind, **ids}))


def tell_group(group: str, message: dict[str, Any]) -> None:
    """Publish to a group now, from synchronous code. A broker that does not answer is logged, never an error of the caller.

    Written straight to the layer's publish channel: ``async_to_sync(group_send)`` opens an event loop and a connection each time.
    """
    layer: Any = get_channel_layer()
    layers: dict[str, Any] = settings.CHANNEL_LAYERS
    prefix = layers["default"]["CONFIG"]["prefix"]
    try:
        Redis(connection_pool=broker_pool()).publish(f"{prefix}__group__{group}", layer.serialize(message))
    except (RedisError, OSError) as error:
        log.warning("live_update_lost", group=group, error=type(error).__name__)


@functools.cache
def broker_pool() -> ConnectionPool:
    """Connections to the broker for short synchronous commands; shared by the process."""
    return ConnectionPool.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
