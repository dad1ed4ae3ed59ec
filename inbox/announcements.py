"""Who acts on a received message (the greeting bot): an explicit registry, filled in ``AppConfig.ready()``."""

from collections.abc import Callable
from typing import Any

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
