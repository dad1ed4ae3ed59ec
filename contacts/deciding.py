"""A person decides about a suggestion: one person, two people, later; and takes it back.

A suggestion is kept on two profiles and decided for the contacts they sit in now: every open suggestion between the two sides
is settled with it. Each function locks the contacts, checks, changes, records and announces, inside one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts import merging
from contacts.announcements import SuggestionChange, announce_suggestions, contacts_changed
from contacts.locks import StillMoving, hold
from contacts.merging import Refused
from contacts.models import Contact, MergeEvent, MergeSuggestion, NeverMerge, Profile, SuggestionDecision
from contacts.suggesting import REOPENED

State = MergeSuggestion.State
Kind = SuggestionDecision.Kind
UNDECIDED = (State.OPEN, State.DEFERRED)
LATER = timedelta(days=7)
LATEST = timedelta(days=366)


@dataclass(frozen=True)
class _Pair:
    """A suggestion under the locks of both contacts, with everything it settles."""

    suggestion: MergeSuggestion
    # Ids of the profiles of either side; a person's corrections are among them.
    sides: tuple[list[Profile], list[Profile]]
    # The undecided suggestions between the two sides, this one among them.
    across: list[MergeSuggestion]

    @property
    def contact_ids(self) -> list[int]:
        return [side[0].contact_id for side in self.sides]


@transaction.atomic
def accept(*, suggestion: MergeSuggestion, by: Actor, reason: str = "", batch: UUID | None = None) -> SuggestionDecision:
    """They are one person: merge the two contacts. An explicit merge lifts "never merge" between them, on record.

    Raises ``Refused`` (decided already, one contact already, moved meanwhile), ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    pair = _hold(suggestion)
    shown = pair.suggestion
    evidence = {"suggestion": shown.pk, "origin": shown.origin, "probability": shown.probability, "comparisons": shown.evidence}
    contacts = [Contact(pk=contact_id) for contact_id in pair.contact_ids]
    event = merging.merge(contacts=contacts, by=by, reason=reason, cause="manual", evidence=evidence)
    return _settle(pair, Kind.ACCEPTED, by, event=event, batch=batch)


@transaction.atomic
def reject(*, suggestion: MergeSuggestion, by: Actor, reason: str = "") -> SuggestionDecision:
    """They are two people: "never merge" between everything of one side and everything of the other. Raises as ``accept``."""
    require(by, Ability.MERGE_CONTACTS)
    pair = _hold(suggestion)
    written = _mark_never_merge(pair, by=by, reason=reason)
    decision = _settle(pair, Kind.REJECTED, by, never_merge=written)
    contacts_changed.send(sender=MergeSuggestion, contact_ids=sorted(pair.contact_ids))
    return decision


@transaction.atomic
def defer(*, suggestion: MergeSuggestion, by: Actor, until: datetime | None = None) -> SuggestionDecision:
    """Ask again at ``until`` (in a week unless said otherwise, within a year); it comes back by itself. Raises as ``accept``."""
    require(by, Ability.MERGE_CONTACTS)
    now = timezone.now()
    until = until or now + LATER
    if not now < until <= now + LATEST:
        raise Refused(_("Choose a moment within the next year."), code="until")
    decision = _settle(pair := _hold(suggestion), Kind.DEFERRED, by, until=until)
    contacts_changed.send(sender=MergeSuggestion, contact_ids=sorted(pair.contact_ids))
    return decision


@transaction.atomic
def undo(*, decision: SuggestionDecision, by: Actor) -> SuggestionDecision:
    """Take one decision back, whatever happened since; what it settled is as undecided as it was.

    After a merge is taken back "never merge" stands, so that nothing joins the two by itself; the suggestion is asked again all
    the same, and says why. Raises ``Refused`` where it was taken back already or something else was decided since.
    """
    require(by, Ability.MERGE_CONTACTS)
    # Whoever else takes it back waits here, before any contact is locked.
    decision = SuggestionDecision.scoped().select_for_update(of=("self",)).select_related("event", "suggestion").get(pk=decision.pk)
    if decision.undone_at is not None:
        raise Refused(_("This was undone already."), code="undone")
    if decision.kind == Kind.ACCEPTED:
        _separate(decision, by)
        contact_ids = []
    else:
        contact_ids = _hold_contacts(decision.suggestion)
    lifted, _rows = NeverMerge.scoped().filter(pk__in=decision.never_merge).delete()
    restored = _restore(decision)
    if not lifted and not restored and decision.kind != Kind.ACCEPTED:
        raise Refused(_("Something else was decided since."), code="decided")
    decision.undone_at = timezone.now()
    decision.save(update_fields=["undone_at"])
    record(actor=by, action="suggestion.undo", target=decision.suggestion, decision=decision.pk, kind=decision.kind)
    if contact_ids:
        contacts_changed.send(sender=MergeSuggestion, contact_ids=contact_ids)
    return decision


def _separate(decision: SuggestionDecision, by: Actor) -> None:
    if decision.event is None:
        raise Refused(_("The merge is no longer on record."), code="undone")
    merging.undo(event=decision.event, by=by)


