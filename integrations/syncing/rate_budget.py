"""How many calls a remote account still takes: one budget per account there, shared by every connection and process.

A bucket in Valkey: it holds ``rate.calls`` calls and refills evenly. Back-fills leave a part of it alone, so that a live change
never waits behind them. What the other system asks for by Retry-After holds for everybody.
"""

import hashlib

import structlog
from redis import Redis, RedisError

from inbox.live_updates import broker_pool
from integrations.crm.contract import Rate, Retry

log = structlog.get_logger("hilo.syncing")

# The part of the bucket that is kept for live changes.
KEPT_FOR_LIVE = 0.3
_SPEND = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
if held > ms then return held - ms end
local calls, window, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = tonumber(bucket[1] or ARGV[1])
local at = tonumber(bucket[2] or ms)
left = math.min(calls, left + (ms - at) * calls / window)
local wait = 0
if left - 1 >= keep then left = left - 1 else wait = math.ceil((keep + 1 - left) * window / calls) end
redis.call('HSET', KEYS[1], 'left', tostring(left), 'at', tostring(ms))
redis.call('PEXPIRE', KEYS[1], math.ceil(window) + 60000)
return wait
"""


class Budget:
    """The budget of one remote account."""

    def __init__(self, *, kind: str, remote_account: str, rate: Rate, is_back_fill: bool = False) -> None:
        name = hashlib.sha256(f"{kind} {remote_account}".encode()).hexdigest()[:32]
        self._bucket, self._silence = f"hilo:budget:{{{name}}}", f"hilo:silence:{{{name}}}"
        self._rate = rate
        self._keep = rate.calls * KEPT_FOR_LIVE if is_back_fill else 0.0

    def spend(self) -> None:
        """Take one call. Raises ``Retry`` with the seconds until there is one. Without Valkey nobody counts, and calls go on."""
        try:
            wait = int(_redis().eval(_SPEND, 2, self._bucket, self._silence, self._rate.calls, self._rate.seconds * 1000, self._keep))
        except (RedisError, OSError) as error:
            log.warning("budget_unknown", error=type(error).__name__)
            return
        if wait > 0:
            raise Retry("The budget of calls is used up", after=wait / 1000)

    def hold(self, seconds: float) -> None:
        """Nobody calls the account for so many seconds."""
        try:
            client = _redis()
            now, micro = client.time()
            until = int(now * 1000 + micro // 1000 + seconds * 1000)
            client.set(self._silence, until, px=max(int(seconds * 1000), 1))
        except (RedisError, OSError) as error:
            log.warning("budget_unknown", error=type(error).__name__)


def _redis() -> Redis:
    return Redis(connection_pool=broker_pool())
