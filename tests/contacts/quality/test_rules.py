"""What each rule takes off a hundred, and when it does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts.quality.rules import COSTS, Known, Problem, Value, assess, conflicting_fields, grade, staleness

NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = staleness(12)


def field(value: Any, *others: Any, rule: str = "first") -> dict[str, Any]:
    """A field as a contact keeps it; each other value is of another profile."""
    return {"value": value, "profile": 1, "rule": rule, "others": [{"value": other, "profile": 2} for other in others]}


def value(kind: str = "email", text: str = "ana@ejemplo.cl", pk: int = 1, *, sure: bool = True, days: int = 1, mark: str = "") -> Value:
    return Value(kind=kind, text=text, identifiers=(pk,), is_sure=sure, heard_at=NOW - timedelta(days=days), mark=mark)


def known(*values: Value, name: str = "Ana Soto", **more: Any) -> Known:
    return Known(**({"fields": {"name": field(name)}, "values": values or (value(),)} | more))


def problems(known: Known) -> dict[str, int]:
    return {finding.problem.value: finding.cost for finding in assess(known, now=NOW, stale_after=YEAR).findings}


def test_a_good_contact_has_a_hundred_and_nothing_to_fix() -> None:
    assessment = assess(known(), now=NOW, stale_after=YEAR)
    assert (assessment.score, assessment.findings) == (100, ())


@pytest.mark.parametrize("values", [(), (value("visitor", "v"),), (value("national_id", "1-9"),), (value(mark="blocked"),)])
def test_without_a_way_to_write_to_them(values: tuple[Value, ...]) -> None:
    found = problems(Known(fields={"name": field("Ana")}, values=values))
    assert found["unreachable"] == COSTS[Problem.UNREACHABLE][0]


@pytest.mark.parametrize("name", ["", "cliente", "???", "Visitante"])
def test_a_name_that_names_nobody(name: str) -> None:
    assert problems(known(name=name)) == {"nameless": 15}
    assert problems(known(fields={"username": field("ana.s")})) == {"nameless": 15}


def test_a_fault_of_every_way_costs_more_than_of_one() -> None:
    assert problems(known(value(days=400))) == {"stale": 15}
    assert problems(known(value(days=400), value("phone", "+56 9", 2))) == {"stale": 5}
    assert problems(known(value(sure=False))) == {"unverified": 15}
    assert problems(known(value(mark="shared"), value("phone", "+56 9", 2))) == {"shared": 5}


def test_only_what_ages_becomes_stale() -> None:
    assert problems(known(value("instagram", "123", days=900), value(days=1, pk=2))) == {}
    assert problems(known(value(days=YEAR.days))) == {}


def test_a_value_that_identifies_nobody_is_no_way_but_is_said() -> None:
    assert problems(known(value(), value("email", "info@x.cl", 2, mark="blocked", sure=False))) == {"blocked": 5}


def test_sources_that_contradict_each_other() -> None:
    fields = {"name": field("Ana Soto", "Beatriz Rojas"), "city": field("Lima", "LIMA"), "date_of_birth": field("1990-01-01", "1991-01-01")}
    assert conflicting_fields(fields) == {"name": ["Ana Soto", "Beatriz Rojas"], "date_of_birth": ["1990-01-01", "1991-01-01"]}
    assert problems(known(fields=fields)) == {"conflicting": 10}


def test_a_spelling_a_later_word_of_one_source_and_a_choice_are_no_contradiction() -> None:
    same_source = {"value": "Lima", "profile": 1, "rule": "latest", "others": [{"value": "Cusco", "profile": 1}]}
    fields = {"name": field("Ana Soto", "Anita Soto"), "city": same_source, "company": field("Uno", "Dos", rule="manual")}
    assert conflicting_fields(fields) == {}


def test_two_numbers_of_one_document() -> None:
    two = (value(), value("national_id", "12.345.678-5", 7), value("national_id", "11.111.111-1", 8))
    assert problems(known(*two, national_ids={7: "cl.rut:123456785", 8: "cl.rut:111111111"})) == {"national_ids": 20}
    assert problems(known(*two, national_ids={7: "cl.rut:123456785", 8: "ar.dni:12345678"})) == {}


def test_an_open_suggestion() -> None:
    assessment = assess(known(duplicates=(5, 9)), now=NOW, stale_after=YEAR)
    assert [(finding.problem, finding.suggestion) for finding in assessment.findings] == [(Problem.DUPLICATES, 5)]


def test_what_somebody_left_as_it_is_no_longer_counts() -> None:
    stale = value(days=400)
    assert problems(known(stale, kept=frozenset({("stale", 1, "")}))) == {}
    assert problems(known(stale, kept=frozenset({("stale", 2, ""), ("shared", 1, "")}))) == {"stale": 15}
    fields = {"name": field("Ana", "Rut")}
    assert problems(known(fields=fields, kept=frozenset({("conflicting", 0, "name")}))) == {}


def test_the_score_never_falls_below_nothing() -> None:
    worst = known(
        value(sure=False, days=900, mark="shared"),
        value("email", "info@x.cl", 2, mark="blocked"),
        fields={"name": field("cliente"), "city": field("Lima", "Cusco")},
        national_ids={7: "cl.rut:1", 8: "cl.rut:2"},
        duplicates=(1,),
    )
    assert assess(worst, now=NOW, stale_after=YEAR).score == 0


def test_grades() -> None:
    assert [grade(score) for score in (100, 85, 84, 60, 59, 0)] == ["good", "good", "warn", "warn", "bad", "bad"]
