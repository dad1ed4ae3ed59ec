"""``/api/v1/contacts/``: find, show with provenance, merge, separate."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.matching import Recognition
from contacts.merging import merge
from contacts.models import Contact, Identifier, MergeEvent, NeverMerge, Profile
from contacts.quality.scoring import renew_due
from tests.api.conftest import ApiClient, token_of
from tests.conftest import make_channel
from tests.contacts.stories import person, writes


@pytest.fixture
def mail(scoped: Account) -> Channel:
    return make_channel(scoped, "email", "Correo")


@pytest.fixture
def ana(mail: Channel) -> Recognition:
    return writes(mail, "ana@ejemplo.cl", 0, name="Ana", phone="9 8123 4567")


@pytest.fixture
def eva(mail: Channel) -> Recognition:
    return writes(mail, "eva@ejemplo.cl", 1, name="Eva", city="Lima")


@pytest.fixture
def supervisor_api(supervisor: Membership) -> Iterator[ApiClient]:
    return ApiClient(token_of(supervisor))


def test_a_contact_shows_its_fields_with_provenance_its_profiles_and_identifiers(
    agent_api: ApiClient, ana: Recognition, mail: Channel
) -> None:
    shown = agent_api.get(f"contacts/{ana.contact.pk}/").json()

    assert (shown["id"], shown["name"], shown["is_anonymous"], shown["aliases"]) == (ana.contact.pk, "Ana", False, [])
    assert shown["fields"]["name"] == {
        "value": "Ana",
        "profile": ana.profile.pk,
        "source": "channel",
        "at": "2026-03-02T09:00:00+00:00",
        "rule": "first",
        "others": [],
    }
    assert [(row["kind"], row["value"], row["raw"], row["certainty"], row["mark"]) for row in shown["identifiers"]] == [
        ("email", "ana@ejemplo.cl", "ana@ejemplo.cl", "claimed", ""),
        ("phone", "+56981234567", "9 8123 4567", "claimed", ""),
    ]
    (profile,) = shown["profiles"]
    assert (profile["id"], profile["home"], profile["address"]) == (ana.profile.pk, ana.contact.pk, "ana@ejemplo.cl")
    assert profile["channel"] == {"id": mail.pk, "kind": "email", "name": "Correo"}


@pytest.mark.parametrize("spelling", ["ana@ejemplo.cl", "ANA@ejemplo.cl", "%2B56981234567", "981234567", "+56 9 8123 4567"])
def test_any_spelling_of_any_identifier_finds_the_contact(agent_api: ApiClient, ana: Recognition, eva: Recognition, spelling: str) -> None:
    found = agent_api.get(f"contacts/?identifier={spelling}").json()
    assert [row["id"] for row in found["results"]] == [ana.contact.pk]


@pytest.mark.parametrize("query", ["identifier=nadie@ejemplo.cl", "search=nadie"])
def test_nobody_is_an_empty_page(agent_api: ApiClient, ana: Recognition, query: str) -> None:
    assert agent_api.get(f"contacts/?{query}").json() == {"next": None, "results": []}


@pytest.mark.parametrize(
    ("query", "field"), [("identifer=x", "identifer"), ("identifier=", "identifier"), ("limit=0", "limit"), ("cursor=x", "cursor")]
)
def test_what_is_not_understood_is_refused_by_name(agent_api: ApiClient, query: str, field: str) -> None:
    answer = agent_api.get(f"contacts/?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"].keys() == {field}


def test_the_list_has_pages_and_a_search(agent_api: ApiClient, ana: Recognition, eva: Recognition) -> None:
    first = agent_api.get("contacts/?limit=1").json()
    assert [row["id"] for row in first["results"]] == [eva.contact.pk]
    second = agent_api.get(first["next"].split("/api/v1/")[1]).json()
    assert [row["id"] for row in second["results"]] == [ana.contact.pk]
    assert second["next"] is None
    assert [row["name"] for row in agent_api.get("contacts/?search=ev").json()["results"]] == ["Eva"]


def test_a_merge_is_answered_with_the_contact_that_stands(supervisor_api: ApiClient, ana: Recognition, eva: Recognition) -> None:
    body = {"winner": eva.contact.pk, "losers": [ana.contact.pk], "reason": "la misma"}

    answer = supervisor_api.post("contacts/merge/", body)

    assert answer.status_code == 200
    assert answer.json()["contact"]["id"] == ana.contact.pk
    assert answer.json()["contact"]["aliases"] == [eva.contact.pk]
    assert answer.json()["moved"] == [{"profile": eva.profile.pk, "from_contact": eva.contact.pk, "to_contact": ana.contact.pk}]
    event = MergeEvent.scoped().get()
    assert (event.pk, event.reason, event.actor_kind) == (answer.json()["event"], "la misma", "api")

    gone = supervisor_api.get(f"contacts/{eva.contact.pk}/")
    assert gone.status_code == 307
    assert gone["Location"].endswith(f"/api/v1/contacts/{ana.contact.pk}/")
    assert gone["Cache-Control"] == "no-store"
    assert gone.json() == {"id": ana.contact.pk}

    again = supervisor_api.post("contacts/merge/", body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_one")


def test_separating_works_through_the_emptied_contact_too(
    supervisor_api: ApiClient, ana: Recognition, eva: Recognition, supervisor: Membership
) -> None:
    merge(contacts=[ana.contact, eva.contact], by=person(supervisor))

    answer = supervisor_api.post(f"contacts/{eva.contact.pk}/unmerge/", {"profiles": [eva.profile.pk]})

    assert answer.status_code == 200
    assert answer.json()["contact"]["id"] == eva.contact.pk
    assert answer.json()["moved"] == [{"profile": eva.profile.pk, "from_contact": ana.contact.pk, "to_contact": eva.contact.pk}]
    assert supervisor_api.get(f"contacts/{eva.contact.pk}/").status_code == 200
    assert NeverMerge.scoped().count() == 1


def test_a_write_with_an_idempotency_key_happens_once(supervisor_api: ApiClient, ana: Recognition, eva: Recognition) -> None:
    body = {"winner": ana.contact.pk, "losers": [eva.contact.pk]}
    headers = {"Idempotency-Key": "fusion-1"}
    first, second = (supervisor_api.post("contacts/merge/", body, **headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert MergeEvent.scoped().count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "winner"),
        ({"winner": "x", "losers": [1]}, "winner"),
        ({"winner": 1, "losers": []}, "losers"),
        ({"winner": 2**63, "losers": [1]}, "winner"),
    ],
)
def test_a_wrong_merge_changes_nothing(supervisor_api: ApiClient, ana: Recognition, body: dict, field: str) -> None:
    answer = supervisor_api.post("contacts/merge/", body)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert not MergeEvent.scoped().exists()


def test_what_cannot_be_separated_is_a_conflict(supervisor_api: ApiClient, ana: Recognition, eva: Recognition) -> None:
    for profiles in ([ana.profile.pk], [eva.profile.pk], [ana.profile.pk, 2**40]):
        assert supervisor_api.post(f"contacts/{ana.contact.pk}/unmerge/", {"profiles": profiles}).status_code == 409
    assert not MergeEvent.scoped().exists()
    assert set(Contact.scoped().values_list("pk", flat=True)) == {ana.contact.pk, eva.contact.pk}


def test_another_account_finds_nothing(outsider_api: ApiClient, ana: Recognition, eva: Recognition, account: Account) -> None:
    assert outsider_api.get(f"contacts/{ana.contact.pk}/").status_code == 404
    assert outsider_api.get("contacts/?identifier=ana@ejemplo.cl").json()["results"] == []
    assert outsider_api.get("contacts/").json()["results"] == []
    merged = outsider_api.post("contacts/merge/", {"winner": ana.contact.pk, "losers": [eva.contact.pk]})
    assert merged.status_code == 404
    assert outsider_api.post(f"contacts/{ana.contact.pk}/unmerge/", {"profiles": [ana.profile.pk]}).status_code == 404
    with account_scope(account):
        assert Profile.scoped().get(pk=eva.profile.pk).contact_id == eva.contact.pk


def test_an_agent_reads_but_does_not_merge(agent_api: ApiClient, ana: Recognition, eva: Recognition) -> None:
    assert agent_api.post("contacts/merge/", {"winner": ana.contact.pk, "losers": [eva.contact.pk]}).status_code == 403
    assert agent_api.post(f"contacts/{ana.contact.pk}/unmerge/", {"profiles": [ana.profile.pk]}).status_code == 403
    assert not MergeEvent.scoped().exists()
    assert ApiClient().get("contacts/").status_code == 401


def test_the_number_of_queries_does_not_grow(agent_api: ApiClient, mail: Channel) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert agent_api.get(path).status_code == 200
        return len(captured)

    small = writes(mail, "p0@ejemplo.cl", name="Persona 0")
    writes(mail, "p1@ejemplo.cl", 1, name="Persona 1")
    agent_api.get("contacts/")
    few = count("contacts/"), count(f"contacts/{small.contact.pk}/")
    for number in range(2, 20):
        writes(mail, f"p{number}@ejemplo.cl", number, name=f"Persona {number}", email="p0@ejemplo.cl" if number > 10 else "")
    assert (count("contacts/"), count(f"contacts/{small.contact.pk}/")) == few


def test_a_contact_says_how_good_its_data_is_and_what_to_fix(agent_api: ApiClient, ana: Recognition) -> None:
    Identifier.scoped().update(last_seen_at=timezone.now())
    quality = agent_api.get(f"contacts/{ana.contact.pk}/").json()["quality"]

    assert quality["score"] == 95
    (finding,) = quality["to_fix"]
    assert (finding["problem"], finding["cost"], finding["values"], finding["fields"]) == ("unverified", 5, ["+56 9 8123 4567"], [])
    assert finding["identifiers"] == [Identifier.scoped().get(kind="phone").pk]
    assert finding["what"]
    assert finding["action"]


def test_the_list_keeps_those_with_something_to_fix(agent_api: ApiClient, ana: Recognition, eva: Recognition) -> None:
    Identifier.scoped().update(last_seen_at=timezone.now())
    renew_due()

    assert {row["id"] for row in agent_api.get("contacts/").json()["results"]} == {ana.contact.pk, eva.contact.pk}
    for problem in ("any", "unverified"):
        assert [row["id"] for row in agent_api.get(f"contacts/?problem={problem}").json()["results"]] == [ana.contact.pk]
    assert agent_api.get("contacts/?problem=shared").json()["results"] == []
    assert agent_api.get("contacts/?problem=ugly").status_code == 400
