"""What happens in the account is told with what the API would say of it, once, to those who asked, in the transaction of the change."""

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from consent.fingerprints import point_of
from consent.ledger import record
from consent.vocabulary import Action, Origin
from contacts.correcting import correct_field
from contacts.deciding import accept, reject
from contacts.merging import merge, unmerge
from contacts.models import Contact, Identifier, Profile
from contacts.suggesting import suggest
from inbox.adapters import StatusUpdate
from inbox.conversations import assign, reopen, resolve
from inbox.models import Conversation, Direction, Message, OutboundMessage
from inbox.receiving import process_event, store_event
from inbox.statuses import apply_status
from integrations.models import WebhookDelivery, WebhookEvent
from integrations.webhooks.event_types import EVENT_TYPES
from integrations.webhooks.payloads import PAYLOADS
from tests.committed import db  # noqa: F401
from tests.conftest import make_account
from tests.contacts.stories import writes
from tests.inbox.people import make_conversation, say
from tests.inbox.wire import envelope, text
from tests.integrations.provider import Provider
from tests.integrations.webhooks.receiver import deliver_all, heard, subscribe_to, types

pytestmark = pytest.mark.usefixtures("db")


def arrives(channel: Channel, wamid: str, sender: str = "56987654321", name: str = "María") -> Message:
    event = store_event(channel=channel, body=envelope(text(wamid, sender, "hola"), name=name), context={})
    assert event is not None
    process_event(event_id=event.pk)
    return Message.scoped().get(provider_id=wamid)


def test_a_message_tells_of_its_person_its_conversation_and_itself(receiver: Provider, whatsapp: Channel) -> None:
    _subscription, secret = subscribe_to(receiver)

    message = arrives(whatsapp, "w1")
    deliver_all()

    told = {body["type"]: body for body in heard(receiver, secret)}
    assert types(receiver).count("contact.created") == 1
    assert set(told) == {"contact.created", "conversation.created", "message.received"}
    contact = told["contact.created"]["data"]["contact"]
    assert contact["name"] == "María"
    assert [row["value"] for row in contact["identifiers"] if row["kind"] == "whatsapp"] == ["56987654321"]
    assert told["conversation.created"]["data"]["conversation"]["contact"]["id"] == contact["id"]
    assert told["message.received"]["data"]["message"]["body"] == "hola"
    assert told["message.received"]["data"]["message"]["id"] == message.pk
    assert told["message.received"]["version"] == 1
    assert told["message.received"]["id"].startswith("evt_")


def test_what_is_rolled_back_was_never_told(receiver: Provider, whatsapp: Channel) -> None:
    subscribe_to(receiver)

    with transaction.atomic():
        writes(whatsapp, "56987654321", name="Nadie")
        assert WebhookEvent.scoped().exists()
        transaction.set_rollback(True)

    assert not WebhookEvent.scoped().exists()
    assert not WebhookDelivery.scoped().exists()


def test_nothing_is_written_where_nobody_asks(receiver: Provider, whatsapp: Channel) -> None:
    subscribe_to(receiver, ["contact.merged"])

    arrives(whatsapp, "w1")

    assert not WebhookEvent.scoped().exists()


def test_another_account_hears_nothing(receiver: Provider, whatsapp: Channel) -> None:
    with account_scope(make_account("ajena")):
        subscribe_to(receiver)

    arrives(whatsapp, "w1")
    deliver_all()

    assert receiver.asked == []
    assert not WebhookEvent.scoped().exists()


def test_the_life_of_a_conversation(receiver: Provider, whatsapp: Channel, agent: Membership) -> None:
    arrives(whatsapp, "w1")
    conversation = Conversation.scoped().get()
    by = Actor.person(agent)
    _subscription, secret = subscribe_to(receiver)

    assign(conversation=conversation, to=agent, by=by)
    assign(conversation=conversation, to=agent, by=by)
    resolve(conversation=conversation, by=by)
    reopen(conversation=conversation, by=by)
    deliver_all()

    assert types(receiver) == ["conversation.assigned", "conversation.resolved", "conversation.reopened"]
    last = heard(receiver, secret)[-1]["data"]["conversation"]
    assert (last["assignee"]["name"], last["status"]) == (str(agent.user), "open")


def test_the_steps_of_a_message(receiver: Provider, whatsapp: Channel) -> None:
    profile = writes(whatsapp, "56987654321", name="María").profile
    message = say(make_conversation(profile), "ya va", direction=Direction.OUT, status="sent", author_kind="person", provider_id="out.1")
    OutboundMessage.objects.create(message=message)
    subscribe_to(receiver)

    for word in ("delivered", "delivered", "read"):
        apply_status(channel=whatsapp, update=StatusUpdate(provider_id="out.1", status=word, occurred_at=timezone.now()))
    deliver_all()

    assert types(receiver) == ["message.delivered", "message.read"]


