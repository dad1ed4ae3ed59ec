"""Put many pairs before people at once: what nobody was ever asked about is written together, the rest pair by pair."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from contacts.announcements import SuggestionChange, announce_suggestions
from contacts.models import MatchModel, MergeSuggestion, NeverMerge, Profile
from contacts.quality.due import mark_due
from contacts.suggesting import suggest

Two = tuple[int, int]


@dataclass(frozen=True)
class Question:
    """Two profiles of two contacts, and what ``contacts.suggesting.suggest`` keeps about them. ``low`` is the smaller id."""

    low: int
    high: int
    probability: float
    weight: float
    evidence: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    group: int | None = None


@transaction.atomic
def suggest_many(questions: Sequence[Question], *, origin: str, model: MatchModel | None) -> int:
    """The same as ``suggest`` for each; at most one question for two contacts. Returns how many are suggestions now.

    The queries are as many for five hundred pairs that nobody was asked about as for one; a few more for each pair that was.
    """
    profile_ids = {one for each in questions for one in (each.low, each.high)}
    contact_of = dict(Profile.scoped().filter(pk__in=profile_ids).values_list("pk", "contact_id"))
    asked = [(each, _sides(contact_of, each)) for each in questions if each.low in contact_of and each.high in contact_of]
    known = _known(one for _each, pair in asked for one in pair)
    new = [(each, pair) for each, pair in asked if pair[0] != pair[1] and pair not in known]
    rows = [MergeSuggestion(low_id=each.low, high_id=each.high, origin=origin, model=model, **_values(each)) for each, _pair in new]
    try:
        with transaction.atomic():
            MergeSuggestion.objects.bulk_create(rows)
    except IntegrityError:
        # Somebody else suggested one of the pairs at this instant.
        rows, known = [], {pair for _each, pair in asked}
    announce_suggestions(rows, SuggestionChange.CREATED)
    mark_due({one for _each, pair in new for one in pair})
    renewed = [
        suggest(low=Profile(pk=each.low), high=Profile(pk=each.high), origin=origin, model=model, **_values(each))
        for each, pair in asked
        if pair in known
    ]
    return len(rows) + sum(each is not None for each in renewed)


def _sides(contact_of: dict[int, int], question: Question) -> Two:
    one, other = sorted((contact_of[question.low], contact_of[question.high]))
    return one, other


def _known(contact_ids: Iterable[int]) -> set[Two]:
    """The pairs among these contacts that somebody suggested before or that were marked as never to be merged."""
    ids = set(contact_ids)
    found: set[Two] = set()
    for table in (MergeSuggestion, NeverMerge):
        among = table.scoped().filter(low__contact__in=ids, high__contact__in=ids)
        found.update((min(pair), max(pair)) for pair in among.values_list("low__contact", "high__contact"))
    return found


def _values(question: Question) -> dict[str, Any]:
    values = asdict(question)
    return {name: value for name, value in values.items() if name not in ("low", "high")}
