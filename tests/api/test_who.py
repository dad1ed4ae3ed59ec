"""``conversations/{id}/who/``: the answer to the question on a shared address."""

import pytest

from accounts.models import Account
from contacts.models import Profile, ValueMark
from inbox.models import Conversation
from tests.api.conftest import ApiClient
from tests.conftest import make_channel
from tests.contacts.stories import tells, writes
from tests.inbox.people import make_conversation, say


@pytest.fixture
def asking(scoped: Account) -> Conversation:
    """María and José use one number; somebody writes from it."""
    whatsapp = make_channel(scoped, "whatsapp")
    maria = writes(whatsapp, "56981234567", name="María").profile
    say(make_conversation(maria), "Hola")
    jose = writes(make_channel(scoped, "webchat"), "v1", 1, name="José").profile
    ValueMark.objects.create(kind="phone", key="+56981234567", mark="shared")
    tells(jose, 2, phone="+56981234567")
    conversation = make_conversation(maria, asks_who=True)
    say(conversation, "¿Y mi pedido?")
    return conversation


def test_it_offers_whoever_uses_the_address_and_takes_one_of_them(agent_api: ApiClient, asking: Conversation) -> None:
    offered = agent_api.get(f"conversations/{asking.pk}/").json()["who"]
    assert [one["contact"]["name"] for one in offered] == ["José", "María"]

    answer = agent_api.post(f"conversations/{asking.pk}/who/", {"profile": offered[0]["profile"]})

    assert (answer.status_code, answer.json()["asks_who"], answer.json()["who"]) == (200, False, [])
    assert answer.json()["contact"]["name"] == "José"


def test_somebody_new_becomes_a_contact(agent_api: ApiClient, asking: Conversation) -> None:
    before = set(Profile.scoped().values_list("contact_id", flat=True))

    answer = agent_api.post(f"conversations/{asking.pk}/who/", {"somebody_new": True})

    assert answer.status_code == 200
    assert answer.json()["contact"]["id"] not in before


@pytest.mark.parametrize("body", [{}, {"profile": 1, "somebody_new": True}, {"profile": 999_999_999}, {"profile": "x"}])
def test_an_answer_that_names_nobody_changes_nothing(agent_api: ApiClient, asking: Conversation, body: dict[str, object]) -> None:
    assert agent_api.post(f"conversations/{asking.pk}/who/", body).status_code == 400
    asking.refresh_from_db()
    assert asking.asks_who is True
