"""Put a pair of profiles before a person: are these two one? Every rule and engine that is in doubt comes through this door."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from contacts.announcements import SuggestionChange, announce_suggestions
from contacts.models import MatchModel, MergeSuggestion, NeverMerge, Profile
from contacts.quality.due import mark_due

State = MergeSuggestion.State
# Bits that one comparison has to gain before a rejected pair is shown again: eight times the odds.
MATERIAL = 3.0
REOPENED = "reopened"

Evidence = Mapping[str, Any]


@transaction.atomic
def suggest(
    *,
    low: Profile,
    high: Profile,
    origin: str,
    probability: float | None = None,
    weight: float | None = None,
    evidence: Sequence[Evidence] = (),
    conflicts: Sequence[str] = (),
    model: MatchModel | None = None,
    group: int | None = None,
) -> MergeSuggestion | None:
    """Suggest that two profiles are one person; idempotent, in whichever order they are named.

    Each piece of evidence is ``{comparison, level, bits, left, right}``. Two contacts have one suggestion at a time, on their
    best pair of profiles: a stronger pair takes the place of a weaker one. ``None`` where there is nothing to ask: both sit in
    one contact, "never merge" stands between the contacts, or the pair was rejected and the evidence is materially the same.
    What was rejected comes back when some comparison gained ``MATERIAL`` bits through other values, also against the
    "never merge" that the rejection left behind, and its evidence says so.
    """
    if low.pk > high.pk:
        low, high = high, low
    contact_of = dict(Profile.scoped().filter(pk__in=(low.pk, high.pk)).values_list("pk", "contact_id"))
    if len(contact_of) < 2 or contact_of[low.pk] == contact_of[high.pk]:
        return None
    former = _former(contact_of[low.pk], contact_of[high.pk])
    found = [dict(piece) for piece in evidence]
    if former is not None and former.state == State.REJECTED:
        if not changed_materially(former.evidence, found):
            return None
        found = [_reopening(former), *found]
    elif former is not None and _was_reopened(former):
        found = [former.evidence[0], *found]
    elif _never_merge(contact_of[low.pk], contact_of[high.pk]):
        return None
    values = {
        "origin": origin,
        "probability": probability,
        "weight": weight,
        "evidence": found,
        "conflicts": list(conflicts),
        "model": model,
        "group": group,
    }
    mark_due(contact_of.values())
    if former is None:
        # Somebody else may suggest the same pair at this instant.
        suggestion, is_new = MergeSuggestion.objects.get_or_create(low=low, high=high, defaults=values)
        if is_new:
            announce_suggestions([suggestion], SuggestionChange.CREATED)
        return suggestion
    return _renew(former, low, high, values)


def _former(one: int, other: int) -> MergeSuggestion | None:
    """What was suggested about the two contacts: what is undecided first, then what was decided last."""
    pairs = Q(low__contact=one, high__contact=other) | Q(low__contact=other, high__contact=one)
    # The row is locked, so that a decision taken at this instant is seen.
    rows = list(MergeSuggestion.scoped().select_for_update(of=("self",)).filter(pairs))
    if not rows:
        return None
    return max(rows, key=lambda row: (row.state in (State.OPEN, State.DEFERRED), row.decided_at or row.created_at, row.pk))


def _never_merge(one: int, other: int) -> bool:
    pairs = Q(low__contact=one, high__contact=other) | Q(low__contact=other, high__contact=one)
    return NeverMerge.scoped().filter(pairs).exists()


def _was_reopened(former: MergeSuggestion) -> bool:
    undecided = former.state in (State.OPEN, State.DEFERRED)
    return undecided and bool(former.evidence) and former.evidence[0].get("comparison") == REOPENED


def _renew(former: MergeSuggestion, low: Profile, high: Profile, values: dict[str, Any]) -> MergeSuggestion:
    undecided = former.state in (State.OPEN, State.DEFERRED)
    other_pair = (former.low_id, former.high_id) != (low.pk, high.pk)
    if undecided and other_pair and (values["weight"] or 0.0) <= (former.weight or 0.0):
        return former
    if other_pair:
        taken = MergeSuggestion.scoped().filter(low=low, high=high).first()
        if taken is not None:
            former = taken
        former.low, former.high = low, high
    for name, value in values.items():
        setattr(former, name, value)
    if former.state != State.DEFERRED:
        former.state, former.decided_by, former.decided_at = State.OPEN, None, None
    former.save()
    if not undecided:
        announce_suggestions([former], SuggestionChange.CREATED)
    return former


def changed_materially(before: Sequence[Evidence], now: Sequence[Evidence]) -> bool:
    """Whether some comparison speaks much more in favour than it did, and not only because weights were trained anew."""
    former = {piece.get("comparison"): piece for piece in before}
    for piece in now:
        old = former.get(piece.get("comparison"), {})
        same = all(old.get(name) == piece.get(name) for name in ("level", "left", "right"))
        if not same and (piece.get("bits") or 0.0) - (old.get("bits") or 0.0) >= MATERIAL:
            return True
    return False


def _reopening(former: MergeSuggestion) -> dict[str, Any]:
    decided = former.decided_at or timezone.now()
    return {"comparison": REOPENED, "level": former.state, "bits": 0.0, "left": decided.isoformat(), "right": ""}
