"""``/api/v1/conversations/`` and the timeline: reading what was said, and saying something."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.merging import merge
from contacts.models import Identifier
from inbox.adapters import InboundMessage
from inbox.conversations import add_note
from inbox.models import Conversation, Message, OutboundMessage
from inbox.receiving import receive
from tests.api.conftest import ApiClient
from tests.conftest import make_channel
from tests.inbox.people import ADDRESS_KINDS

_numbers = itertools.count(1)
PHONE = "56911112222"


def hears(channel: Channel, sender: str, body: str = "hola", *, ago: timedelta = timedelta(minutes=5), email: str = "") -> Conversation:
    """Somebody wrote ``ago``; gives the conversation it went to."""
    said = (ClaimedIdentifier("email", email),) if email else ()
    with account_scope(channel.account_id):
        message = receive(
            channel=channel,
            inbound=InboundMessage(
                provider_id=f"api-{next(_numbers)}",
                sender=Address(ADDRESS_KINDS[channel.kind], sender),
                occurred_at=timezone.now() - ago,
                claim=Claim(said, {"name": "María"}),
                body=body,
            ),
        )
        assert message is not None
        return Conversation.objects.get(strands=message.strand_id)


@pytest.fixture
def whatsapp(account: Account) -> Channel:
    return make_channel(account, "whatsapp", settings={"phone_number_id": "1"}, secrets={"access_token": "x", "app_secret": "x"})


@pytest.fixture
def conversation(whatsapp: Channel) -> Conversation:
    return hears(whatsapp, PHONE, "¿Dónde está mi pedido?")


def count(model: Any, account: Account) -> int:
    with account_scope(account):
        return model.objects.count()


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_the_list_is_narrowed_by_status_assignee_and_channel(
    agent_api: ApiClient, agent: Membership, teammate: Membership, account: Account, whatsapp: Channel
) -> None:
    instagram = make_channel(account, "instagram")
    first, second, third = hears(whatsapp, "56911110001"), hears(whatsapp, "56911110002"), hears(instagram, "ig-3")
    agent_api.patch(f"conversations/{first.pk}/", {"assignee": agent.pk})
    agent_api.patch(f"conversations/{second.pk}/", {"assignee": teammate.pk, "status": "resolved"})

    assert sorted(ids(agent_api.get("conversations/"))) == sorted([first.pk, second.pk, third.pk])
    for query, expected in {
        "status=open": {first.pk, third.pk},
        "status=resolved": {second.pk},
        "assignee=me": {first.pk},
        f"assignee={teammate.pk}": {second.pk},
        "assignee=none": {third.pk},
        "channel=instagram": {third.pk},
        f"channel={whatsapp.pk}": {first.pk, second.pk},
        f"channel={whatsapp.pk}&status=open&assignee=me": {first.pk},
        "channel=webchat": set(),
        f"assignee={10**17}": set(),
    }.items():
        assert set(ids(agent_api.get(f"conversations/?{query}"))) == expected, query


@pytest.mark.parametrize("query", ["status=closed", "assignee=x", "channel=fax", "contact=x", "colour=red", "status=%00", "limit=0"])
def test_a_filter_that_means_nothing_is_400(agent_api: ApiClient, query: str) -> None:
    response = agent_api.get(f"conversations/?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["fields"].keys() == {query.partition("=")[0]}


def test_one_conversation_says_where_its_person_can_be_written_to(
    agent_api: ApiClient, conversation: Conversation, whatsapp: Channel
) -> None:
    shown = agent_api.get(f"conversations/{conversation.pk}/").json()

    assert shown["contact"]["name"] == "María"
    assert shown["preview"] == "¿Dónde está mi pedido?"
    assert shown["channel"] == {"id": whatsapp.pk, "kind": "whatsapp", "name": "Whatsapp"}
    assert [(a["channel"]["id"], a["identifier"]["value"], a["verdict"], a["recommended"]) for a in shown["addresses"]] == [
        (whatsapp.pk, PHONE, "allow", True)
    ]


def test_a_change_of_both_is_one_step(agent_api: ApiClient, agent: Membership, conversation: Conversation, account: Account) -> None:
    changed = agent_api.patch(f"conversations/{conversation.pk}/", {"status": "resolved", "assignee": agent.pk}).json()

    assert (changed["status"], changed["assignee"]) == ("resolved", {"id": agent.pk, "name": "Laura"})
    back = agent_api.patch(f"conversations/{conversation.pk}/", {"status": "open", "assignee": None}).json()
    assert (back["status"], back["assignee"]) == ("open", None)


@pytest.mark.parametrize(
    "change", [{"assignee": 10**12}, {"assignee": "x"}, {"status": "closed"}, {"status": "resolved", "assignee": 10**12}]
)
def test_a_wrong_change_changes_nothing(agent_api: ApiClient, conversation: Conversation, account: Account, change: Any) -> None:
    before = count(Message, account)

    assert agent_api.patch(f"conversations/{conversation.pk}/", change).status_code == 400

    with account_scope(account):
        fresh = Conversation.objects.get(pk=conversation.pk)
        assert (fresh.status, fresh.assignee_id) == ("open", None)
    assert count(Message, account) == before


def test_another_accounts_member_cannot_be_assigned(agent_api: ApiClient, outsider: Membership, conversation: Conversation) -> None:
    assert agent_api.patch(f"conversations/{conversation.pk}/", {"assignee": outsider.pk}).status_code == 400


@pytest.mark.parametrize("spelling", ["id", "+56 9 1111 2222", PHONE])
def test_a_message_is_accepted_for_the_chosen_address(
    agent_api: ApiClient, agent: Membership, conversation: Conversation, whatsapp: Channel, account: Account, spelling: str
) -> None:
    with account_scope(account):
        identifier = Identifier.objects.get(kind="whatsapp")
    given: Any = identifier.pk if spelling == "id" else spelling

    response = agent_api.post(
        f"conversations/{conversation.pk}/messages/", {"channel": whatsapp.pk, "identifier": given, "body": "Va en camino"}
    )

    assert response.status_code == 201, response.content
    sent = response.json()
    assert (sent["body"], sent["direction"], sent["status"]) == ("Va en camino", "out", "queued")
    assert (sent["author"]["id"], sent["author_kind"]) == (agent.pk, "api")
    assert sent["identifier"] == {"id": identifier.pk, "kind": "whatsapp", "value": PHONE}
    assert ids(agent_api.get(f"conversations/{conversation.pk}/messages/"))[0] == sent["id"]
    assert count(OutboundMessage, account) == 1


def test_a_repeated_message_with_a_key_is_sent_once(
    agent_api: ApiClient, conversation: Conversation, whatsapp: Channel, account: Account
) -> None:
    body = {"channel": whatsapp.pk, "identifier": PHONE, "body": "Va en camino"}

    answers = [agent_api.post(f"conversations/{conversation.pk}/messages/", body, **{"Idempotency-Key": "m1"}) for _ in range(3)]

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert count(OutboundMessage, account) == 1


def test_the_gate_refuses_with_reason_and_alternative(agent_api: ApiClient, whatsapp: Channel, account: Account) -> None:
    conversation = hears(whatsapp, PHONE, ago=timedelta(hours=25))
    where = {"channel": whatsapp.pk, "identifier": PHONE}

    refused = agent_api.post(f"conversations/{conversation.pk}/messages/", {**where, "body": "hola"})

    assert refused.status_code == 409
    error = refused.json()["error"]
    assert (error["code"], error["alternative"]) == ("template_required", "template")
    assert error["message"]
    assert count(OutboundMessage, account) == 0
    template = {"name": "pedido_en_camino", "language": "es", "parameters": []}
    accepted = agent_api.post(f"conversations/{conversation.pk}/messages/", {**where, "body": "Va", "template": template})
    assert accepted.status_code == 201, accepted.content
    assert accepted.json()["kind"] == "template"


def test_what_cannot_be_sent_is_named_and_nothing_is_stored(
    agent_api: ApiClient, conversation: Conversation, whatsapp: Channel, account: Account, other_account: Account
) -> None:
    stranger = make_channel(other_account, "whatsapp")
    elsewhere = hears(whatsapp, "56933334444")
    with account_scope(account):
        foreign = Identifier.objects.get(profile=elsewhere.profile_id, kind="whatsapp")
        unrelated = Message.objects.get(strand__conversation=elsewhere)
    good = {"channel": whatsapp.pk, "identifier": PHONE, "body": "x"}
    before = count(Message, account)
    for change, field in [
        ({"body": "  "}, "body"),
        ({"channel": stranger.pk}, "channel"),
        ({"channel": "uno"}, "channel"),
        ({"identifier": foreign.pk}, "identifier"),
        ({"identifier": "56933334444"}, "identifier"),
        ({"identifier": None}, "identifier"),
        ({"identifier": {"id": 1}}, "identifier"),
        ({"identifier": 10**30}, "identifier"),
        ({"reply_to": unrelated.pk}, "reply_to"),
        ({"direction": "in"}, "direction"),
    ]:
        response = agent_api.post(f"conversations/{conversation.pk}/messages/", {**good, **change})
        assert response.status_code == 400, (change, response.content)
        assert response.json()["error"]["fields"].keys() == {field}
    assert count(Message, account) == before
    assert count(OutboundMessage, account) == 0


def test_a_note_stays_inside(agent_api: ApiClient, conversation: Conversation, account: Account) -> None:
    response = agent_api.post(f"conversations/{conversation.pk}/notes/", {"body": "Llamar mañana"})

    assert response.status_code == 201
    assert (response.json()["direction"], response.json()["body"]) == ("note", "Llamar mañana")
    assert count(OutboundMessage, account) == 0
    assert agent_api.post(f"conversations/{conversation.pk}/notes/", {"body": " "}).status_code == 400


def test_outsiders_find_nothing_and_change_nothing(
    outsider_api: ApiClient, conversation: Conversation, whatsapp: Channel, account: Account
) -> None:
    before = count(Message, account)
    where = f"conversations/{conversation.pk}/"

    assert outsider_api.get("conversations/").json()["results"] == []
    for response in (
        outsider_api.get(where),
        outsider_api.patch(where, {"status": "resolved"}),
        outsider_api.get(f"{where}messages/"),
        outsider_api.post(f"{where}messages/", {"channel": whatsapp.pk, "identifier": PHONE, "body": "x"}),
        outsider_api.post(f"{where}notes/", {"body": "x"}),
        outsider_api.get(f"contacts/{conversation.profile_id}/timeline/"),
    ):
        assert response.status_code == 404
    assert count(Message, account) == before
    with account_scope(account):
        assert Conversation.objects.get(pk=conversation.pk).status == "open"


def test_the_timeline_joins_every_channel_newest_first(
    agent_api: ApiClient, agent: Membership, account: Account, whatsapp: Channel
) -> None:
    instagram = make_channel(account, "instagram")
    hears(whatsapp, PHONE, "uno", ago=timedelta(days=2), email="maria@ejemplo.cl")
    hears(instagram, "ig-1", "dos", ago=timedelta(days=1), email="maria@ejemplo.cl")
    conversation = hears(whatsapp, PHONE, "tres", email="maria@ejemplo.cl")
    with account_scope(account):
        add_note(conversation=conversation, body="cuatro", by=Actor.person(agent))
        contact = conversation.profile.contact
        assert contact.profiles.count() == 2

    first = agent_api.get(f"contacts/{contact.pk}/timeline/?limit=2").json()
    rest = agent_api.client.get(first["next"] + "&limit=50", headers={"Authorization": f"Bearer {agent_api.token}"}).json()

    said = [row["body"] for row in first["results"] + rest["results"] if row["direction"] != "event"]
    assert said == ["cuatro", "tres", "dos", "uno"]
    assert {row["direction"] for row in first["results"] + rest["results"]} == {"in", "note", "event"}


def test_the_timeline_of_a_merged_contact_leads_to_the_survivor(agent_api: ApiClient, supervisor: Membership, account: Account) -> None:
    channel = make_channel(account, "instagram")
    old, new = hears(channel, "ig-1", ago=timedelta(hours=2)), hears(channel, "ig-2")
    with account_scope(account):
        survivor, emptied = old.profile.contact, new.profile.contact
        merge(contacts=[survivor, emptied], by=Actor.person(supervisor))

    response = agent_api.get(f"contacts/{emptied.pk}/timeline/?limit=1")

    assert response.status_code == 307
    assert response["Location"].endswith(f"/api/v1/contacts/{survivor.pk}/timeline/?limit=1")
    assert response["Cache-Control"] == "no-store"
    assert agent_api.get(f"contacts/{10**12}/timeline/").status_code == 404


def test_lists_take_the_same_queries_at_2_and_20(agent_api: ApiClient, account: Account, whatsapp: Channel) -> None:
    conversation = hears(whatsapp, PHONE)
    agent_api.get("conversations/")
    seen = []
    for start, stop in ((0, 2), (2, 20)):
        for number in range(start, stop):
            hears(whatsapp, f"5691111{number:04}")
            hears(whatsapp, PHONE, f"otra {number}")
        counts = {}
        for path in ("conversations/", f"conversations/{conversation.pk}/messages/", f"contacts/{_contact_id(conversation)}/timeline/"):
            with CaptureQueriesContext(connection) as queries:
                assert agent_api.get(path).status_code == 200
            counts[path] = len(queries)
        seen.append(counts)
    assert seen[0] == seen[1]


def _contact_id(conversation: Conversation) -> int:
    with account_scope(conversation.account_id):
        return Conversation.objects.select_related("profile").get(pk=conversation.pk).profile.contact_id
