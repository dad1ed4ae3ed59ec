"""What happens here goes to a platform in Segment's language, by the machinery of the webhooks."""

import base64
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Channel, Membership
from contacts.merging import merge
from inbox.conversations import resolve
from inbox.models import Conversation
from inbox.receiving import process_event, store_event
from integrations.models import WebhookAttempt
from integrations.webhooks.delivering import deliver
from integrations.webhooks.subscribing import change, prepare_test
from tests.conftest import make_channel
from tests.contacts.stories import writes
from tests.inbox.wire import SECRETS, SETTINGS, envelope, text
from tests.integrations.provider import Answer, Provider
from tests.integrations.webhooks.conftest import receiver  # noqa: F401
from tests.integrations.webhooks.receiver import deliver_all, states, subscribe_to

pytestmark = pytest.mark.django_db
KEY = "clave-de-escritura"


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp", "WhatsApp", settings=SETTINGS, secrets=SECRETS)


def told(platform: Provider) -> list[dict[str, Any]]:
    return [message for asked in platform.asked for message in asked.json["batch"]]


def test_people_go_as_identify_and_what_happens_as_track(receiver: Provider, whatsapp: Channel, agent: Membership) -> None:  # noqa: F811
    subscription, _key = subscribe_to(receiver, path="", kind="segment", key=KEY)
    event = store_event(channel=whatsapp, body=envelope(text("w1", "56987654321", "mi secreto"), name="María"), context={})
    assert event is not None
    process_event(event_id=event.pk)
    conversation = Conversation.scoped().get()
    resolve(conversation=conversation, by=Actor.person(agent))

    deliver_all()

    person = str(conversation.profile.contact_id)
    assert {asked.path for asked in receiver.asked} == {"/v1/batch"}
    assert receiver.asked[0].headers["authorization"] == "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    by_name = {message.get("event", message["type"]): message for message in told(receiver)}
    assert set(by_name) == {"identify", "Conversation Created", "Message Received", "Conversation Resolved"}
    assert {message["userId"] for message in by_name.values()} == {person}
    assert by_name["identify"]["traits"] == {"name": "María", "phone": "+56987654321"}
    assert by_name["Message Received"]["properties"]["channel"] == "whatsapp"
    assert "mi secreto" not in str(by_name)
    assert len({message["messageId"] for message in by_name.values()}) == 4
    assert KEY not in str(list(WebhookAttempt.scoped().values()))
    assert subscription.kind == "segment"


def test_a_merge_is_an_alias_and_a_second_attempt_has_the_same_ids(receiver: Provider, whatsapp: Channel, supervisor: Membership) -> None:  # noqa: F811
    one, other = (writes(whatsapp, number, hours).contact for number, hours in (("56911110001", 0), ("56911110002", 1)))
    subscribe_to(receiver, ["contact.merged", "contact.erased", "suggestion.created"], path="", kind="segment", key=KEY)
    receiver.answers.append(Answer(503))

    merge(contacts=[one, other], by=Actor.person(supervisor))
    deliver_all()
    from django.utils import timezone

    from integrations.models import WebhookDelivery

    WebhookDelivery.scoped().update(next_attempt_at=timezone.now())
    deliver_all()

    first, second = ([m["messageId"] for m in asked.json["batch"]] for asked in receiver.asked)
    assert first == second
    alias, person = receiver.asked[1].json["batch"]
    assert (alias["type"], alias["previousId"], alias["userId"]) == ("alias", str(other.pk), str(one.pk))
    assert (person["type"], person["userId"]) == ("identify", str(one.pk))
    assert states() == ["delivered"]


def test_the_test_button_sends_a_track_of_nobody(receiver: Provider, scoped: Account) -> None:  # noqa: F811
    subscription, _key = subscribe_to(receiver, path="", kind="segment", key=KEY)

    deliver(delivery_id=prepare_test(subscription=subscription, by=SYSTEM).pk)

    (message,) = told(receiver)
    assert (message["type"], message["event"], "userId" in message) == ("track", "Hilo Test", False)


def test_the_key_stays_with_the_server_that_it_was_given_for(receiver: Provider, scoped: Account) -> None:  # noqa: F811
    subscription, _key = subscribe_to(receiver, path="", kind="segment", key=KEY)
    with pytest.raises(ValidationError, match="La clave es del servidor"):
        change(subscription=subscription, changes={"url": "https://otro.example"}, by=SYSTEM)
    subscription.refresh_from_db()
    assert subscription.url == receiver.url
    assert change(subscription=subscription, changes={"url": f"{receiver.url}/segment"}, by=SYSTEM).url.endswith("/segment")
