"""Short words for the tests of outgoing webhooks: subscribe, deliver what is due, read what arrived."""

from collections.abc import Collection
from typing import Any

from standardwebhooks import Webhook

from accounts.actors import SYSTEM
from integrations.models import WebhookDelivery, WebhookSubscription
from integrations.webhooks.delivering import deliver, due
from integrations.webhooks.event_types import EVENT_TYPES
from integrations.webhooks.subscribing import subscribe
from tests.integrations.provider import Asked, Provider


def subscribe_to(provider: Provider, events: Collection[str] = (), path: str = "/hook", **fields: Any) -> tuple[WebhookSubscription, str]:
    return subscribe(name=f"Prueba {path}", url=provider.url + path, events=events or list(EVENT_TYPES), by=SYSTEM, **fields)


def deliver_all() -> None:
    """What workers do until nothing is due."""
    while ids := list(due().order_by("event").values_list("pk", flat=True)):
        for pk in ids:
            deliver(delivery_id=pk)


def heard(provider: Provider, secret: str) -> list[dict[str, Any]]:
    """Every body that arrived, each with a signature that the library accepts."""
    return [verified(asked, secret) for asked in provider.asked]


def verified(asked: Asked, secret: str) -> dict[str, Any]:
    """Raises ``WebhookVerificationError``."""
    return Webhook(secret).verify(asked.body, asked.headers)


def types(provider: Provider) -> list[str]:
    return [asked.json["type"] for asked in provider.asked]


def states() -> list[str]:
    return list(WebhookDelivery.scoped().order_by("event").values_list("state", flat=True))
