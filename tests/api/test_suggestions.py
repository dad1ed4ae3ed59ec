"""``/api/v1/suggestions/``: the queue, the evidence in words, decisions and the way back."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Channel, Membership
from contacts.models import MergeEvent, MergeSuggestion, NeverMerge, SuggestionDecision
from tests.api.conftest import ApiClient, token_of
from tests.conftest import make_channel
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import members


@pytest.fixture
def mail(scoped: Account) -> Channel:
    return make_channel(scoped, "email", "Correo")


@pytest.fixture
def pair(mail: Channel) -> Any:
    return two_people(mail)


@pytest.fixture
def supervisor_api(supervisor: Membership) -> ApiClient:
    return ApiClient(token_of(supervisor))


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_one_shows_both_sides_and_the_evidence_in_words(supervisor_api: ApiClient, pair: Any) -> None:
    one, other = pair
    suggestion = ask(one, other, conflicts=["family_phone"])

    shown = supervisor_api.get(f"suggestions/{suggestion.pk}/", **{"Accept-Language": "es"}).json()

    assert (shown["id"], shown["state"], shown["probability"], shown["origin"]) == (suggestion.pk, "open", 0.94, "dedup")
    assert shown["low"] == {"contact": one.contact.pk, "name": "María Pérez", "profile": one.profile.pk}
    assert shown["high"] == {"contact": other.contact.pk, "name": "M. Pérez G.", "profile": other.profile.pk}
    assert shown["evidence"][0] == {
        "comparison": "phone",
        "level": "own",
        "bits": 14.1,
        "left": "+56981234567",
        "right": "+56981234567",
        "text": "Mismo teléfono, que no usa nadie más",
    }
    assert shown["conflicts"] == [{"name": "family_phone", "text": "Pueden ser familiares que usan un mismo teléfono."}]
    assert (shown["decided_by"], shown["reopened"]) == (None, "")


def test_the_list_goes_from_sure_to_unsure_in_pages(supervisor_api: ApiClient, mail: Channel) -> None:
    unscored = ask(*two_people(mail, 1), None)
    weak, strong, middle = (ask(*two_people(mail, 4 * turn), score) for turn, score in enumerate((0.5, 0.9, 0.7), 1))
    first = supervisor_api.get("suggestions/?limit=2")
    assert ids(first) == [unscored.pk, strong.pk]
    second = supervisor_api.get(first.json()["next"].split("/api/v1/")[1])
    assert ids(second) == [middle.pk, weak.pk]
    assert second.json()["next"] is None
    of_one = supervisor_api.get(f"suggestions/?contact={weak.low.contact_id}")
    assert ids(of_one) == [weak.pk]


def test_the_number_of_queries_does_not_grow(supervisor_api: ApiClient, mail: Channel) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            supervisor_api.get("suggestions/")
        return len(captured)

    ask(*two_people(mail))
    # The first request also notes that the token was used.
    count()
    before = count()
    for turn in range(15):
        ask(*two_people(mail, 3 * turn), 0.6)
    assert count() == before


def test_accepting_merges_and_undoing_takes_it_back(supervisor_api: ApiClient, pair: Any) -> None:
    one, other = pair
    suggestion = ask(one, other)

    answer = supervisor_api.post(f"suggestions/{suggestion.pk}/accept/", {"reason": "llamó y lo confirmó"})

    assert answer.status_code == 200
    done = answer.json()
    event = MergeEvent.scoped().get()
    assert (done["kind"], done["event"], done["contact"], done["settled"]) == ("accepted", event.pk, one.contact.pk, [suggestion.pk])
    assert (done["suggestion"]["state"], done["suggestion"]["decided_by"]) == ("accepted", "Sofia")
    assert (event.reason, event.actor_kind) == ("llamó y lo confirmó", "api")
    assert ids(supervisor_api.get("suggestions/?state=accepted")) == [suggestion.pk]

    back = supervisor_api.post(f"suggestions/{suggestion.pk}/undo/")
    assert (back.status_code, back.json()["undone"], back.json()["suggestion"]["state"]) == (200, True, "open")
    assert back.json()["suggestion"]["reopened"] != ""
    assert members(one.contact) == {one.profile.pk}

    nothing = supervisor_api.post(f"suggestions/{suggestion.pk}/undo/")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "undecided")


def test_rejecting_twice_is_a_conflict_and_writes_once(supervisor_api: ApiClient, pair: Any) -> None:
    suggestion = ask(*pair)
    assert supervisor_api.post(f"suggestions/{suggestion.pk}/reject/").json()["kind"] == "rejected"
    for verb in ("reject", "accept", "defer"):
        again = supervisor_api.post(f"suggestions/{suggestion.pk}/{verb}/")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "decided")
    assert NeverMerge.scoped().count() == SuggestionDecision.scoped().count() == 1
    assert not MergeEvent.scoped().exists()


def test_a_write_with_an_idempotency_key_happens_once(supervisor_api: ApiClient, pair: Any) -> None:
    suggestion = ask(*pair)
    first, second = (supervisor_api.post(f"suggestions/{suggestion.pk}/accept/", **{"Idempotency-Key": "si-1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert MergeEvent.scoped().count() == 1


def test_later_until_a_moment(supervisor_api: ApiClient, pair: Any) -> None:
    suggestion = ask(*pair)
    until = timezone.now() + timedelta(days=3)
    done = supervisor_api.post(f"suggestions/{suggestion.pk}/defer/", {"until": until.isoformat()})
    assert done.json()["suggestion"]["state"] == "deferred"
    assert ids(supervisor_api.get("suggestions/")) == []
    assert ids(supervisor_api.get("suggestions/?state=deferred")) == [suggestion.pk]
    MergeSuggestion.scoped().update(deferred_until=timezone.now() - timedelta(minutes=1))
    assert ids(supervisor_api.get("suggestions/")) == [suggestion.pk]
    assert supervisor_api.get("suggestions/").json()["results"][0]["state"] == "open"


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("defer", {"until": "2020-01-01T00:00:00Z"}, "until"),
        ("defer", {"until": "mañana"}, "until"),
        ("defer", {"hasta": "2027-01-01"}, "hasta"),
        ("accept", {"reason": "x" * 201}, "reason"),
        ("reject", {"motivo": "x"}, "motivo"),
        ("undo", {"todo": True}, "todo"),
    ],
)
def test_a_wrong_decision_changes_nothing(supervisor_api: ApiClient, pair: Any, verb: str, body: Any, field: str) -> None:
    suggestion = ask(*pair)
    answer = supervisor_api.post(f"suggestions/{suggestion.pk}/{verb}/", body)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert not SuggestionDecision.scoped().exists()
    suggestion.refresh_from_db()
    assert suggestion.state == "open"


@pytest.mark.parametrize(
    ("query", "field"),
    [("state=nueva", "state"), ("cursor=x", "cursor"), ("cursor=nan_1", "cursor"), ("limit=0", "limit"), ("estado=open", "estado")],
)
def test_what_is_not_understood_is_refused_by_name(supervisor_api: ApiClient, query: str, field: str) -> None:
    answer = supervisor_api.get(f"suggestions/?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"].keys() == {field}


def test_agents_may_not_and_other_accounts_find_nothing(agent_api: ApiClient, outsider_api: ApiClient, pair: Any) -> None:
    suggestion = ask(*pair)
    assert agent_api.get("suggestions/").status_code == 403
    assert agent_api.post(f"suggestions/{suggestion.pk}/accept/").status_code == 403
    assert outsider_api.get("suggestions/").json()["results"] == []
    assert outsider_api.get(f"suggestions/{suggestion.pk}/").status_code == 404
    assert outsider_api.post(f"suggestions/{suggestion.pk}/accept/").status_code == 404
    assert not MergeEvent.scoped().exists()
