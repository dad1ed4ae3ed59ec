"""Messages of consent to the person themselves: the inbox, which has the channels, registers how one is carried."""

from dataclasses import dataclass
from typing import Protocol

from accounts.actors import Actor
from contacts.models import Identifier


@dataclass(frozen=True)
class Letter:
    """``channel`` is the kind of channel to go by; ``category`` consent's; the same ``key`` is sent once."""

    identifier: Identifier
    channel: str
    text: str
    category: str
    key: str


class Courier(Protocol):
    def __call__(self, *, letter: Letter, by: Actor) -> str:
        """Hand it to the gate and the outbox. Returns why it cannot leave, in the active language; empty where it was accepted."""
        ...


_couriers: list[Courier] = []


def carry_letters(courier: Courier) -> None:
    """Called from the ``ready()`` of the room that has the channels. The latest one counts."""
    _couriers[:] = [courier]


def send_letter(letter: Letter, *, by: Actor) -> str:
    """As above. Without a courier nothing is sent, and says so."""
    return _couriers[0](letter=letter, by=by) if _couriers else "no courier"
