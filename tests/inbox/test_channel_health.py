"""A channel that the provider no longer lets in says so, to admins and agents, until something gets through again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from contacts.claims import Address
from inbox.adapters import InboundMessage, StatusUpdate
from inbox.attachments import fetch
from inbox.delivery import deliver
from inbox.models import Attachment, Conversation, Message, OutboundMessage
from inbox.receiving import process_event, receive, store_event
from inbox.sending import addresses_for, send_message
from inbox.statuses import apply_status
from tests.conftest import make_channel
from tests.inbox.provider import Provider, refusal, running_provider
from tests.inbox.wire import SECRETS, SETTINGS, envelope, status, text

EXPIRED = "El token de acceso venció o fue retirado"


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with running_provider() as provider:
        yield provider


@pytest.fixture
def whatsapp(scoped: Account, provider: Provider) -> Channel:
    return make_channel(scoped, "whatsapp", settings={**SETTINGS, "api_base": provider.url}, secrets=SECRETS)


@pytest.fixture
def conversation(whatsapp: Channel) -> Conversation:
    inbound = InboundMessage("in-1", Address("whatsapp", "56987654321"), timezone.now() - timedelta(minutes=5), body="hola")
    message = receive(channel=whatsapp, inbound=inbound)
    assert message is not None
    return message.strand.conversation


def answer(conversation: Conversation, agent: Membership) -> Message:
    option = addresses_for(conversation)[0]
    by = Actor.person(agent)
    return send_message(conversation=conversation, channel=option.channel, identifier=option.identifier, body="le cuento", by=by)


def problem_of(channel: Channel) -> str:
    return Channel.objects.values_list("sending_problem", flat=True).get(pk=channel.pk)


@pytest.mark.parametrize(("code", "http"), [(190, 401), (0, 401), (10, 403), (200, 403), (131005, 403), (131031, 400), (368, 400)])
def test_a_refusal_of_the_channel_is_written_onto_it(
    conversation: Conversation, whatsapp: Channel, agent: Membership, provider: Provider, code: int, http: int
) -> None:
    provider.answers = [refusal(code, http)]
    message = answer(conversation, agent)

    deliver(message_id=message.pk)

    message.refresh_from_db()
    assert message.status == "failed"
    assert problem_of(whatsapp) == message.problem["text"] != ""


@pytest.mark.parametrize(("code", "http"), [(131026, 400), (131047, 400), (100, 400), (130429, 429), (2, 500)])
def test_a_refusal_of_one_message_is_not(
    conversation: Conversation, whatsapp: Channel, agent: Membership, provider: Provider, code: int, http: int
) -> None:
    provider.answers = [refusal(code, http)]

    deliver(message_id=answer(conversation, agent).pk)

    assert problem_of(whatsapp) == ""


def test_the_next_success_takes_it_off_again(conversation: Conversation, whatsapp: Channel, agent: Membership, provider: Provider) -> None:
    provider.answers = [refusal(190, 401)]
    deliver(message_id=answer(conversation, agent).pk)
    assert EXPIRED in problem_of(whatsapp)

    deliver(message_id=answer(conversation, agent).pk)

    assert problem_of(whatsapp) == ""


def test_a_file_that_the_token_does_not_open_tells_it_too(whatsapp: Channel, provider: Provider, monkeypatch: Any) -> None:
    picture = {**text("wamid.1"), "type": "image", "image": {"id": "m1", "mime_type": "image/png"}}
    event = store_event(channel=whatsapp, body=envelope(picture), context={})
    assert event is not None
    process_event(event_id=event.pk)
    provider.get_answer = refusal(190, 401)

    fetch(attachment_id=Attachment.objects.get().pk)

    assert problem_of(whatsapp)
    assert Attachment.objects.get().state == "waiting"


def test_a_failure_that_is_told_later_counts_for_messages_of_ours(conversation: Conversation, whatsapp: Channel, agent: Membership) -> None:
    """An unpaid bill: WhatsApp takes the message, and fails it afterwards."""
    failed = {**status("wamid.1", "failed"), "errors": [{"code": 131042, "title": "Business eligibility payment issue"}]}
    stranger = {**status("wamid.nobodys", "failed"), "errors": [{"code": 131042}]}

    def told(word: dict[str, Any]) -> None:
        event = store_event(channel=whatsapp, body=envelope(statuses=[word]), context={})
        assert event is not None
        process_event(event_id=event.pk)

    told(stranger)
    assert problem_of(whatsapp) == ""
    message = answer(conversation, agent)
    deliver(message_id=message.pk)
    told(failed)

    message.refresh_from_db()
    assert (message.status, message.problem["code"]) == ("failed", "131042")
    assert problem_of(whatsapp) == message.problem["text"]


def test_another_failed_message_says_nothing_of_the_channel(conversation: Conversation, whatsapp: Channel, agent: Membership) -> None:
    message = answer(conversation, agent)
    deliver(message_id=message.pk)

    apply_status(channel=whatsapp, update=StatusUpdate("wamid.1", "failed", timezone.now(), code="131026", text="no"))

    assert problem_of(whatsapp) == ""
    assert OutboundMessage.objects.count() == 1


def test_the_agent_sees_it_where_it_matters(conversation: Conversation, whatsapp: Channel, agent_client: Client) -> None:
    url = f"/a/{conversation.account.slug}/inbox/{conversation.pk}/"
    assert "no envía ahora" not in agent_client.get(url).content.decode()
    Channel.objects.filter(pk=whatsapp.pk).update(sending_problem="El token venció")

    page = agent_client.get(url).content.decode()

    assert "no envía ahora" in page
    assert "El token venció" in page
