"""The door for everything that is in doubt about two profiles."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from contacts.merging import merge
from contacts.models import MergeSuggestion, NeverMerge, Profile
from contacts.suggesting import REOPENED, suggest
from tests.conftest import make_channel
from tests.contacts.stories import writes

State = MergeSuggestion.State
pytestmark = pytest.mark.usefixtures("scoped")


def piece(comparison: str, bits: float, value: str = "x", level: str = "exact") -> dict[str, Any]:
    return {"comparison": comparison, "level": level, "bits": bits, "left": value, "right": value}


@pytest.fixture
def two(scoped: Account) -> tuple[Profile, Profile]:
    """Two people of two contacts."""
    channel = make_channel(scoped, "email")
    return (
        writes(channel, "ana@uno.cl", name="Ana Rojas").profile,
        writes(channel, "ana@dos.cl", name="Ana Rojas").profile,
    )


def reject(suggestion: MergeSuggestion) -> None:
    suggestion.state, suggestion.decided_at = State.REJECTED, timezone.now()
    suggestion.save()
    NeverMerge.objects.create(low=suggestion.low, high=suggestion.high)


def test_a_pair_is_suggested_once_in_whichever_order(two: tuple[Profile, Profile]) -> None:
    ana, other = two
    first = suggest(low=other, high=ana, origin="dedup", probability=0.7, weight=1.2, evidence=[piece("name", 8)])
    again = suggest(low=ana, high=other, origin="dedup", probability=0.8, weight=2.0, evidence=[piece("name", 9)])
    assert first is not None
    assert first == again
    row = MergeSuggestion.scoped().get()
    assert (row.low, row.high, row.state, row.probability, row.evidence) == (ana, other, State.OPEN, 0.8, [piece("name", 9)])


def test_one_contact_is_no_pair(two: tuple[Profile, Profile]) -> None:
    merge(contacts=[profile.contact for profile in two], by=SYSTEM)
    assert suggest(low=two[0], high=two[1], origin="dedup") is None
    assert not MergeSuggestion.scoped().exists()


def test_never_merge_between_neighbours_holds(scoped: Account, two: tuple[Profile, Profile]) -> None:
    """The mark stands between other profiles of the same two contacts."""
    ana, other = two
    neighbour = writes(make_channel(scoped, "instagram"), "ig-1", name="Ana Rojas").profile
    merge(contacts=[other.contact, neighbour.contact], by=SYSTEM)
    NeverMerge.objects.create(low=ana, high=neighbour)
    assert suggest(low=ana, high=other, origin="keys") is None
    assert not MergeSuggestion.scoped().exists()


def test_two_contacts_have_one_suggestion_on_their_best_pair(scoped: Account, two: tuple[Profile, Profile]) -> None:
    ana, other = two
    neighbour = writes(make_channel(scoped, "instagram"), "ig-1", name="Ana Rojas").profile
    merge(contacts=[other.contact, neighbour.contact], by=SYSTEM)
    suggest(low=ana, high=other, origin="dedup", weight=3.0)
    stronger = suggest(low=ana, high=neighbour, origin="dedup", weight=5.0)
    weaker = suggest(low=ana, high=other, origin="dedup", weight=4.0)
    row = MergeSuggestion.scoped().get()
    assert (row, row, row.high, row.weight) == (stronger, weaker, neighbour, 5.0)


def test_rejected_stays_rejected_when_only_the_weights_are_new(two: tuple[Profile, Profile]) -> None:
    ana, other = two
    first = suggest(low=ana, high=other, origin="dedup", weight=3.0, evidence=[piece("name", 5)])
    assert first is not None
    reject(first)
    assert suggest(low=ana, high=other, origin="dedup", weight=9.0, evidence=[piece("name", 11)]) is None
    first.refresh_from_db()
    assert (first.state, first.weight) == (State.REJECTED, 3.0)


def test_rejected_comes_back_with_materially_new_evidence_and_says_so(two: tuple[Profile, Profile]) -> None:
    ana, other = two
    first = suggest(low=ana, high=other, origin="dedup", weight=3.0, evidence=[piece("name", 5)])
    assert first is not None
    reject(first)
    now = [piece("phone", 20, "+56911112222"), piece("name", 5)]
    again = suggest(low=ana, high=other, origin="dedup", weight=23.0, evidence=now)
    assert again is not None
    assert (again.pk, again.state, again.decided_at) == (first.pk, State.OPEN, None)
    assert again.evidence[0]["comparison"] == REOPENED
    assert again.evidence[0]["level"] == State.REJECTED
    assert again.evidence[1:] == now
    # The word stays when the same evidence comes again.
    once_more = suggest(low=ana, high=other, origin="dedup", weight=23.0, evidence=now)
    assert once_more is not None
    assert once_more.evidence == again.evidence


def test_deferred_stays_deferred(two: tuple[Profile, Profile]) -> None:
    ana, other = two
    first = suggest(low=ana, high=other, origin="dedup", weight=3.0)
    assert first is not None
    MergeSuggestion.scoped().update(state=State.DEFERRED)
    again = suggest(low=ana, high=other, origin="dedup", weight=4.0)
    assert again is not None
    assert (again.state, again.weight) == (State.DEFERRED, 4.0)


def test_what_was_settled_otherwise_is_open_again(two: tuple[Profile, Profile]) -> None:
    ana, other = two
    suggest(low=ana, high=other, origin="dedup", weight=3.0)
    MergeSuggestion.scoped().update(state=State.OBSOLETE)
    again = suggest(low=ana, high=other, origin="dedup", weight=3.0)
    assert again is not None
    assert again.state == State.OPEN
