"""Who can carry a verification code to an identifier: a registry that the rooms with channels fill when they are ready."""

from typing import Any, Protocol

from contacts.models import Identifier


class CodeNotSent(Exception):
    """The code did not leave; ``text`` says why, for the agent."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class CodeSender(Protocol):
    """Carries a code by one way. ``reaches`` are the kinds of identifiers it writes to."""

    name: str
    label: Any
    reaches: frozenset[str]

    def is_ready(self) -> bool:
        """Whether the account in scope has a channel that can do it. One query."""
        ...

    def send(self, *, identifier: Identifier, code: str, minutes: int, link: str = "", language: str = "") -> None:
        """Send it now; it holds for ``minutes``. Raises ``CodeNotSent``. Keep the code nowhere.

        ``link`` does the same with one tap; a way that cannot carry one leaves it out. ``language``: empty for the account's own.
        """
        ...


_senders: dict[str, CodeSender] = {}


def register(sender: CodeSender) -> None:
    """Called from the ``ready()`` of the room that has the channel; registering again replaces."""
    _senders[sender.name] = sender


def ready_senders() -> list[CodeSender]:
    """Those that the account in scope could use now, in the order of their registration."""
    return [sender for sender in _senders.values() if sender.is_ready()]


def sender_named(name: str) -> CodeSender:
    """Raises ``KeyError``."""
    return _senders[name]
