"""Who of the team looks at a conversation or types in it: kept in the broker for a minute, never in the database."""

import time
from typing import Any

import structlog
from redis import Redis, RedisError

from inbox.live_updates import account_group, broker_pool, conversation_group, tell_group

log = structlog.get_logger("hilo.live")

# A screen that is alive says so again within this many seconds; one that crashed is forgotten after them.
STAYS = 60
STATES = ("viewing", "typing")


def _place(account_id: int, conversation_id: int) -> str:
    return f"hilo:presence:{account_id}:{conversation_id}"


def enter(*, account_id: int, conversation_id: int, membership_id: int, screen: str, state: str) -> None:
    """Note that a member's screen shows the conversation (``viewing``) or writes in it (``typing``), and tell the others."""
    place = _place(account_id, conversation_id)
    try:
        with Redis(connection_pool=broker_pool()).pipeline() as commands:
            commands.hset(place, f"{membership_id}:{screen}", f"{state}:{int(time.time())}")
            commands.expire(place, STAYS * 2)
            commands.execute()
    except (RedisError, OSError) as error:
        log.warning("presence_lost", error=type(error).__name__)
    _tell(account_id, conversation_id, membership_id, state)


def leave(*, account_id: int, conversation_id: int, membership_id: int, screen: str) -> None:
    """The screen shows something else now, or is gone."""
    try:
        Redis(connection_pool=broker_pool()).hdel(_place(account_id, conversation_id), f"{membership_id}:{screen}")
    except (RedisError, OSError) as error:
        log.warning("presence_lost", error=type(error).__name__)
    _tell(account_id, conversation_id, membership_id, "left")


def present(*, account_id: int, conversation_id: int) -> dict[int, str]:
    """Membership id → ``viewing`` or ``typing``; of several screens the one that types counts."""
    try:
        noted: Any = Redis(connection_pool=broker_pool()).hgetall(_place(account_id, conversation_id))
    except (RedisError, OSError):
        return {}
    found: dict[int, str] = {}
    for who, what in noted.items():
        state, _colon, since = what.decode().partition(":")
        membership_id = int(who.decode().partition(":")[0])
        if time.time() - int(since) <= STAYS and found.get(membership_id) != "typing":
            found[membership_id] = state
    return found


def _tell(account_id: int, conversation_id: int, membership_id: int, state: str) -> None:
    update = {"type": "live.update", "kind": "presence", "conversation": conversation_id, "membership": membership_id, "state": state}
    tell_group(account_group(account_id), update)
    if state == "typing":
        tell_group(conversation_group(conversation_id), {"type": "conversation.update", "kind": "typing", "membership": membership_id})
