"""How good the data of the whole account is, and how the duplicates go, day by day or week by week."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, F, Func, Q
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.models import MergeSuggestion, SuggestionDecision
from contacts.quality.rules import FAIR_FROM, GOOD_FROM, Problem
from contacts.queries import visible_contacts

# Period → days in one step, and how many steps are shown.
PERIODS = {"days": (1, 30), "weeks": (7, 26)}


@dataclass(frozen=True)
class Overview:
    """The account's contacts as they were last looked at. ``average`` is ``None`` while nobody has been."""

    contacts: int
    average: float | None
    to_fix: int
    good: int
    fair: int
    poor: int
    # Problem → contacts that have it; those that nobody has are left out.
    problems: dict[str, int]
    waiting: int


@dataclass(frozen=True)
class Step:
    """One day, or one week from its Monday. ``open``: at its end. ``rate``: found per 1,000 contacts there were then."""

    start: date
    end: date
    found: int
    accepted: int
    rejected: int
    open: int
    contacts: int

    @property
    def rate(self) -> float | None:
        return 1000 * self.found / self.contacts if self.contacts else None


def overview() -> Overview:
    """Two queries."""
    shown = visible_contacts()
    totals: dict[str, Any] = shown.aggregate(
        contacts=Count("pk"),
        average=Avg("quality"),
        to_fix=Count("pk", filter=~Q(problems=[])),
        good=Count("pk", filter=Q(quality__gte=GOOD_FROM)),
        fair=Count("pk", filter=Q(quality__gte=FAIR_FROM, quality__lt=GOOD_FROM)),
        poor=Count("pk", filter=Q(quality__lt=FAIR_FROM)),
        waiting=Count("pk", filter=Q(quality_due=True)),
    )
    each = shown.exclude(problems=[]).annotate(problem=Func(F("problems"), function="unnest")).values_list("problem")
    counts = dict(each.annotate(count=Count("pk")).values_list("problem", "count"))
    return Overview(**totals, problems={problem.value: counts[problem] for problem in Problem if counts.get(problem)})


def trend(period: str) -> list[Step]:
    """The steps of a period of ``PERIODS``, the oldest first, in the account's time zone. Four queries.

    Worked out from suggestions and decisions, so that nothing has to be collected: what was found is counted on the day it was
    first suggested; a decision that was taken back does not count; open is what nobody had decided by the end of the step.
    """
    length, number = PERIODS[period]
    zone = ZoneInfo(Account.objects.only("timezone").get(pk=current_account_id()).timezone)
    today = timezone.now().astimezone(zone).date()
    last = today if length == 1 else today - timedelta(days=today.weekday()) + timedelta(days=6)
    starts = [last - timedelta(days=length * (number - step) - 1) for step in range(number)]
    begin = datetime.combine(starts[0], datetime.min.time(), zone)
    found = _per_day(MergeSuggestion.scoped(), "created_at", begin, zone)
    ended = _per_day(MergeSuggestion.scoped().exclude(_undecided()), "settled", begin, zone)
    decided = {
        kind: _per_day(SuggestionDecision.scoped().filter(kind=kind, undone_at=None), "at", begin, zone)
        for kind in (SuggestionDecision.Kind.ACCEPTED, SuggestionDecision.Kind.REJECTED)
    }
    born = _per_day(visible_contacts(), "born_at", begin, zone)
    steps = []
    opened = found.before - ended.before
    contacts = born.before
    for start in starts:
        days = [start + timedelta(days=day) for day in range(length)]
        opened += found.on(days) - ended.on(days)
        contacts += born.on(days)
        counts = {kind: per_day.on(days) for kind, per_day in decided.items()}
        steps.append(
            Step(
                start=start,
                end=days[-1],
                found=found.on(days),
                accepted=counts[SuggestionDecision.Kind.ACCEPTED],
                rejected=counts[SuggestionDecision.Kind.REJECTED],
                open=max(0, opened),
                contacts=contacts,
            )
        )
    return steps


def _undecided() -> Q:
    return Q(state__in=(MergeSuggestion.State.OPEN, MergeSuggestion.State.DEFERRED))


@dataclass(frozen=True)
class _PerDay:
    before: int
    days: dict[date, int]

    def on(self, days: Iterable[date]) -> int:
        return sum(self.days.get(day, 0) for day in days)


def _per_day(rows: Any, moment: str, begin: datetime, zone: ZoneInfo) -> _PerDay:
    """How many rows have their moment before the beginning, and on each day since. One query."""
    if moment == "settled":
        # What was settled without a decision keeps the time of its last change.
        rows = rows.annotate(settled=Coalesce("decided_at", "updated_at"))
    day = TruncDate(moment, tzinfo=zone)
    counted = rows.annotate(day=day).values_list("day").annotate(count=Count("pk")).order_by("day")
    counts = dict(counted)
    first = begin.date()
    return _PerDay(sum(count for day, count in counts.items() if day < first), {d: c for d, c in counts.items() if d >= first})
