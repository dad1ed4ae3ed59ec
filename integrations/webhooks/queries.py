"""What the pages of the webhooks show. Constant numbers of queries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookSubscription
from integrations.webhooks.event_types import label_of

State = WebhookDelivery.State
PAGE = 25


@dataclass(frozen=True)
class SubscriptionHealth:
    subscription: WebhookSubscription
    waiting: int
    failed: int

    @property
    def is_failing(self) -> bool:
        return self.subscription.failing_since is not None


@dataclass(frozen=True)
class LogLine:
    """One delivery with what came of its last attempt."""

    delivery: WebhookDelivery
    label: str
    last: WebhookAttempt | None


@dataclass(frozen=True)
class LogPage:
    lines: list[LogLine]
    before: str


def subscriptions(kinds: Sequence[str]) -> list[SubscriptionHealth]:
    """Every subscription of the kinds, by name. Two queries."""
    rows = list(WebhookSubscription.scoped().filter(kind__in=kinds).order_by("name", "pk"))
    return _with_health(rows)


def health_of(subscription: WebhookSubscription) -> SubscriptionHealth:
    return _with_health([subscription])[0]


def _with_health(rows: Sequence[WebhookSubscription]) -> list[SubscriptionHealth]:
    found = WebhookDelivery.scoped().filter(subscription__in=[row.pk for row in rows], state__in=[State.PENDING, State.FAILED])
    counts: Counter[tuple[int, str]] = Counter(
        {(pk, state): count for pk, state, count in found.values_list("subscription", "state").annotate(Count("pk")).order_by()}
    )
    return [SubscriptionHealth(row, counts[row.pk, State.PENDING], counts[row.pk, State.FAILED]) for row in rows]


def deliveries(subscription: WebhookSubscription) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.scoped().filter(subscription=subscription).select_related("event")


def log_of(subscription: WebhookSubscription, *, state: str = "", before: str = "", limit: int = PAGE) -> LogPage:
    """One page of the log, the latest event first. Two queries. Raises ``ValueError`` for a cursor that is not ours."""
    rows = deliveries(subscription)
    if state:
        rows = rows.filter(state=state)
    if before:
        if not before.isdecimal() or len(before) > 18:
            raise ValueError(before)
        rows = rows.filter(event__lt=int(before))
    page = list(rows.order_by("-event")[: limit + 1])
    more, page = len(page) > limit, page[:limit]
    attempts = WebhookAttempt.scoped().filter(delivery__in=[row.pk for row in page]).order_by("delivery", "-pk").distinct("delivery")
    last = {attempt.delivery_id: attempt for attempt in attempts.defer("request", "answer")}
    lines = [LogLine(row, label_of(row.event.type), last.get(row.pk)) for row in page]
    return LogPage(lines, str(page[-1].event_id) if more else "")


def attempts_of(delivery: WebhookDelivery) -> list[WebhookAttempt]:
    """The latest first. One query."""
    return list(WebhookAttempt.scoped().filter(delivery=delivery).order_by("-pk")[:PAGE])
