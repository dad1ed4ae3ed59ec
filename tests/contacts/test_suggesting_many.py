"""Many pairs at once come out as they would one by one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, Channel
from contacts import announcements
from contacts.announcements import SuggestionChange
from contacts.merging import merge
from contacts.models import Contact, MergeSuggestion, NeverMerge, Profile
from contacts.suggesting import suggest
from contacts.suggesting_many import Question, suggest_many
from tests.conftest import make_channel
from tests.contacts.stories import writes

State = MergeSuggestion.State


@pytest.fixture
def people(scoped: Account) -> list[Profile]:
    channel: Channel = make_channel(scoped, "email")
    return [writes(channel, f"p{number}@uno.cl", name="Ana Rojas").profile for number in range(14)]


@contextmanager
def listening() -> Iterator[list[tuple[int, int, str]]]:
    heard: list[tuple[int, int, str]] = []

    def hear(*, suggestions: Sequence[MergeSuggestion], change: SuggestionChange) -> None:
        heard.extend((each.low_id, each.high_id, change.value) for each in suggestions)

    announcements.on_suggestion_changed(hear)
    yield heard
    announcements._suggestion_listeners.remove(hear)


def about(low: Profile, high: Profile, **values: Any) -> Question:
    piece = {"comparison": "name", "level": "exact", "bits": 8.0, "left": "ana", "right": "ana"}
    return Question(low=low.pk, high=high.pk, probability=0.8, weight=2.0, evidence=[piece], **values)


def rows() -> list[dict[str, Any]]:
    return list(MergeSuggestion.scoped().order_by("low", "high").values("low", "high", "state", "weight", "evidence", "conflicts", "group"))


def prepare(people: list[Profile]) -> list[Question]:
    """One pair of each kind: new, in one contact, never to be merged, asked before, rejected, with a better pair."""
    NeverMerge.objects.create(low=people[4], high=people[5])
    suggest(low=people[6], high=people[7], origin="dedup", weight=1.0)
    suggest(low=people[8], high=people[9], origin="dedup", weight=1.0, evidence=about(people[8], people[9]).evidence)
    MergeSuggestion.scoped().filter(low=people[8]).update(state=State.REJECTED, decided_at=timezone.now())
    suggest(low=people[10], high=people[12], origin="dedup", weight=9.0)
    pairs = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]
    return [about(people[low], people[high], group=7 if low == 0 else None, conflicts=["name"]) for low, high in pairs]


def test_each_comes_out_as_if_it_were_asked_alone(people: list[Profile]) -> None:
    for one, other in ((2, 3), (11, 12)):
        merge(contacts=[people[one].contact, people[other].contact], by=SYSTEM)
    questions = prepare(people)
    Contact.scoped().update(quality_due=False)
    with listening() as heard:
        assert suggest_many(questions, origin="dedup", model=None) == 3
    assert heard == [(people[0].pk, people[1].pk, "created")]
    together = rows()
    due = set(Contact.scoped().filter(quality_due=True).values_list("pk", flat=True))
    assert {people[0].contact_id, people[1].contact_id} <= due

    MergeSuggestion.scoped().all().delete()
    NeverMerge.scoped().all().delete()
    alone = [
        suggest(
            low=Profile(pk=each.low),
            high=Profile(pk=each.high),
            origin="dedup",
            probability=each.probability,
            weight=each.weight,
            evidence=each.evidence,
            conflicts=each.conflicts,
            group=each.group,
        )
        for each in prepare(people)
    ]
    assert sum(each is not None for each in alone) == 3
    assert rows() == together


def test_what_is_new_costs_the_same_for_two_and_for_six(people: list[Profile], django_assert_num_queries: Any) -> None:
    for pairs in ([(0, 1)], [(low, low + 1) for low in range(2, 14, 2)]):
        with django_assert_num_queries(12):
            assert suggest_many([about(people[low], people[high]) for low, high in pairs], origin="dedup", model=None) == len(pairs)
