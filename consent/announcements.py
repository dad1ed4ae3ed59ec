"""Who is told when consent changes: rooms to the left register in ``AppConfig.ready()``."""

from typing import Protocol

from consent.models import ConsentEvent, ContactPoint


class Listener(Protocol):
    def __call__(self, *, point: ContactPoint, event: ConsentEvent) -> None:
        """Called inside the transaction that records the event, once for each new event."""
        ...


_listeners: list[Listener] = []


def on_consent_changed(listener: Listener) -> None:
    """Adding a listener again changes nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(*, point: ContactPoint, event: ConsentEvent) -> None:
    for listener in _listeners:
        listener(point=point, event=event)
