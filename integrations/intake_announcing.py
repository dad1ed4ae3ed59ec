"""Tell the workers what the intake has stored, behind the answer's back.

Handing one task to the broker costs about as much as accepting the webhook does, so what piles up while the broker is being
spoken to goes as one task. A broker that is slow or down costs nothing but time: the sweeper asks again for whatever is pending.
"""

import queue
import threading

import structlog

from accounts.queueing import publish

log = structlog.get_logger("hilo.intake")

MOST_TOGETHER = 25
MOST_WAITING = 10_000
_STOP = None


class Announcer:
    """A thread of its own, since the broker's client blocks. It starts with the first event and ends with the process."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def announce(self, *, account_id: int, event_id: int) -> None:
        """Never waits, never raises; what does not fit is left to the sweeper."""
        if self._events.qsize() >= MOST_WAITING:
            return
        self._events.put((account_id, event_id))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="intake-announcer", daemon=True)
            self._thread.start()

    def close(self, *, within: float = 3.0) -> None:
        """Hand over what waits, for at most ``within`` seconds."""
        if self._thread is not None:
            self._events.put(_STOP)
            self._thread.join(within)

    def _run(self) -> None:
        from integrations.tasks import process_inbound_events

        while (first := self._events.get()) is not _STOP:
            together: dict[int, list[int]] = {first[0]: [first[1]]}
            stop = False
            for _ in range(MOST_TOGETHER - 1):
                try:
                    following = self._events.get_nowait()
                except queue.Empty:
                    break
                if following is _STOP:
                    stop = True
                    break
                together.setdefault(following[0], []).append(following[1])
            for account_id, event_ids in together.items():
                try:
                    publish(process_inbound_events, account_id=account_id, event_ids=event_ids)
                except Exception as error:
                    log.warning("events_not_announced", account=account_id, error=type(error).__name__)
            if stop:
                return