def test_people_are_joined_and_separated(receiver: Provider, whatsapp: Channel, supervisor: Membership) -> None:
    one, other = (
        writes(whatsapp, number, hours, name=name).profile for number, hours, name in (("56911110001", 0, "Ana"), ("56911110002", 1, "Eva"))
    )
    _subscription, secret = subscribe_to(receiver)
    by = Actor.person(supervisor)

    event = merge(contacts=[one.contact, other.contact], by=by)
    deliver_all()
    unmerge(contact=event.contact, profiles=[Profile.scoped().get(pk=other.pk)], by=by)
    deliver_all()

    merged, unmerged = heard(receiver, secret)
    assert (merged["type"], merged["data"]["contact"]["id"], merged["data"]["emptied"]) == (
        "contact.merged",
        one.contact_id,
        [other.contact_id],
    )
    assert merged["data"]["contact"]["aliases"] == [other.contact_id]
    assert (unmerged["type"], unmerged["data"]["parted"], unmerged["data"]["cause"]) == ("contact.unmerged", [other.contact_id], "manual")


def test_a_contact_that_joined_another_is_not_told_of_any_more(receiver: Provider, whatsapp: Channel, supervisor: Membership) -> None:
    subscribe_to(receiver, ["contact.created", "contact.merged"])
    one, other = (writes(whatsapp, number, hours).profile for number, hours in (("56911110001", 0), ("56911110002", 1)))

    merge(contacts=[one.contact, other.contact], by=Actor.person(supervisor))
    deliver_all()

    told = {(asked.json["type"], asked.json["data"]["contact"]["id"]) for asked in receiver.asked}
    assert told == {("contact.created", one.contact_id), ("contact.merged", one.contact_id)}
    assert WebhookDelivery.scoped().filter(state="skipped").count() == 1


def test_a_correction_tells_once_and_shows_the_value(receiver: Provider, whatsapp: Channel, agent: Membership) -> None:
    contact = writes(whatsapp, "56987654321", name="María").contact
    _subscription, secret = subscribe_to(receiver)

    correct_field(contact=contact, field="city", value="Temuco", by=Actor.person(agent))
    deliver_all()

    (body,) = heard(receiver, secret)
    assert (body["type"], body["data"]["contact"]["fields"]["city"]["value"]) == ("contact.updated", "Temuco")


def test_consent_and_suggestions(receiver: Provider, whatsapp: Channel, supervisor: Membership) -> None:
    people = [
        writes(whatsapp, number, hours, name=name).profile
        for hours, (number, name) in enumerate([("56911110001", "A"), ("56911110002", "B"), ("56911110003", "C")])
    ]
    _subscription, secret = subscribe_to(receiver)
    said = {"origin": Origin.MESSAGE, "key": "1", "possession_proven": True, "by": SYSTEM, "occurred_at": timezone.now()}

    with transaction.atomic():
        address = Identifier.scoped().filter(profile=people[0]).first()
        assert address is not None
        record(ref=point_of(address), action=Action.WITHDRAW, profile=people[0], **said)
    for other, decide in ((people[1], accept), (people[2], reject)):
        suggestion = suggest(low=people[0], high=other, origin="dedup", probability=0.9)
        assert suggestion is not None
        decide(suggestion=suggestion, by=Actor.person(supervisor))
    deliver_all()

    told = [body for body in heard(receiver, secret) if not body["type"].startswith("contact.")]
    names = [body["type"] for body in told]
    assert sorted(names) == sorted(["consent.changed", *["suggestion.created"] * 2, "suggestion.accepted", "suggestion.rejected"])
    consent = next(body["data"] for body in told if body["type"] == "consent.changed")
    assert (consent["event"]["action"], consent["contact"]["id"]) == ("withdraw", people[0].contact_id)
    assert "56911110001" not in str(consent["event"])


def test_every_type_has_a_payload_in_the_description() -> None:
    assert set(PAYLOADS) == set(EVENT_TYPES)


def test_a_visitor_who_becomes_known_is_updated_not_created_again(receiver: Provider, scoped: Account, whatsapp: Channel) -> None:
    subscribe_to(receiver, ["contact.created", "contact.updated"])

    writes(whatsapp, "56987654321", 0)
    writes(whatsapp, "56987654321", 1, name="María", email="maria@ejemplo.cl")
    deliver_all()

    assert types(receiver) == ["contact.created", "contact.updated"]
    assert Contact.scoped().count() == 1
