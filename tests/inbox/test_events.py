"""Stored events: each part on its own, errors kept and tried again, the broken ones visible and played again."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from accounts.scope import account_scope
from inbox import receiving
from inbox.models import Conversation, Direction, InboundEvent, Message, StatusReceipt
from inbox.receiving import ATTEMPTS_FOR_EARLY_PARTS, MOST_ATTEMPTS, process_event, replay, store_event
from tests.conftest import make_channel
from tests.inbox.wire import SECRETS, SETTINGS, envelope, status, text


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp", settings=SETTINGS, secrets=SECRETS)


def stored(channel: Channel, body: bytes) -> InboundEvent:
    event = store_event(channel=channel, body=body, context={})
    assert event is not None
    return event


def processed(channel: Channel, body: bytes) -> InboundEvent:
    event = stored(channel, body)
    process_event(event_id=event.pk)
    event.refresh_from_db()
    return event


def due_again(event: InboundEvent) -> None:
    InboundEvent.objects.filter(pk=event.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def again(event: InboundEvent) -> InboundEvent:
    due_again(event)
    process_event(event_id=event.pk)
    event.refresh_from_db()
    return event


def bodies() -> list[str]:
    return list(Message.objects.filter(direction=Direction.IN).order_by("pk").values_list("body", flat=True))


@pytest.fixture
def poison(monkeypatch: Any) -> Any:
    """The message with this id cannot be handled, until the set is emptied."""
    poisonous: set[str] = {"wamid.poison"}
    receive = receiving.receive

    def careful(**arguments: Any) -> Any:
        if arguments["inbound"].provider_id in poisonous:
            raise RuntimeError("ñandú \x00")
        return receive(**arguments)

    monkeypatch.setattr(receiving, "receive", careful)
    return poisonous


def test_the_same_bytes_are_stored_once(whatsapp: Channel, scoped: Account) -> None:
    assert store_event(channel=whatsapp, body=b"{}", context={}) is not None
    assert store_event(channel=whatsapp, body=b"{}", context={}) is None
    assert store_event(channel=make_channel(scoped, "whatsapp"), body=b"{}", context={}) is not None

    assert InboundEvent.objects.count() == 2


def test_every_message_and_status_of_a_batch_is_handled(whatsapp: Channel) -> None:
    body = envelope(text("wamid.1", body="uno"), text("wamid.2", "56911111111", "dos"), statuses=[status("wamid.ours", "read")])

    event = processed(whatsapp, body)

    assert (event.state, event.attempts, event.error) == ("processed", 1, "")
    assert event.processed_at is not None
    assert bodies() == ["uno", "dos"]
    assert Conversation.objects.count() == 2
    assert StatusReceipt.objects.get().provider_id == "wamid.ours"
    whatsapp.refresh_from_db()
    assert whatsapp.last_event_at == event.received_at


def test_a_poisonous_part_leaves_the_others_alone(whatsapp: Channel, poison: set[str]) -> None:
    event = processed(whatsapp, envelope(text("wamid.1", body="uno"), text("wamid.poison"), text("wamid.3", body="tres")))

    assert bodies() == ["uno", "tres"]
    assert (event.state, event.attempts) == ("pending", 1)
    assert "2/3 InboundMessage: RuntimeError: ñandú" in event.error
    assert event.next_attempt_at > timezone.now()


def test_what_failed_is_tried_again_and_the_rest_not_brought_twice(whatsapp: Channel, poison: set[str]) -> None:
    event = processed(whatsapp, envelope(text("wamid.1", body="uno"), text("wamid.poison", body="dos")))
    poison.clear()

    assert again(event).state == "processed"
    assert bodies() == ["uno", "dos"]


def test_after_so_many_attempts_it_has_failed_and_can_be_played_again(
    whatsapp: Channel, poison: set[str], admin: Membership, agent: Membership
) -> None:
    event = processed(whatsapp, envelope(text("wamid.poison", body="dos")))
    for _ in range(MOST_ATTEMPTS - 1):
        assert event.state == "pending"
        again(event)
    assert event.state == "failed"
    assert again(event).attempts == MOST_ATTEMPTS

    with pytest.raises(PermissionDenied):
        replay(event=event, by=Actor.person(agent))
    event.refresh_from_db()
    assert event.state == "failed"

    poison.clear()
    replay(event=event, by=Actor.person(admin))
    process_event(event_id=event.pk)
    event.refresh_from_db()
    assert (event.state, bodies()) == ("processed", ["dos"])
    assert AuditEntry.objects.get(action="inbound_event.replay").target_id == event.pk


def test_an_event_that_kills_its_workers_ends_as_failed(whatsapp: Channel) -> None:
    event = stored(whatsapp, envelope(text("wamid.1")))
    InboundEvent.objects.update(attempts=MOST_ATTEMPTS)

    process_event(event_id=event.pk)

    event.refresh_from_db()
    assert (event.state, bodies()) == ("failed", [])


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe\x00", b'{"object": "page"}'])
def test_what_cannot_be_read_is_kept_and_shown(whatsapp: Channel, body: bytes) -> None:
    event = processed(whatsapp, body)

    assert (event.state, bytes(event.body)) == ("unreadable", body)
    assert event.error
    assert again(event).attempts == 1


def with_statuses(body: bytes, *statuses: Any) -> bytes:
    """The same batch, with whatever stands among its statuses."""
    document = json.loads(body)
    document["entry"][0]["changes"][0]["value"]["statuses"] = list(statuses)
    return json.dumps(document).encode()


def test_a_batch_of_which_a_part_cannot_be_read_is_taken_and_shown(whatsapp: Channel, admin: Membership) -> None:
    event = processed(whatsapp, with_statuses(envelope(text("wamid.1", body="uno")), {"status": "sent"}, "delivered"))

    assert bodies() == ["uno"]
    assert event.state == "partly"
    assert event.error.splitlines() == [
        "statuses without id: 'id' is missing or too long",
        "'statuses' holds what is no object: \"delivered\"",
    ]

    replay(event=event, by=Actor.person(admin))
    assert (again(event).state, bodies()) == ("partly", ["uno"])


def test_a_batch_of_which_nothing_can_be_read_is_unreadable(whatsapp: Channel) -> None:
    event = processed(whatsapp, with_statuses(envelope(), {"status": "sent"}))

    assert (event.state, bodies()) == ("unreadable", [])
    assert "statuses without id" in event.error


def test_what_cannot_be_read_is_still_said_after_another_part_had_to_be_tried_again(whatsapp: Channel, poison: set[str]) -> None:
    event = processed(whatsapp, with_statuses(envelope(text("wamid.poison", body="dos")), {"status": "sent"}))
    assert event.state == "pending"
    poison.clear()

    assert (again(event).state, bodies()) == ("partly", ["dos"])
    assert event.error == "statuses without id: 'id' is missing or too long"


def test_a_message_from_the_future_is_dated_when_it_arrived(whatsapp: Channel) -> None:
    """It would head every list for good, and keep the window for answers open."""
    event = processed(whatsapp, envelope(text("wamid.1", at=32_503_680_000)))

    message = Message.objects.get()
    assert message.occurred_at == event.received_at
    assert Conversation.objects.get().last_message_at == event.received_at


def test_an_adapter_that_breaks_is_tried_again(whatsapp: Channel) -> None:
    Channel.objects.filter(pk=whatsapp.pk).update(settings={})
    event = processed(whatsapp, envelope(text("wamid.1", body="uno")))
    assert (event.state, "KeyError" in event.error) == ("pending", True)

    Channel.objects.filter(pk=whatsapp.pk).update(settings=SETTINGS)
    assert (again(event).state, bodies()) == ("processed", ["uno"])


def test_a_worker_that_holds_it_is_left_alone_until_its_lease_ends(whatsapp: Channel) -> None:
    event = stored(whatsapp, envelope(text("wamid.1", body="uno")))
    InboundEvent.objects.update(next_attempt_at=timezone.now() + receiving.LEASE, attempts=1)

    process_event(event_id=event.pk)
    assert bodies() == []

    assert (again(event).state, event.attempts, bodies()) == ("processed", 2, ["uno"])


def test_a_reaction_that_overtook_its_message_waits_for_it(whatsapp: Channel) -> None:
    reaction = {**text("wamid.r"), "type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}}
    early = processed(whatsapp, envelope(reaction))
    assert early.state == "pending"

    processed(whatsapp, envelope(text("wamid.1")))

    assert again(early).state == "processed"
    assert Message.objects.get().reactions == {"contact": "👍"}


def test_a_reaction_to_a_message_from_before_our_time_ends_as_processed(whatsapp: Channel) -> None:
    reaction = {**text("wamid.r"), "type": "reaction", "reaction": {"message_id": "wamid.unknown", "emoji": "👍"}}
    event = processed(whatsapp, envelope(reaction))
    for _ in range(ATTEMPTS_FOR_EARLY_PARTS - 1):
        assert event.state == "pending"
        again(event)

    assert event.state == "processed"
    assert "wamid.unknown" in event.error


def test_another_accounts_worker_finds_nothing(whatsapp: Channel, other_account: Account) -> None:
    event = stored(whatsapp, envelope(text("wamid.1")))

    with account_scope(other_account):
        process_event(event_id=event.pk)

    event.refresh_from_db()
    assert (event.state, event.attempts) == ("pending", 0)
