"""The gate's answers in every kind of situation: what they cost, and that they can be drawn again from what is stored."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from consent.gate import Question, decide, decide_many, keep, replay
from consent.models import Decision, PolicySnapshot
from consent.questions import Ruling
from consent.vocabulary import Verdict
from tests.consent.people import answered
from tests.consent.situations import SITUATIONS, a_person_with_many_profiles, somebody_suppressed_who_stopped_and_withdrew

pytestmark = pytest.mark.usefixtures("scoped")
every_situation = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda found: found.__name__)


def ask_alone(question: Question) -> Ruling:
    """The question by the door for one message."""
    given = {field.name: getattr(question, field.name) for field in fields(question)}
    return decide(point=given.pop("ref"), content_category=given.pop("category"), **given)


def drawn(ruling: Ruling) -> dict[str, Any]:
    """All that a ruling says."""
    names = ("verdict", "findings", "excused", "obligations", "not_before", "counts", "until")
    return {name: getattr(ruling, name) for name in names}


@every_situation
def test_one_message_takes_two_queries_at_most(situation: Callable[[], Question], django_assert_max_num_queries: Any) -> None:
    question = situation()
    with django_assert_max_num_queries(2):
        ruling = ask_alone(question)
    assert answered(ruling) == SITUATIONS[situation]
    assert drawn(ruling) == drawn(decide_many([question])[0])


def test_the_situations_have_every_verdict() -> None:
    assert {verdict for verdict, _reason in SITUATIONS.values()} == set(Verdict.values)


@every_situation
def test_a_stored_answer_is_drawn_again_to_the_letter(situation: Callable[[], Question]) -> None:
    ruling = ask_alone(situation())
    stored = Decision.objects.get(pk=keep(ruling, stage="accepted").pk)
    assert drawn(replay(stored)) == drawn(ruling)


@pytest.mark.parametrize("situation", [a_person_with_many_profiles, somebody_suppressed_who_stopped_and_withdrew])
def test_so_is_one_that_another_version_of_the_gate_stored(situation: Callable[[], Question]) -> None:
    """Fields that are gone since, and fields that were not there yet."""
    ruling = ask_alone(situation())
    stored = keep(ruling, stage="accepted")
    for rows in (stored.facts["wishes"], stored.facts["cells"], stored.facts["suppressed"]):
        for row in rows:
            row["updated_at"] = "2025-01-01T00:00:00+00:00"
    stored.facts["mood"] = stored.question["mood"] = stored.question["ref"]["mood"] = "good"
    for name in ("recycled_at", "stop_confirmed_at", "last_inbound_at"):
        assert stored.facts.pop(name) is None
    for name in ("asked_now", "is_bulk", "similar_product"):
        assert stored.question.pop(name) is False
    for cell in stored.facts["cells"]:
        del cell["soft_at"]
    stored.save()
    snapshot = PolicySnapshot.objects.get(version=stored.policy_version)
    for part in (snapshot.content["purpose"], snapshot.content["account"], snapshot.content["country"]):
        part["mood"] = "good"
    del snapshot.content["purpose"]["expires_after_days"]
    snapshot.save()
    assert drawn(replay(Decision.objects.get(pk=stored.pk)))["verdict"] == ruling.verdict
    assert replay(stored).findings == ruling.findings


@pytest.mark.parametrize("spoiled", [{"ref": "?"}, {}, {"at": "yesterday", "ref": {}}])
def test_what_cannot_be_read_at_all_says_so(spoiled: dict[str, Any]) -> None:
    stored = keep(ask_alone(somebody_suppressed_who_stopped_and_withdrew()), stage="accepted")
    stored.question = spoiled
    with pytest.raises(LookupError):
        replay(stored)
