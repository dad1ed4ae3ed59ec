"""Many records together are decided as they would be one by one."""

from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account, MatchingPolicy, NameConflict
from accounts.scope import account_scope
from contacts import planning_many, taking_many
from contacts.claims import Claim, ClaimedIdentifier
from contacts.marking import mark_shared
from contacts.matching import take_record
from contacts.models import BlockKey, Contact, Identifier, MatchDecision, Profile, Source
from contacts.taking_many import MOST_TOGETHER, Given, take_records
from tests.conftest import make_account
from tests.contacts.stories import at, claim, person

NAMES = ("María Pérez", "Mario Soto", "Pepe Rojas", "José Rojas", "", "Cliente")
EMAILS = ("maria@ejemplo.cl", "m.aria@gmail.com", "maria@gmail.com", "info@empresa.cl", "soto@ejemplo.cl", "nada", "")
PHONES = ("+56 9 1111 2222", "+54 9 11 2345 6789", "+54 11 2345 6789", "0000000", "+56911113333", "")
IDS = ("", "11.111.111-1", "22.222.222-2")
rows = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(EMAILS), st.sampled_from(PHONES), st.sampled_from(IDS)), min_size=1, max_size=7
)


def said(row: tuple[str, str, str, str]) -> Claim:
    name, email, phone, national_id = row
    return claim(name=name, email=email, phone=phone, national_id=national_id)


def decided() -> list[dict[str, Any]]:
    """Every record in the order it came: whom it is together with, what was decided and why, what it and its contact show."""
    profiles = list(Profile.scoped().order_by("pk").select_related("contact"))
    number = {profile.pk: place for place, profile in enumerate(profiles)}
    keys: dict[int, set[int]] = {}
    for profile_id, value in BlockKey.scoped().values_list("profile_id", "hash"):
        keys.setdefault(profile_id, set()).add(value)
    shown = []
    for profile in profiles:
        decision = MatchDecision.scoped().filter(profile=profile).latest("pk")
        evidence = {name: value for name, value in decision.evidence.items() if name not in ("apart", "protections", "matched", "scores")}
        evidence["protections"] = [entry.get("protection") for entry in decision.evidence.get("protections", [])]
        contact = profile.contact
        shown.append(
            {
                "with": sorted(number[other.pk] for other in profiles if other.contact_id == profile.contact_id),
                "home": profile.home_id is not None,
                "decision": (decision.outcome, decision.rule, decision.unified, decision.cause, evidence),
                "given": (profile.given, profile.given_at, profile.later, profile.source, profile.first_seen_at, profile.last_seen_at),
                "identifiers": list(
                    Identifier.scoped()
                    .filter(profile=profile)
                    .order_by("pk")
                    .values_list("kind", "raw", "value", "key", "loose_key", "certainty", "scope", "valid_from", "valid_to")
                ),
                "contact": (contact.name, contact.search_text, contact.is_anonymous, contact.born_at, contact.last_seen_at),
                "fields": {name: (each["value"], number[each["profile"]]) for name, each in contact.fields.items()},
                "keys": keys.get(profile.pk, set()),
            }
        )
    return shown


class _Undo(Exception):
    pass


