"""Precision per score band from decisions, and the thresholds that follow from it."""

from datetime import UTC, datetime

import pytest

from accounts.actors import SYSTEM, Actor
from accounts.models import Channel, Membership
from contacts import merging
from contacts.deciding import accept, reject, undo
from contacts.models import MergeSuggestion, SuggestionDecision
from contacts.suggestion_figures import AUTOMATIC_NEEDS, QUEUE_NEEDS, figures
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import person


@pytest.fixture
def by(supervisor: Membership) -> Actor:
    return person(supervisor)


def decide_many(suggestion: MergeSuggestion, kind: str, probability: float, count: int) -> None:
    """As if so many others had been decided like that."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    SuggestionDecision.objects.bulk_create(
        SuggestionDecision(suggestion=suggestion, kind=kind, probability=probability, actor_name="x", at=at) for _ in range(count)
    )


def bands() -> dict[float, tuple[int, int]]:
    return {band.low: (band.right, band.decided) for band in figures().bands if band.decided}


def test_each_decision_counts_in_its_band(mail: Channel, by: Actor) -> None:
    accept(suggestion=ask(*two_people(mail), 0.99), by=by)
    accept(suggestion=ask(*two_people(mail, 3), 0.949), by=by)
    reject(suggestion=ask(*two_people(mail, 6), 0.9), by=by)
    reject(suggestion=ask(*two_people(mail, 9), None), by=by)
    assert bands() == {0.99: (1, 1), 0.9: (1, 2)}
    assert figures().decided == 3


def test_a_slip_does_not_count_and_a_merge_taken_back_later_was_wrong(mail: Channel, by: Actor) -> None:
    undo(decision=accept(suggestion=ask(*two_people(mail), 0.97), by=by), by=by)
    assert bands() == {}
    decision = accept(suggestion=ask(*two_people(mail, 3), 0.97), by=by)
    assert decision.event is not None
    merging.undo(event=decision.event, by=SYSTEM)
    assert bands() == {0.95: (0, 1)}


def test_thresholds_need_enough_decisions_that_were_right(mail: Channel, by: Actor) -> None:
    suggestion = ask(*two_people(mail))
    decide_many(suggestion, "accepted", 0.995, AUTOMATIC_NEEDS - 1)
    assert (figures().automatic, figures().queue) == (None, 0.995)
    decide_many(suggestion, "accepted", 0.993, 1)
    assert figures().automatic == 0.993
    # Two wrong ones are too many for five hundred, and still right often enough for the queue.
    decide_many(suggestion, "rejected", 0.992, 2)
    assert (figures().automatic, figures().queue) == (0.993, 0.992)
    decide_many(suggestion, "rejected", 0.6, AUTOMATIC_NEEDS)
    assert figures().queue == 0.992


def test_too_few_say_nothing(mail: Channel, by: Actor) -> None:
    decide_many(ask(*two_people(mail)), "accepted", 0.8, QUEUE_NEEDS - 1)
    assert (figures().automatic, figures().queue) == (None, None)
