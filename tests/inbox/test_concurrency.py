"""Everything at the same instant, on real connections: duplicates, new people, receipts that are overtaken."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.merging import unmerge
from contacts.models import Contact, Profile
from inbox.adapters import InboundMessage, StatusUpdate
from inbox.delivery import apply_status, deliver
from inbox.models import Conversation, Direction, InboundEvent, Message, OutboundMessage, Strand
from inbox.receiving import process_event, receive, store_event
from inbox.sending import addresses_for, send_message
from tests.committed import db  # noqa: F401
from tests.conftest import make_channel, make_member
from tests.inbox.people import NOON
from tests.inbox.provider import Provider, running_provider
from tests.inbox.wire import SECRETS, SETTINGS, envelope, text
from tests.threads import at_once


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with running_provider() as provider:
        yield provider


@pytest.fixture
def whatsapp(account: Account, provider: Provider) -> Channel:
    return make_channel(account, "whatsapp", settings={**SETTINGS, "api_base": provider.url}, secrets=SECRETS)


def inside(account: Account, do: Any, **arguments: Any) -> Any:
    with account_scope(account):
        return do(**arguments)


def writes(account: Account, channel: Channel, sender: str, provider_id: str, *, kind: str = "whatsapp", phone: str = "") -> Any:
    claim = Claim((ClaimedIdentifier("phone", phone),) if phone else (), {})
    inbound = InboundMessage(provider_id=provider_id, sender=Address(kind, sender), occurred_at=NOON, body="hola", claim=claim)
    return partial(inside, account, receive, channel=channel, inbound=inbound)


def errors(results: list[Any]) -> list[Any]:
    return [result for result in results if isinstance(result, Exception)]


def test_the_same_webhook_five_times_at_once_makes_one_message(account: Account, whatsapp: Channel) -> None:
    body = envelope(text("wamid.1"))
    results = at_once([partial(inside, account, store_event, channel=whatsapp, body=body, context={})] * 5)

    assert errors(results) == []
    with account_scope(account):
        event = InboundEvent.objects.get(channel=whatsapp)
    assert errors(at_once([partial(inside, account, process_event, event_id=event.pk)] * 5)) == []

    with account_scope(account):
        assert Message.objects.count() == 1
        assert Conversation.objects.get().message_count == 1


def test_the_same_message_in_five_bodies_at_once_makes_one_message(account: Account, whatsapp: Channel) -> None:
    results = at_once([writes(account, whatsapp, "56987654321", "wamid.1")] * 5)

    assert errors(results) == []
    assert [result is None for result in results].count(False) == 1
    with account_scope(account):
        assert Message.objects.count() == Contact.objects.count() == Conversation.objects.count() == 1


@pytest.mark.parametrize("round_number", range(3))
def test_messages_of_one_new_person_at_once_make_one_contact(account: Account, whatsapp: Channel, round_number: int) -> None:
    results = at_once([writes(account, whatsapp, "56987654321", f"wamid.{number}") for number in range(5)])

    assert errors(results) == []
    with account_scope(account):
        assert Contact.objects.count() == Profile.objects.count() == Conversation.objects.count() == 1
        assert (Conversation.objects.get().message_count, Message.objects.count()) == (5, 5)


@pytest.mark.parametrize("round_number", range(3))
def test_one_new_person_on_several_channels_at_once_is_one_contact_with_one_conversation(
    account: Account, whatsapp: Channel, round_number: int
) -> None:
    second, web = make_channel(account, "whatsapp", "dos"), make_channel(account, "webchat")
    results = at_once(
        [
            writes(account, whatsapp, "56987654321", "1"),
            writes(account, second, "56987654321", "2"),
            writes(account, web, "visitor-1", "3", kind="visitor", phone="+56 9 8765 4321"),
            writes(account, web, "visitor-2", "4", kind="visitor", phone="09 8765 4321"),
        ]
    )

    assert errors(results) == []
    with account_scope(account):
        assert Contact.objects.filter(is_empty=False).count() == 1
        assert Conversation.objects.count() == 1
        assert Conversation.objects.get().message_count == 4
        assert Strand.objects.count() == 4


@pytest.mark.parametrize("round_number", range(3))
def test_a_separation_while_both_write_leaves_every_conversation_with_one_contact(
    account: Account, whatsapp: Channel, round_number: int
) -> None:
    supervisor = make_member(account, "supervisor", "sofia")
    web = make_channel(account, "webchat")
    writes(account, whatsapp, "56987654321", "a")()
    writes(account, web, "visitor-1", "b", kind="visitor", phone="+56 9 8765 4321")()
    with account_scope(account):
        contact = Contact.objects.get(is_empty=False)
        visitor = Profile.objects.get(channel=web)

    results = at_once(
        [
            partial(inside, account, unmerge, contact=contact, profiles=[visitor], by=Actor.person(supervisor)),
            *[writes(account, whatsapp, "56987654321", f"c{number}") for number in range(3)],
            *[writes(account, web, "visitor-1", f"d{number}", kind="visitor") for number in range(3)],
        ]
    )

    assert errors(results) == []
    with account_scope(account):
        for conversation in Conversation.objects.all():
            owners = set(Strand.objects.filter(conversation=conversation).values_list("profile__contact", flat=True))
            spoken = Message.objects.filter(strand__conversation=conversation, direction=Direction.IN)
            assert len(owners) == 1
            assert conversation.profile.contact_id in owners
            assert conversation.message_count == spoken.count()
        assert Message.objects.filter(direction=Direction.IN).count() == 8


def answer(account: Account, agent: Membership, client_key: str) -> Message:
    with account_scope(account):
        conversation = Conversation.objects.get()
        option = addresses_for(conversation)[0]
        return send_message(
            conversation=conversation,
            channel=option.channel,
            identifier=option.identifier,
            body="le cuento",
            by=Actor.person(agent),
            client_key=client_key,
        )


@pytest.fixture
def conversation(account: Account, whatsapp: Channel) -> None:
    writes(account, whatsapp, "56987654321", "wamid.first")()
    with account_scope(account):
        Message.objects.update(occurred_at=timezone.now() - timedelta(minutes=1))


@pytest.mark.usefixtures("conversation")
def test_a_double_submit_at_the_same_instant_is_one_message(account: Account, agent: Membership) -> None:
    results = at_once([partial(answer, account, agent, "k1")] * 5)

    assert errors(results) == []
    assert len({message.pk for message in results}) == 1


@pytest.mark.usefixtures("conversation")
def test_five_workers_at_once_send_it_once(account: Account, agent: Membership, provider: Provider) -> None:
    message = answer(account, agent, "")
    results = at_once([partial(inside, account, deliver, message_id=message.pk)] * 5)

    assert errors(results) == []
    assert len(provider.received) == 1
    with account_scope(account):
        assert OutboundMessage.objects.get().state == "sent"


@pytest.mark.usefixtures("conversation")
def test_writing_and_being_written_to_at_once_never_deadlocks(account: Account, whatsapp: Channel, agent: Membership) -> None:
    for round_number in range(5):
        results = at_once(
            [
                *[partial(answer, account, agent, f"{round_number}-{number}") for number in range(3)],
                *[writes(account, whatsapp, "56987654321", f"w-{round_number}-{number}") for number in range(3)],
            ]
        )
        assert errors(results) == []

    with account_scope(account):
        assert Conversation.objects.get().message_count == 31


@pytest.mark.usefixtures("conversation")
def test_status_and_echo_that_overtake_the_receipt_end_on_one_message(
    account: Account, whatsapp: Channel, agent: Membership, provider: Provider
) -> None:
    message = answer(account, agent, "")

    def overtake(provider_id: str) -> None:
        echo = InboundMessage(
            provider_id=provider_id, sender=Address("whatsapp", "56987654321"), occurred_at=timezone.now(), body="le cuento", is_echo=True
        )
        update = StatusUpdate(provider_id=provider_id, status="delivered", occurred_at=timezone.now())
        at_once(
            [
                partial(inside, account, receive, channel=whatsapp, inbound=echo),
                partial(inside, account, apply_status, channel=whatsapp, update=update),
            ]
        )

    provider.before_answering = overtake
    inside(account, deliver, message_id=message.pk)

    with account_scope(account):
        ours = Message.objects.get(direction=Direction.OUT)
        assert (ours.pk, ours.status, ours.provider_id) == (message.pk, "delivered", "wamid.1")
        assert Conversation.objects.get().message_count == 2
