"""Who can carry the letter of a re-consent campaign: a registry that the rooms with channels fill when they are ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contacts.models import Identifier


@dataclass(frozen=True)
class Letter:
    """What is written to one person. ``subject_key`` names the letter to the gate and to the provider: twice the same is one."""

    subject_key: str
    title: str
    body: str
    headers: Mapping[str, str]


class LetterNotSent(Exception):
    """The letter did not leave. ``not_before``: when it may be tried again; ``None``: not at all."""

    def __init__(self, text: str, not_before: datetime | None = None) -> None:
        super().__init__(text)
        self.text, self.not_before = text, not_before


class LetterUnknown(Exception):
    """Nobody knows whether the letter left. It is not sent again."""


class LetterSender(Protocol):
    """Writes to the kinds of identifiers that it ``reaches``."""

    name: str
    reaches: frozenset[str]

    def is_ready(self) -> bool:
        """Whether the account in scope has a channel that can do it. One query."""
        ...

    def mailbox(self) -> str:
        """The address that answers and unsubscribing mails go to; empty where there is none."""
        ...

    def send(self, *, identifier: Identifier, letter: Letter) -> None:
        """Ask the gate, and send it now. Raises ``LetterNotSent``, ``LetterUnknown``."""
        ...


_senders: dict[str, LetterSender] = {}


def register(sender: LetterSender) -> None:
    """Called from the ``ready()`` of the room that has the channel; registering again replaces."""
    _senders[sender.name] = sender


def ready_senders() -> list[LetterSender]:
    """Those that the account in scope could use now, in the order of their registration."""
    return [sender for sender in _senders.values() if sender.is_ready()]
