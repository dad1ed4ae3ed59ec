"""After a message told something new: look up who may be the same person, and put the likeliest before a person.

It runs in a worker, once the message is stored, so that nobody waits for it. What is to be looked up is a row.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.queueing import enqueue
from accounts.scope import current_account_id
from contacts.announcements import contacts_changed
from contacts.candidates import Likely, likely_same
from contacts.models import MatchModel, MergeSuggestion, PendingLookup, Profile
from contacts.suggesting import suggest

ORIGIN = "similar"
# Engines whose word a newer score replaces; what a rule said besides stays.
SCORED = frozenset({ORIGIN, "dedup"})
# More at once would be a queue of its own; the nightly search finds the rest.
MOST = 5
MOST_ATTEMPTS = 5
# How long a worker is given before a sweeper asks again.
GRACE = timedelta(seconds=30)
UNDECIDED = (MergeSuggestion.State.OPEN, MergeSuggestion.State.DEFERRED)


def ask_for_lookup(profile_id: int) -> None:
    """Hand the pending look-up of the profile to a worker once the transaction has committed."""
    from contacts.tasks import suggest_similar_people

    enqueue(suggest_similar_people, account_id=current_account_id(), profile_id=profile_id)


def waiting() -> QuerySet:
    """Ids of the profiles whose look-up was asked for a while ago and that nobody has done, the longest waiting first."""
    return PendingLookup.scoped().filter(asked_at__lt=timezone.now() - GRACE).order_by("asked_at").values_list("profile_id", flat=True)


def suggest_similar(*, profile_id: int) -> list[MergeSuggestion]:
    """Do the pending look-up of the profile, unless somebody does it already; returns what is suggested now.

    An attempt is counted before the work: one that kills its worker again and again is given up, and the nightly search finds the pair.
    """
    with transaction.atomic():
        row = PendingLookup.scoped().select_for_update(skip_locked=True).filter(profile_id=profile_id).first()
        if row is None:
            return []
        if row.attempts >= MOST_ATTEMPTS:
            row.delete()
            return []
        PendingLookup.scoped().filter(profile_id=profile_id).update(attempts=F("attempts") + 1)
    with transaction.atomic():
        # What is said from now on asks anew.
        row = PendingLookup.scoped().select_for_update(skip_locked=True).filter(profile_id=profile_id).first()
        if row is None:
            return []
        row.delete()
        suggested = [made for likely in likely_same(profile_id)[:MOST] if (made := _suggest(profile_id, likely)) is not None]
        if suggested:
            others = {row.low_id for row in suggested} | {row.high_id for row in suggested} | {profile_id}
            shown = set(Profile.scoped().filter(pk__in=others).values_list("contact_id", flat=True))
            contacts_changed.send(sender=MergeSuggestion, contact_ids=sorted(shown))
    return suggested


def _suggest(profile_id: int, likely: Likely) -> MergeSuggestion | None:
    """A rule that asked about the two already keeps its reason: the score is added to it."""
    asked = _asked_by_rule(profile_id, likely.contact_id)
    low, high = sorted((profile_id, likely.profile_id))
    reasons = dict.fromkeys([*(asked.conflicts if asked else ()), *likely.conflicts])
    return suggest(
        low=Profile(pk=low),
        high=Profile(pk=high),
        origin=asked.origin if asked else ORIGIN,
        probability=likely.probability,
        weight=likely.weight,
        evidence=likely.pieces,
        conflicts=list(reasons),
        model=MatchModel(pk=likely.model_id) if likely.model_id is not None else None,
    )


def _asked_by_rule(profile_id: int, contact_id: int) -> MergeSuggestion | None:
    mine = Profile.scoped().filter(pk=profile_id).values_list("contact_id", flat=True)[:1]
    rows = MergeSuggestion.scoped().filter(state__in=UNDECIDED).exclude(origin__in=SCORED)
    one, other = rows.filter(low__contact__in=mine, high__contact=contact_id), rows.filter(high__contact__in=mine, low__contact=contact_id)
    return one.first() or other.first()
