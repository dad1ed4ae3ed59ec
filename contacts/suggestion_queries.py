"""What the queue of merge suggestions shows, by the contacts that the profiles belong to now; a constant number of queries.

A suggestion is *open* when nobody decided it or it was put off until a moment that has come, both sides still sit in two
contacts, and "never merge" does not stand between these, unless it was taken up again on purpose. So one that was settled
otherwise leaves the queue by itself, and comes back by itself after a separation. Of several between the same two contacts the
surest is shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, Exists, ExpressionWrapper, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Membership
from accounts.tenancy import TenantQuerySet
from contacts.comparing import compare_two
from contacts.concerns import Concern, concerns_between
from contacts.evidence_words import EvidenceLine, conflict_in_words, lines_of, odds_in_words, origin_in_words, reopening_of
from contacts.models import Contact, MergeSuggestion, NeverMerge, Profile, SuggestionDecision
from contacts.previewing import IdentifierRow, MergePreview, identifier_rows, preview_merge
from contacts.queries import identifiers_of
from contacts.suggesting import REOPENED

State = MergeSuggestion.State
Suggestions = TenantQuerySet[MergeSuggestion]
PAGE = 50
# A badge counts no further.
COUNTED = 100
# How long "u" takes back one's own last decision.
RECENT = timedelta(hours=12)
# Suggestions without a score come first: a rule asked, because equal keys and a contradiction met.
UNSCORED = 2.0


@dataclass(frozen=True)
class SuggestionPage:
    """The surest first; ``after`` is the cursor of the next page, empty on the last."""

    rows: list[MergeSuggestion]
    after: str


@dataclass(frozen=True)
class SuggestionView:
    """Everything that one suggestion shows. ``ours`` is the side that would survive."""

    suggestion: MergeSuggestion
    state: str
    preview: MergePreview
    identifiers: list[IdentifierRow]
    lines: list[EvidenceLine]
    origin: str
    reopened: str
    odds: str
    concerns: list[Concern]
    # Profiles of either side, corrections left out.
    our_sources: int
    their_sources: int

    @property
    def ours(self) -> Contact:
        return self.preview.ours

    @property
    def theirs(self) -> Contact:
        return self.preview.theirs

    @property
    def percent(self) -> float | None:
        """As it is shown: never 100, which nobody knows."""
        return percent(self.suggestion.probability)

    @property
    def to_split(self) -> Contact:
        """The side that can be separated, where one has several sources."""
        return self.theirs if self.their_sources > self.our_sources else self.ours

    @property
    def can_split(self) -> bool:
        return max(self.our_sources, self.their_sources) > 1


@dataclass(frozen=True)
class SettledView:
    """A suggestion that is no longer open, with who said what."""

    suggestion: MergeSuggestion
    state: str
    contacts: list[Contact] = field(default_factory=list)
    decision: SuggestionDecision | None = None


def percent(probability: float | None) -> float | None:
    """0 to 99.9, with a decimal only where it says something."""
    if probability is None:
        return None
    shown = min(math.floor(probability * 1000) / 10, 99.9)
    return shown if shown >= 99 else float(math.floor(shown))


def _rows() -> Suggestions:
    anew = Case(When(evidence__0__comparison=REOPENED, then=Value(True)), default=Value(False), output_field=BooleanField())
    return MergeSuggestion.scoped().annotate(rank=Coalesce(F("probability"), Value(UNSCORED)), asked_anew=anew)


def _due(now: datetime) -> Q:
    return Q(state=State.OPEN) | Q(state=State.DEFERRED, deferred_until__lte=now)


def _both_ways(rows: Any) -> tuple[Exists, Exists]:
    """Rows between the two contacts of the outer suggestion, one ``Exists`` for each direction so that an index serves it."""
    along = rows.filter(low__contact=OuterRef("low__contact"), high__contact=OuterRef("high__contact"))
    against = rows.filter(low__contact=OuterRef("high__contact"), high__contact=OuterRef("low__contact"))
    return Exists(along), Exists(against)


def _forbidden() -> tuple[Exists, Exists]:
    """ "Never merge" between the two contacts, where the suggestion was not taken up again in spite of it.

    The condition stands inside: beside the ``Exists`` it would make the database read every row of the account.
    """
    asked_anew = ExpressionWrapper(OuterRef("asked_anew"), output_field=BooleanField())
    return _both_ways(NeverMerge.scoped().alias(asked_anew=asked_anew).filter(asked_anew=False))


TOGETHER = Q(low__contact=F("high__contact"))


def _standing(rows: Suggestions) -> Suggestions:
    """Those that still ask something: two contacts, and no "never merge" between them unless it was taken up again."""
    along, against = _forbidden()
    return rows.filter(~TOGETHER, ~along, ~against)


def _best_of_pair(rows: Suggestions, now: datetime) -> Suggestions:
    surer = Q(rank__gt=OuterRef("rank")) | Q(rank=OuterRef("rank"), pk__lt=OuterRef("pk"))
    along, against = _both_ways(_rows().filter(_due(now)).filter(surer))
    return rows.filter(~along, ~against)


def _open(now: datetime) -> list[Suggestions]:
    """What is open, in parts that an index gives in their order."""
    parts = _rows().filter(state=State.OPEN), _rows().filter(state=State.DEFERRED, deferred_until__lte=now)
    return [_best_of_pair(_standing(part), now) for part in parts]


def _listed(state: str, now: datetime) -> list[Suggestions]:
    if state == State.OPEN:
        return _open(now)
    if state == State.DEFERRED:
        return [_standing(_rows().filter(state=State.DEFERRED, deferred_until__gt=now))]
    if state == State.OBSOLETE:
        undecided = _rows().filter(state__in=(State.OPEN, State.DEFERRED))
        along, against = _forbidden()
        return [_rows().filter(state=State.OBSOLETE), undecided.filter(TOGETHER), undecided.filter(~TOGETHER, Q(along) | Q(against))]
    return [_rows().filter(state=state)]


def listing(
    *, state: str = State.OPEN, after: str = "", limit: int = PAGE, contact_id: int | None = None, at_least: float | None = None
) -> SuggestionPage:
    """One page of the suggestions in a state as it is now, the surest first. At most five queries.

    ``contact_id`` keeps those of one contact, ``at_least`` those that probable. Raises ``ValueError`` for a cursor that is not ours.
    """
    wanted = _beyond(after)
    if contact_id is not None:
        profiles = list(Profile.scoped().filter(contact=contact_id).values_list("pk", flat=True))
        wanted &= Q(low__in=profiles) | Q(high__in=profiles)
        # Most contacts have none, and every panel asks: the long question is only put where it has an answer.
        if not MergeSuggestion.scoped().filter(wanted).exists():
            return SuggestionPage([], "")
    if at_least is not None:
        wanted &= Q(probability__gte=at_least)
    found: list[MergeSuggestion] = []
    for part in _listed(state, timezone.now()):
        part = part.filter(wanted).select_related("low__contact", "high__contact", "decided_by__user", "model")
        found += part.order_by(F("probability").desc(nulls_first=True), "pk")[: limit + 1]
    found.sort(key=lambda row: (-rank_of(row), row.pk))
    page = found[:limit]
    return SuggestionPage(page, cursor_of(page[-1]) if len(found) > limit else "")


def rank_of(row: MergeSuggestion) -> float:
    return UNSCORED if row.probability is None else row.probability


def cursor_of(row: MergeSuggestion) -> str:
    """Where the page after this row starts; it holds when the row itself has left the queue."""
    return f"{'' if row.probability is None else repr(row.probability)}_{row.pk}"


def _beyond(cursor: str) -> Q:
    if not cursor:
        return Q()
    score, _separator, pk = cursor.rpartition("_")
    if not (pk.isdecimal() and pk.isascii() and len(pk) < 19):
        raise ValueError(cursor)
    if not score:
        return Q(probability=None, pk__gt=int(pk)) | Q(probability__isnull=False)
    probability = float(score)
    if not math.isfinite(probability):
        raise ValueError(cursor)
    return Q(probability__lt=probability) | Q(probability=probability, pk__gt=int(pk))


def open_count() -> int:
    """How many are open; ``COUNTED`` stands for that many or more. One query."""
    now = timezone.now()
    return _best_of_pair(_standing(_rows().filter(_due(now))), now)[:COUNTED].count()


def following(suggestion: MergeSuggestion) -> MergeSuggestion | None:
    """The open suggestion after this one; the first of all at the end; ``None`` when the queue is empty."""
    rows = listing(after=cursor_of(suggestion), limit=1).rows or listing(limit=1).rows
    return rows[0] if rows else None


def find(suggestion_id: int) -> MergeSuggestion:
    """With its contacts and its state as it is now in ``state_now``. Raises ``MergeSuggestion.DoesNotExist``."""
    rows = MergeSuggestion.scoped().filter(pk=suggestion_id).select_related("low__contact", "high__contact", "decided_by__user", "model")
    along, against = _both_ways(NeverMerge.scoped())
    never = Case(When(Q(along) | Q(against), then=Value(True)), default=Value(False), output_field=BooleanField())
    return rows.annotate(never=never).get()


def state_now(row: MergeSuggestion) -> str:
    """The state of a row of ``find``, in which a moment that came, a merge and "never merge" count."""
    if row.state not in (State.OPEN, State.DEFERRED):
        return row.state
    if row.low.contact_id == row.high.contact_id or (row.never and not was_reopened(row)):  # type: ignore[attr-defined]
        return State.OBSOLETE
    put_off = row.state == State.DEFERRED and row.deferred_until is not None and row.deferred_until > timezone.now()
    return State.DEFERRED if put_off else State.OPEN


def was_reopened(row: MergeSuggestion) -> bool:
    """Whether it is asked in spite of what was decided before."""
    return bool(row.evidence) and row.evidence[0].get("comparison") == REOPENED


def view_of(row: MergeSuggestion) -> SuggestionView | SettledView:
    """What a row of ``find`` shows: both sides where there are two, else what became of it."""
    state = state_now(row)
    ours, theirs = sorted((row.low.contact, row.high.contact), key=lambda contact: (contact.born_at, contact.pk))
    if state not in (State.OPEN, State.DEFERRED) or ours == theirs:
        return SettledView(row, state, [ours] if ours == theirs else [ours, theirs], standing_decision(row))
    sources = Profile.scoped().filter(contact__in=(ours, theirs), corrects=None).values_list("contact_id", flat=True)
    counted = list(sources)
    preview = preview_merge(ours=ours, theirs=theirs)
    return SuggestionView(
        suggestion=row,
        state=state,
        preview=preview,
        identifiers=identifier_rows(identifiers_of(ours), identifiers_of(theirs)),
        lines=lines_of(row.evidence, row.weight),
        origin=origin_in_words(row.origin),
        reopened=reopening_of(row.evidence),
        odds=odds_in_words(row.probability) if row.probability is not None else "",
        concerns=_concerns(row, preview),
        our_sources=counted.count(ours.pk),
        their_sources=counted.count(theirs.pk),
    )


def _concerns(row: MergeSuggestion, preview: MergePreview) -> list[Concern]:
    """What should be known beforehand, each once: what is seen now, what the engine saw, what other rooms see."""
    compared = compare_two(preview.ours.pk, preview.theirs.pk)
    found = []
    # What was taken up again says itself that it was decided before.
    if preview.never_merge and not was_reopened(row):
        found.append(
            Concern("never_merge", _("Somebody said that they are different people. Merging lifts that, and the history says so."))
        )
    if compared.names_conflict or preview.names_conflict:
        found.append(Concern("name_conflict", conflict_in_words("name_conflict")))
    if compared.national_ids:
        text = _("Their national ids differ: %(ids)s.") % {"ids": ", ".join(compared.national_ids)}
        found.append(Concern("national_id", text))
    for value in compared.shared:
        found.append(Concern("shared", _("Several people use %(value)s.") % {"value": value}))
    named = {concern.name for concern in found} | ({"name", "names"} if any(c.name == "name_conflict" for c in found) else set())
    found += [Concern(name, conflict_in_words(name)) for name in dict.fromkeys(row.conflicts) if name not in named]
    return found + concerns_between(preview.ours, preview.theirs)


def last_decision(membership: Membership) -> SuggestionDecision | None:
    """One's own last decision that "u" takes back, while it is recent."""
    mine = SuggestionDecision.scoped().filter(membership=membership, undone_at=None, at__gte=timezone.now() - RECENT)
    return mine.select_related("suggestion__low__contact", "suggestion__high__contact").order_by("-pk").first()


