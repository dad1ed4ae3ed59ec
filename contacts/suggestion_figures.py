"""How often the scores were right, by what people decided, and which thresholds follow from it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Floor

from contacts.models import MergeEvent, SuggestionDecision

Kind = SuggestionDecision.Kind
BANDS = (0.99, 0.95, 0.9, 0.8, 0.65, 0.5, 0.0)
# What automatic merging has to prove on people's decisions, and what makes the queue worth reading.
AUTOMATIC = 0.998
AUTOMATIC_NEEDS = 500
QUEUE = 0.8
QUEUE_NEEDS = 50


@dataclass(frozen=True)
class Band:
    """Decisions on suggestions with a probability in [low, high)."""

    low: float
    high: float
    right: int
    decided: int

    @property
    def precision(self) -> float | None:
        return self.right / self.decided if self.decided else None


@dataclass(frozen=True)
class Figures:
    """Precision per band, and thresholds proposed from it; ``None`` while too little was decided or no threshold would do.

    ``automatic``: from here on the decisions allow merging unseen. ``queue``: from here on most of the queue is true.
    """

    bands: list[Band]
    decided: int
    automatic: float | None
    automatic_seen: int
    queue: float | None


def figures() -> Figures:
    """From every decision that somebody took by looking at it and that stands. One query.

    A merge that was taken back on the contact's page counts as wrong; a decision undone from the queue was a slip and does not
    count; neither do those of a batch, which nobody looked at one by one.
    """
    taken_back = Exists(MergeEvent.scoped().filter(undoes=OuterRef("event")))
    looked_at = SuggestionDecision.scoped().filter(kind__in=(Kind.ACCEPTED, Kind.REJECTED), undone_at=None, batch=None)
    scored = looked_at.filter(probability__isnull=False).annotate(step=Floor(F("probability") * 1000), wrong=taken_back)
    right = Count("pk", filter=Q(kind=Kind.ACCEPTED, wrong=False))
    rows = scored.values_list("step").annotate(decided=Count("pk"), right=right)
    # Thousandth of the probability → (right, decided).
    steps = {int(step): (right, decided) for step, decided, right in rows.order_by("step")}
    bands = []
    high = 1.0
    for low in BANDS:
        inside = [counts for step, counts in steps.items() if low * 1000 <= step and (step < high * 1000 or high == 1.0)]
        bands.append(Band(low, high, sum(right for right, _ in inside), sum(decided for _, decided in inside)))
        high = low
    above = _precise_from(steps, AUTOMATIC, AUTOMATIC_NEEDS)
    certain = [counts for step, counts in steps.items() if step >= 990]
    return Figures(
        bands=bands,
        decided=sum(decided for _right, decided in steps.values()),
        automatic=above,
        automatic_seen=sum(decided for _right, decided in certain),
        queue=_precise_from(steps, QUEUE, QUEUE_NEEDS),
    )


def _precise_from(steps: dict[int, tuple[int, int]], precision: float, needs: int) -> float | None:
    """The lowest probability from which on the decisions were right that often, over at least ``needs`` of them."""
    right = decided = 0
    found = None
    for step in sorted(steps, reverse=True):
        right, decided = right + steps[step][0], decided + steps[step][1]
        if decided >= needs and right >= precision * decided:
            found = step / 1000
    return found
