"""Requests by right through the API: into the queue, once, with their day; and read by those who answer them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.scope import account_scope
from consent.answering_requests import close
from consent.models import RightsRequest
from contacts.erasing import erase
from contacts.models import Profile
from tests.api.conftest import ApiClient
from tests.consent.people import MAIL, PHONE, make_person


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


def post(api: ApiClient, profile: Profile, kind: str = "erasure", **body: Any) -> Any:
    return api.post("rights-requests/", {"contact": profile.contact_id, "kind": kind, **body})


def test_it_goes_into_the_queue_with_the_day_of_the_persons_country(agent_api: ApiClient, api: ApiClient, ana: Profile) -> None:
    other = make_person(("phone", "+56987654321"), contact=ana.contact)
    asked_at = timezone.now() - timedelta(days=2)

    answer = post(agent_api, ana, received_at=asked_at.isoformat())

    assert answer.status_code == 201
    row = RightsRequest.objects.get()
    assert (row.kind, row.status, row.country, row.source) == ("erasure", "verifying", "CL", "api")
    assert (row.received_at, row.detail["profiles"]) == (asked_at, [ana.pk, other.pk])
    assert row.due_at > asked_at
    assert AuditEntry.scoped().get(action="rights_request.create").target_id == row.pk
    shown = answer.json()
    assert (shown["contact"], shown["profiles"], shown["has_archive"]) == (ana.contact_id, [ana.pk, other.pk], False)
    assert api.get(f"rights-requests/{row.pk}/").json() == shown
    assert api.get("rights-requests/").json()["results"] == [shown]


def test_the_same_again_is_the_one_that_waits_until_it_is_closed(agent_api: ApiClient, ana: Profile) -> None:
    first = post(agent_api, ana)
    again = post(agent_api, ana)
    assert (again.status_code, again.json()) == (200, first.json())
    assert post(agent_api, ana, "access").status_code == 201
    close(request=RightsRequest.objects.get(kind="erasure"), by=SYSTEM, reason="Hecho")
    assert post(agent_api, ana).status_code == 201
    assert RightsRequest.objects.count() == 3


def test_a_verified_rectification_says_what_to_correct(agent_api: ApiClient, ana: Profile) -> None:
    answer = post(agent_api, ana, "rectification", is_verified=True, fields_to_correct={"name": "Ana María"})
    row = RightsRequest.objects.get()
    assert (row.status, row.detail["fields"]) == ("received", {"name": "Ana María"})
    assert "Ana María" not in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "revenge"}, "kind"),
        ({"received_at": "2100-01-01T00:00:00Z"}, "received_at"),
        ({"fields_to_correct": {"name": "Ana"}}, "fields_to_correct"),
        ({"kind": "rectification", "fields_to_correct": {str(n): "x" for n in range(21)}}, "fields_to_correct"),
        ({"status": "done"}, "status"),
    ],
)
def test_what_makes_no_sense_is_not_taken(agent_api: ApiClient, ana: Profile, body: dict[str, Any], field: str) -> None:
    answer = post(agent_api, ana, **body)
    assert (answer.status_code, field in answer.json()["error"]["fields"]) == (400, True)
    assert not RightsRequest.objects.exists()


def test_a_list_is_narrowed_down_and_read_by_those_who_answer(agent_api: ApiClient, api: ApiClient, ana: Profile) -> None:
    beto = make_person(("email", "beto@ejemplo.cl"), name="Beto")
    for profile in (ana, beto):
        post(agent_api, profile)
    of_beto = api.get(f"rights-requests/?contact={beto.contact_id}&status=verifying").json()["results"]
    assert [row["contact"] for row in of_beto] == [beto.contact_id]
    assert api.get("rights-requests/?status=done").json()["results"] == []
    assert api.get("rights-requests/?status=finished").status_code == 400
    assert agent_api.get("rights-requests/").status_code == 403


def test_of_somebody_erased_the_request_stays_and_names_nobody(api: ApiClient, ana: Profile) -> None:
    post(api, ana)
    erase(profiles=[ana], by=SYSTEM)
    assert api.get("rights-requests/").json()["results"][0]["contact"] is None
    assert post(api, ana, "access").status_code == 410


def test_another_accounts_are_nowhere(agent_api: ApiClient, api: ApiClient, other_account: Account) -> None:
    with account_scope(other_account):
        theirs = make_person(("phone", PHONE))
        row = RightsRequest.objects.create(kind="access", profile=theirs, received_at=timezone.now(), due_at=timezone.now())
    assert post(agent_api, theirs).status_code == 404
    assert api.get(f"rights-requests/{row.pk}/").status_code == 404
    assert api.get("rights-requests/").json()["results"] == []