def _hold_contacts(suggestion: MergeSuggestion) -> list[int]:
    """Lock the contacts of the suggestion's two profiles, and give their ids: one id where they sit in one contact."""

    def find() -> dict[int, int]:
        pair = MergeSuggestion.scoped().filter(pk=suggestion.pk).values_list("low_id", "high_id").first()
        return dict(Profile.scoped().filter(pk__in=pair or ()).values_list("pk", "contact_id"))

    try:
        return sorted(set(hold(find, contacts_of=lambda found: found).values()))
    except StillMoving as moving:
        raise Refused(_("These contacts are being changed: look again."), code="moved") from moving


def _hold(suggestion: MergeSuggestion) -> _Pair:
    contact_ids = _hold_contacts(suggestion)
    # Rows after contacts, as everywhere: whoever suggests under the locks of the contacts locks these rows last, too.
    shown = MergeSuggestion.scoped().select_for_update(of=("self",)).select_related("decided_by__user").get(pk=suggestion.pk)
    if shown.state not in UNDECIDED:
        who = shown.decided_by.user if shown.decided_by else None
        text = _("%(name)s decided this already.") % {"name": who} if who else _("This was decided already.")
        raise Refused(text, code="decided")
    if len(contact_ids) < 2:
        raise Refused(_("They are one contact already."), code="already_one")
    sides: dict[int, list[Profile]] = {contact_id: [] for contact_id in contact_ids}
    for profile in Profile.scoped().filter(contact__in=contact_ids).order_by("pk"):
        sides[profile.contact_id].append(profile)
    one, other = sides.values()
    if {shown.low_id, shown.high_id} - {profile.pk for profile in (*one, *other)}:
        raise Refused(_("These contacts are being changed: look again."), code="moved")
    across = MergeSuggestion.scoped().select_for_update(of=("self",)).filter(between(one, other), state__in=UNDECIDED)
    return _Pair(shown, (one, other), list(across.order_by("pk")))


def between(one: Sequence[Any], other: Sequence[Any]) -> Q:
    """Rows with ``low`` and ``high`` whose profiles lie on the two sides, whichever way round."""
    return Q(low__in=one, high__in=other) | Q(low__in=other, high__in=one)


def _mark_never_merge(pair: _Pair, *, by: Actor, reason: str) -> list[int]:
    """The ids of the rows that were not there before."""
    one, other = ([profile.pk for profile in side if profile.corrects_id is None] for side in pair.sides)
    there = set(NeverMerge.scoped().filter(between(one, other)).values_list("low_id", "high_id"))
    missing = sorted({(min(a, b), max(a, b)) for a, b in product(one, other)} - there)
    rows = [NeverMerge(low_id=low, high_id=high, membership=by.membership, reason=reason[:200]) for low, high in missing]
    return [row.pk for row in NeverMerge.objects.bulk_create(rows, batch_size=2000)]


def _settle(
    pair: _Pair,
    kind: str,
    by: Actor,
    *,
    until: datetime | None = None,
    event: MergeEvent | None = None,
    never_merge: Sequence[int] = (),
    batch: UUID | None = None,
) -> SuggestionDecision:
    now = timezone.now()
    before = [
        {"id": row.pk, "state": row.state, "until": row.deferred_until.isoformat() if row.deferred_until else None} for row in pair.across
    ]
    ids = [row.pk for row in pair.across]
    MergeSuggestion.scoped().filter(pk__in=ids).update(
        state=kind, decided_by=by.membership, decided_at=now, deferred_until=until, updated_at=now
    )
    decision = SuggestionDecision.objects.create(
        suggestion=pair.suggestion,
        kind=kind,
        probability=pair.suggestion.probability,
        event=event,
        settled=before,
        never_merge=list(never_merge),
        batch=batch,
        actor_name=by.name[:120],
        membership=by.membership,
        at=now,
    )
    record(
        actor=by,
        action=ACTIONS[kind],
        target=pair.suggestion,
        decision=decision.pk,
        contacts=sorted(pair.contact_ids),
        probability=pair.suggestion.probability,
    )
    if kind in ANNOUNCED:
        announce_suggestions([pair.suggestion], ANNOUNCED[kind])
    return decision


ANNOUNCED: dict[str, SuggestionChange] = {Kind.ACCEPTED: SuggestionChange.ACCEPTED, Kind.REJECTED: SuggestionChange.REJECTED}
ACTIONS: dict[str, str] = {Kind.ACCEPTED: "suggestion.accept", Kind.REJECTED: "suggestion.reject", Kind.DEFERRED: "suggestion.defer"}


def _restore(decision: SuggestionDecision) -> int:
    """Make what the decision settled as undecided as it was, where nobody decided it again since. How many."""
    before = {row["id"]: row for row in decision.settled}
    rows = MergeSuggestion.scoped().select_for_update(of=("self",)).filter(pk__in=before, state=decision.kind, decided_at=decision.at)
    restored = list(rows.order_by("pk"))
    for row in restored:
        was = before[row.pk]
        row.state, row.decided_by, row.decided_at = was["state"], None, None
        row.deferred_until = datetime.fromisoformat(was["until"]) if was["until"] else None
        if decision.kind == Kind.ACCEPTED:
            row.evidence = [_taken_back(decision), *(piece for piece in row.evidence if piece.get("comparison") != REOPENED)]
        row.save()
    return len(restored)


def _taken_back(decision: SuggestionDecision) -> dict[str, Any]:
    """The piece of evidence by which a suggestion is asked in spite of "never merge"."""
    return {"comparison": REOPENED, "level": decision.kind, "bits": 0.0, "left": decision.at.isoformat(), "right": ""}
