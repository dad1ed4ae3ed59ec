"""The doors of consent: ask the gate, write down what people said, see what holds."""

from datetime import timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from accounts.scope import account_scope
from consent.models import ConsentEvent, Decision, Suppression
from contacts.models import Identifier, Profile
from tests.api.conftest import ApiClient
from tests.consent.people import MAIL, PHONE, agree, live_on_sunday, make_person, say


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    live_on_sunday(monkeypatch)


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


def number_of(profile: Profile, kind: str = "phone") -> int:
    return Identifier.objects.get(profile=profile, kind=kind).pk


def decide(api: ApiClient, profile: Profile, **body: Any) -> Any:
    asked = {"identifier": number_of(profile), "channel": "whatsapp", "purpose": "marketing", "template": "marketing", **body}
    return api.post("consent/decide/", {**asked, "at": "2026-11-24T15:00:00Z"})


def write(api: ApiClient, profile: Profile, action: str, **body: Any) -> Any:
    return api.post("consent/events/", {"identifier": number_of(profile), "action": action, "key": action, **body})


def test_it_says_why_not_in_codes_and_in_words_and_keeps_the_answer(agent_api: ApiClient, ana: Profile) -> None:
    answer = decide(agent_api, ana, subject="campaña 7")

    assert answer.status_code == 200
    said = answer.json()
    assert (said["verdict"], said["reason"], said["reasons"][0]["detail"]) == ("deny", "no_consent", "never_asked")
    assert said["text"]
    decision = Decision.objects.get(pk=said["decision"])
    assert (decision.stage, decision.subject, decision.profile_id) == ("asked", "api:campaña 7", ana.pk)


def test_it_allows_what_the_person_agreed_to(agent_api: ApiClient, ana: Profile) -> None:
    agree(ana, kind="phone")
    assert decide(agent_api, ana).json()["verdict"] == "allow"
    later = decide(agent_api, ana, purpose="utility", template="utility")
    assert (later.json()["verdict"], later.json()["not_before"]) == ("allow", None)


def test_what_is_written_down_counts_at_once(agent_api: ApiClient, ana: Profile) -> None:
    agree(ana, kind="phone", occurred_at=timezone.now() - timedelta(hours=1))
    for _twice in range(2):
        answer = write(agent_api, ana, "withdraw", purpose="marketing")
        assert answer.status_code == 201
    (event,) = answer.json()["events"]
    assert (event["action"], event["source"], event["possession_proven"], event["profile"]) == ("withdraw", "api", False, ana.pk)
    assert ConsentEvent.objects.filter(action="withdraw").count() == 1
    assert decide(agent_api, ana).json()["reason"] == "withdrawn"


def test_a_grant_by_the_api_lifts_nothing(agent_api: ApiClient, ana: Profile) -> None:
    say(ana, "withdraw", kind="phone")
    assert write(agent_api, ana, "grant", proof={"form": "feria"}).status_code == 201
    assert decide(agent_api, ana).json()["reason"] == "withdrawn"


def test_a_withdrawal_everywhere_is_one_event_for_each_address(agent_api: ApiClient, ana: Profile) -> None:
    answer = write(agent_api, ana, "withdraw", everywhere=True)
    assert len(answer.json()["events"]) == 2


def test_a_complaint_suppresses(agent_api: ApiClient, ana: Profile) -> None:
    assert write(agent_api, ana, "suppress", reason="complaint").status_code == 201
    assert Suppression.objects.filter(reason="complaint").count() == 2
    assert decide(agent_api, ana, purpose="service", template="utility").json()["reason"] == "suppressed"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "grant", "everywhere": True}, "everywhere"),
        ({"action": "suppress"}, "reason"),
        ({"action": "suppress", "reason": "erased"}, "reason"),
        ({"action": "platform_resume"}, "action"),
        ({"action": "withdraw", "purpose": "ninguna"}, "purpose"),
        ({"action": "withdraw", "notice": 999999}, "notice"),
        ({"action": "withdraw", "possession_proven": True}, "possession_proven"),
        ({"action": "withdraw", "channel": "paloma"}, "channel"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    agent_api: ApiClient, ana: Profile, body: dict[str, Any], field: str
) -> None:
    answer = agent_api.post("consent/events/", {"identifier": number_of(ana), "key": "k", **body})
    assert (answer.status_code, field in answer.json()["error"]["fields"]) == (400, True)
    assert not ConsentEvent.objects.exists()


def test_another_accounts_address_is_nowhere(agent_api: ApiClient, other_account: Account) -> None:
    with account_scope(other_account):
        theirs = number_of(make_person(("phone", PHONE)))
    for path, body in (("decide", {"channel": "sms", "purpose": "service"}), ("events", {"action": "withdraw", "key": "k"})):
        assert agent_api.post(f"consent/{path}/", {"identifier": theirs, **body}).status_code == 404
    with account_scope(other_account):
        assert not ConsentEvent.objects.exists()


def test_a_contact_shows_what_holds_everywhere_and_what_was_said(agent_api: ApiClient, ana: Profile) -> None:
    agree(ana, kind="phone")
    say(ana, "withdraw", kind="email", purpose="marketing")
    answer = agent_api.get(f"contacts/{ana.contact_id}/consent/").json()
    held = {(line["kind"], line["channel"], line["purpose"]): (line["state"], line["reason"]) for line in answer["consent"]}
    assert held["phone", "whatsapp", "marketing"][0] == "granted"
    assert held["email", "email", "marketing"] == ("withdrawn", "withdrawn")
    assert held["phone", "sms", "service"][0] == "none"
    assert [event["action"] for event in answer["events"]] == ["withdraw", "grant"]
    assert PHONE not in str(answer["events"])


def test_it_takes_the_same_queries_for_one_address_and_for_many(agent_api: ApiClient, scoped: Account) -> None:
    from django.db import connection

    counts = []
    for many in (1, 6):
        person = make_person(*[("email", f"p{many}-{number}@ejemplo.cl") for number in range(many)])
        agree(person)
        agent_api.get(f"contacts/{person.contact_id}/consent/")
        with CaptureQueriesContext(connection) as captured:
            assert agent_api.get(f"contacts/{person.contact_id}/consent/").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
