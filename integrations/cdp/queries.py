"""What the page of customer data shows. Constant numbers of queries."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count

from integrations.cdp.receiving import BROKEN
from integrations.models import CustomerDataMessage, CustomerDataSource

State = CustomerDataMessage.State
SHOWN = 20


@dataclass(frozen=True)
class SourceHealth:
    source: CustomerDataSource
    waiting: int
    broken: int


def sources() -> list[SourceHealth]:
    """Every source, those in use first. Two queries."""
    unsettled = CustomerDataMessage.scoped().filter(state__in=[State.PENDING, *BROKEN])
    counts: Counter[tuple[int, str]] = Counter()
    for pk, state, count in unsettled.values_list("source", "state").annotate(Count("pk")).order_by():
        counts[pk, "waiting" if state == State.PENDING else "broken"] += count
    rows = CustomerDataSource.scoped().order_by("revoked_at", "name", "pk")
    return [SourceHealth(row, counts[row.pk, "waiting"], counts[row.pk, "broken"]) for row in rows]


def latest_messages() -> list[CustomerDataMessage]:
    """What arrived last. One query."""
    rows = CustomerDataMessage.scoped().exclude(state__in=BROKEN).select_related("source", "profile__contact")
    return list(rows.defer("body").order_by("-pk")[:SHOWN])


def broken_messages() -> list[CustomerDataMessage]:
    """What was rejected or failed last. One query."""
    return list(CustomerDataMessage.scoped().filter(state__in=BROKEN).select_related("source").order_by("-pk")[:SHOWN])
