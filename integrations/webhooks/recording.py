"""Write down that something happened, for whoever subscribed to it: inside the transaction in which it did."""

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.postgres.functions import TransactionNow

from accounts.queueing import enqueue
from integrations.models import WebhookDelivery, WebhookEvent, WebhookSubscription
from integrations.webhooks.event_types import version_of

State = WebhookSubscription.State


def subscribers(types: Collection[str]) -> list[WebhookSubscription]:
    """Who wants any of the types. What happens while one is paused waits for it. One query."""
    return list(WebhookSubscription.scoped().filter(events__overlap=list(types)).order_by("pk"))


def tell(
    type: str,
    *,
    order_key: str,
    profile_id: int | None,
    subject_id: int,
    to: Iterable[WebhookSubscription] | None = None,
    **detail: Any,
) -> WebhookEvent | None:
    """One event for everybody who wants its type; ``None`` where nobody does. ``detail`` is JSON without personal data.

    The caller holds whatever orders the changes of one key (the contact, the conversation), so that the ids of its events follow
    the order in which they commit.
    """
    wanting = [each for each in (subscribers([type]) if to is None else to) if type in each.events]
    if not wanting:
        return None
    event = WebhookEvent.objects.create(
        type=type, version=version_of(type), order_key=order_key, profile_id=profile_id, subject_id=subject_id, detail=detail
    )
    for delivery in WebhookDelivery.objects.bulk_create(
        [WebhookDelivery(subscription=each, event=event, order_key=order_key) for each in wanting]
    ):
        if delivery.subscription.state == State.ACTIVE:
            ask_to_deliver(delivery)
    return event


def told_just_now(types: Collection[str], order_keys: Collection[str]) -> set[str]:
    """The keys of which an event of these types was written in this very transaction."""
    rows = WebhookEvent.scoped().filter(order_key__in=order_keys, type__in=types, occurred_at=TransactionNow())
    return set(rows.values_list("order_key", flat=True))


def ask_to_deliver(delivery: WebhookDelivery, *, in_seconds: float = 0) -> None:
    """Hand it to a worker after the commit."""
    from integrations.tasks import deliver_webhook

    enqueue(deliver_webhook, in_seconds=in_seconds, account_id=delivery.account_id, delivery_id=delivery.pk)
