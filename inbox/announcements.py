"""Who acts on a received message (the greeting bot), and who is told what becomes of conversations and messages.

Explicit registries, filled in ``AppConfig.ready()``; everybody is called inside the transaction of the change.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

import structlog
from django.db import transaction

from contacts.matching import Recognition
from inbox.adapters import InboundMessage
from inbox.models import Conversation, Message

log = structlog.get_logger("hilo.receiving")

# Called as listener(message=Message, inbound=InboundMessage, recognition=Recognition, conversation=Conversation), once for each
# message of the other side (never an echo), inside the transaction that stores it; the conversation's row is locked.
Listener = Callable[..., Any]
_listeners: list[Listener] = []


def on_message_received(listener: Listener) -> None:
    """Add a listener; adding it again changes nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(*, message: Message, inbound: InboundMessage, recognition: Recognition, conversation: Conversation) -> None:
    """Call the listeners, each in a savepoint. Their trouble is not the message's: it is logged, and the message is kept."""
    for listener in _listeners:
        try:
            with transaction.atomic():
                listener(message=message, inbound=inbound, recognition=recognition, conversation=conversation)
        except Exception:
            log.exception("listener_failed", message=message.pk, listener=getattr(listener, "__qualname__", ""))


class ConversationChange(StrEnum):
    CREATED = "created"
    ASSIGNED = "assigned"  # to somebody, to somebody else, or back to nobody
    RESOLVED = "resolved"
    REOPENED = "reopened"


class MessageChange(StrEnum):
    RECEIVED = "received"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class ConversationListener(Protocol):
    def __call__(self, *, conversation: Conversation, change: ConversationChange) -> None:
        """Called while the conversation's row is locked, or new."""
        ...


class MessageListener(Protocol):
    def __call__(self, *, message: Message, change: MessageChange) -> None:
        """Called once for each step of a message. Unlike a listener of received messages it may fail the change."""
        ...


_conversation_listeners: list[ConversationListener] = []
_message_listeners: list[MessageListener] = []


def on_conversation_changed(listener: ConversationListener) -> None:
    """Add a listener; adding it again changes nothing."""
    if listener not in _conversation_listeners:
        _conversation_listeners.append(listener)


def on_message_changed(listener: MessageListener) -> None:
    """Add a listener; adding it again changes nothing."""
    if listener not in _message_listeners:
        _message_listeners.append(listener)


def announce_conversation(conversation: Conversation, change: ConversationChange) -> None:
    for listener in _conversation_listeners:
        listener(conversation=conversation, change=change)


def announce_step(message: Message, change: MessageChange) -> None:
    for listener in _message_listeners:
        listener(message=message, change=change)