def outcome(account: Account, before: list[Any], records: list[Any], *, together: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    try:
        with transaction.atomic(), account_scope(account):
            for row in before:
                take_record(source=Source.CRM, claim=said(row), occurred_at=at(0), cause="crm")
            if together:
                take_records(source=Source.IMPORT, records=[Given(said(row), at(1)) for row in records], cause="import")
            else:
                for row in records:
                    take_record(source=Source.IMPORT, claim=said(row), occurred_at=at(1), cause="import")
            found = sorted(decided(), key=lambda each: (each["with"], str(each)))
            raise _Undo
    except _Undo:
        return found


def without_places(found: list[dict[str, Any]]) -> list[str]:
    """Those that were written together have other ids: people are told apart by what they show, not by their number."""
    texts = []
    for each in found:
        rest = {name: value for name, value in each.items() if name not in ("with", "fields", "keys")}
        fields = {name: value for name, (value, _profile) in each["fields"].items()}
        together = sorted(str(other["given"]) + str(other["identifiers"]) for other in found if other["with"] == each["with"])
        texts.append(str((rest, fields, together, sorted(each["keys"]))))
    return sorted(texts)


@pytest.mark.parametrize(
    "rules",
    [
        {"unification_enabled": True},
        {"unification_enabled": True, "name_conflict": NameConflict.SUGGEST},
        {"unification_enabled": True, "matching_policy": MatchingPolicy.PROBABILISTIC},
        {"unification_enabled": False},
    ],
    ids=["unified", "suggest", "probabilistic", "standard"],
)
def test_together_and_one_by_one_decide_the_same(db: None, rules: dict[str, Any]) -> None:
    account = make_account("andes", **rules)

    @settings(max_examples=max(4, settings().max_examples // 6))
    @given(before=rows, records=rows)
    def compare(before: list[Any], records: list[Any]) -> None:
        together = outcome(account, before, records, together=True)
        alone = outcome(account, before, records, together=False)
        assert without_places(together) == without_places(alone)

    compare()


def test_strangers_take_as_many_statements_as_one(scoped: Account) -> None:
    def statements(count: int, first: int) -> int:
        given = [
            Given(claim(name=f"Persona {n}", email=f"p{n}@ejemplo.cl", phone=f"+5691{n:07}"), at(0)) for n in range(first, first + count)
        ]
        with CaptureQueriesContext(connection) as counted:
            take_records(source=Source.IMPORT, records=given, cause="import")
        return len(counted)

    assert statements(2, 0) == statements(60, 100)
    assert Contact.scoped().filter(is_anonymous=False).count() == 62


def test_known_people_take_as_many_statements_as_one(scoped: Account) -> None:
    def person_number(number: int, city: str, hours: int) -> Given:
        return Given(claim(name="Ana", email=f"p{number}@gmail.com", phone=f"+5691{number:07}", city=city), at(hours))

    numbers = range(1, 63)
    take_records(source=Source.IMPORT, records=[person_number(number, "Talca", 0) for number in numbers], cause="crm")

    def statements(some: range) -> int:
        with CaptureQueriesContext(connection) as counted:
            found = take_records(source=Source.IMPORT, records=[person_number(number, "Arica", 1) for number in some], cause="import")
        assert [(each.outcome, each.rule, each.is_new_contact) for each in found] == [("attached", "same_email", False)] * len(some)
        return len(counted)

    assert statements(range(1, 3)) == statements(range(3, 63))
    assert Contact.scoped().count() == Contact.scoped().filter(fields__city__value="Arica").count() == 62
    # The first word of it and the one that it gave way to.
    assert Contact.history.count() == 124


def test_whoever_has_many_sources_is_looked_at_alone(scoped: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_many, "MOST_SOURCES", 1)
    known = take_record(source=Source.CRM, claim=claim(name="Ana", email="ana@ejemplo.cl"), occurred_at=at(0), cause="crm")
    again = Given(claim(name="Ana", email="ana@ejemplo.cl"), at(1))

    with patch.object(taking_many, "take_record", wraps=take_record) as alone:
        found = [take_records(source=Source.IMPORT, records=[again], cause="import")[0] for _time in range(2)]

    assert {each.profile.contact_id for each in found} == {known.profile.contact_id}
    assert alone.call_count == 1


def test_a_later_version_goes_to_the_profile_of_the_former(scoped: Account) -> None:
    first = take_records(source=Source.IMPORT, records=[Given(claim(name="Ana", email="ana@ejemplo.cl"), at(0))], cause="import")[0]

    again = Given(claim(name="Ana Rojas", email="ana@ejemplo.cl"), at(1), profile=first.profile)
    other = Given(claim(name="Otra", email="otra@ejemplo.cl"), at(1))
    found = take_records(source=Source.IMPORT, records=[again, other], cause="import")

    assert [each.is_new_profile for each in found] == [False, True]
    assert Contact.scoped().get(pk=first.profile.contact_id).name == "Ana Rojas"


def test_a_shared_value_goes_the_careful_way(scoped: Account, supervisor: Any) -> None:
    known = take_record(source=Source.CRM, claim=claim(name="Ana", phone="+56911112222"), occurred_at=at(0), cause="crm")
    mark_shared(identifier=Identifier.scoped().get(profile=known.profile, kind="phone"), by=person(supervisor))

    found = take_records(source=Source.IMPORT, records=[Given(claim(name="Luis", phone="+56911112222"), at(1))], cause="import")[0]

    assert found.outcome == MatchDecision.Outcome.SUGGESTED
    assert found.profile.contact_id != known.profile.contact_id


def test_too_many_at_once_are_refused(scoped: Account) -> None:
    many = [Given(Claim((ClaimedIdentifier("email", f"p{n}@ejemplo.cl"),)), at(0)) for n in range(MOST_TOGETHER + 1)]

    with pytest.raises(ValueError, match=str(MOST_TOGETHER + 1)):
        take_records(source=Source.IMPORT, records=many, cause="import")

    assert not Profile.scoped().exists()
