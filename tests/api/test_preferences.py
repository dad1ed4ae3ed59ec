"""How somebody wants to be written to, by the API: it holds for the whole person, and for the gate at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.scope import account_scope
from consent.models import Preference
from consent.preferences import pause, set_preferences
from contacts.models import Profile
from tests.api.conftest import ApiClient
from tests.consent.people import PHONE, agree, ask, live_on_sunday, make_person

NOTHING = {"language": "", "channels": [], "timezone": "", "quiet_hours": [], "caps": [], "paused_until": None}


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    live_on_sunday(monkeypatch)


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE))


def path(profile: Profile) -> str:
    return f"contacts/{profile.contact_id}/preferences/"


def put(api: ApiClient, profile: Profile, body: Any) -> Any:
    return api.request("PUT", path(profile), body)


def test_what_is_put_is_what_rules_whatever_the_profiles_said_before(agent_api: ApiClient, ana: Profile) -> None:
    other = make_person(("phone", "+56987654321"), contact=ana.contact)
    pause(profile=other, days=30, by=SYSTEM)
    set_preferences(profile=ana, by=SYSTEM, language="es", cap_count=1, cap_days=7)
    wanted = {
        "language": "pt-BR",
        "channels": ["email", "whatsapp"],
        "timezone": "America/Santiago",
        "quiet_hours": {"begin": "21:00", "end": "09:00"},
        "cap": {"messages": 5, "days": 7},
    }
    for _twice in range(2):
        answer = put(agent_api, ana, wanted)
        assert answer.status_code == 200
    assert answer.json() == {
        "contact": ana.contact_id,
        "language": "pt-BR",
        "channels": ["email", "whatsapp"],
        "timezone": "America/Santiago",
        "quiet_hours": [{"begin": "21:00", "end": "09:00"}],
        "caps": [{"messages": 5, "days": 7}],
        "paused_until": None,
    }
    assert agent_api.get(path(other)).json() == answer.json()
    assert put(agent_api, ana, {}).json() == {"contact": ana.contact_id, **NOTHING}


def test_the_gate_waits_for_the_end_of_a_pause(agent_api: ApiClient, ana: Profile) -> None:
    agree(ana)
    assert ask(ana).allowed
    until = (timezone.now() + timedelta(days=30)).replace(microsecond=0)
    assert put(agent_api, ana, {"paused_until": until.isoformat()}).status_code == 200
    assert ask(ana).reason == "paused"
    put(agent_api, ana, {})
    assert ask(ana).allowed


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"language": "español"}, "language"),
        ({"channels": ["paloma"]}, "channels"),
        ({"channels": ["email", "email"]}, "channels"),
        ({"timezone": "Luna/Base"}, "timezone"),
        ({"quiet_hours": {"begin": "21:00"}}, "quiet_hours"),
        ({"cap": {"messages": 0, "days": 7}}, "cap"),
        ({"paused_until": "2031-01-01T00:00:00Z"}, "paused_until"),
        ({"pause": 3}, "pause"),
    ],
)
def test_what_makes_no_sense_changes_nothing(agent_api: ApiClient, ana: Profile, body: dict[str, Any], field: str) -> None:
    set_preferences(profile=ana, by=SYSTEM, language="es")
    answer = put(agent_api, ana, body)
    assert (answer.status_code, next(iter(answer.json()["error"]["fields"])).split(".")[0]) == (400, field)
    assert Preference.objects.get().language == "es"


def test_another_accounts_contact_is_nowhere(agent_api: ApiClient, other_account: Account) -> None:
    with account_scope(other_account):
        theirs = make_person(("phone", PHONE))
    assert agent_api.get(path(theirs)).status_code == put(agent_api, theirs, {"language": "es"}).status_code == 404
    with account_scope(other_account):
        assert not Preference.objects.exists()