def standing_decision(row: MergeSuggestion) -> SuggestionDecision | None:
    """The decision that put the suggestion where it is: its own, or one about another pair of the same two contacts. One query."""
    if row.decided_at is None:
        return None
    rows = SuggestionDecision.scoped().filter(membership=row.decided_by_id, kind=row.state, at=row.decided_at, undone_at=None)
    return rows.select_related("event").order_by("-pk").first()


def duplicates_of(contact: Contact, *, limit: int = 3) -> list[tuple[MergeSuggestion, Contact]]:
    """Open suggestions about the contact with the other side, the surest first. Two queries where there is none."""
    rows = listing(contact_id=contact.pk, limit=limit).rows
    return [(row, row.high.contact if row.low.contact_id == contact.pk else row.low.contact) for row in rows]


@dataclass(frozen=True)
class QueueRow:
    """One line of the queue, with the side that would survive first."""

    suggestion: MergeSuggestion
    ours: Contact
    theirs: Contact
    percent: float | None
    warns: bool


def queue_rows(rows: Sequence[MergeSuggestion]) -> list[QueueRow]:
    """The suggestions of a page as lines. No query."""
    lines = []
    for row in rows:
        ours, theirs = sorted((row.low.contact, row.high.contact), key=lambda contact: (contact.born_at, contact.pk))
        lines.append(QueueRow(row, ours, theirs, percent(row.probability), bool(row.conflicts)))
    return lines
