"""How an event is put for one kind of receiver. Everything else (order, retries, log, replay) is the same for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from rest_framework.renderers import JSONRenderer

from integrations.models import WebhookEvent, WebhookSubscription
from integrations.webhooks.payloads import Built
from integrations.webhooks.signing import signed_headers


@dataclass(frozen=True)
class Outgoing:
    """One request. ``hidden`` names the headers that the log leaves out."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    hidden: frozenset[str]


class Compose(Protocol):
    def __call__(self, *, subscription: WebhookSubscription, event: WebhookEvent, built: Built, at: datetime) -> Outgoing | None:
        """``None``: this kind of receiver has no word for the event."""
        ...


_kinds: dict[str, Compose] = {}


def register(kind: str, compose: Compose) -> None:
    """For ``AppConfig.ready()``."""
    _kinds[kind] = compose


def compose_for(kind: str) -> Compose:
    return _kinds[kind]


def message_id(event: WebhookEvent) -> str:
    return f"evt_{event.uid.hex}"


def envelope(event: WebhookEvent, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": message_id(event),
        "type": event.type,
        "version": event.version,
        "timestamp": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "data": data,
    }


def compose_webhook(*, subscription: WebhookSubscription, event: WebhookEvent, built: Built, at: datetime) -> Outgoing:
    """As the Standard Webhooks specification has it."""
    body = JSONRenderer().render(envelope(event, built.data))
    headers = signed_headers(subscription=subscription, message_id=message_id(event), at=at, body=body)
    return Outgoing(subscription.url, {"content-type": "application/json", **headers}, body, frozenset({"webhook-signature"}))
