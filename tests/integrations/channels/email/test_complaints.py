"""A mailbox provider reports that somebody pressed "spam": the address is suppressed, whoever the report says it was."""

from pathlib import Path

import pytest

from accounts.models import Account, Channel, Membership
from config.simulator.mailserver import MailServer
from consent.models import ConsentEvent, Suppression
from inbox.adapters import Complaint, InboundMessage, StatusUpdate, UnreadableEvent
from inbox.models import Conversation, InboundEvent, Message
from inbox.sending import SendingRefused
from inbox.thread_events import EventKind, event_text
from tests.consent.people import ask
from tests.integrations.channels.email.conftest import channel_on
from tests.integrations.channels.email.reading import HOUSE, forged_id, mail, our_id, parts_of, raw_of
from tests.integrations.channels.email.test_round import ANA, answer, receive

REPORT = raw_of("complaint_arf").decode()


def test_it_names_our_mail_and_nobody_elses_word_counts() -> None:
    (part,) = parts_of(REPORT)
    assert part == Complaint(provider_id=f"<{our_id()}>", occurred_at=part.occurred_at, kind="abuse")


@pytest.mark.parametrize("quoting", ["text/rfc822-headers", "message/rfc822-headers"])
def test_headers_alone_are_enough(quoting: str) -> None:
    (part,) = parts_of(REPORT.replace("message/rfc822\n", f"{quoting}\n"))
    assert isinstance(part, Complaint)


@pytest.mark.parametrize(
    "spoiled",
    [
        REPORT.replace(our_id(), forged_id()),
        REPORT.replace(our_id(), "x@cliente.test"),
        REPORT.replace("Feedback-Type: abuse", "Feedback-Type: opinion"),
        REPORT.replace("Feedback-Type: abuse\n", ""),
        REPORT.partition("Content-Type: message/feedback-report")[0] + "--\n",
    ],
)
def test_one_that_cannot_be_read_is_no_message_and_stays_visible(spoiled: str) -> None:
    with pytest.raises(UnreadableEvent):
        parts_of(spoiled)


def test_praise_says_nothing_and_a_forgery_is_shown() -> None:
    assert parts_of(REPORT.replace("abuse\n", "not-spam\n", 1)) == []
    (part,) = parts_of(REPORT.replace("Feedback-Type: abuse", "Feedback-Type: auth-failure"))
    assert isinstance(part, InboundMessage)
    assert part.is_automatic


def test_a_bounce_stays_a_bounce() -> None:
    (part,) = parts_of(raw_of("bounce_rfc3464"))
    assert isinstance(part, StatusUpdate)


@pytest.fixture
def conversation(server: MailServer, channel: Channel, scoped: Account) -> Conversation:
    server.send(mail("¿Tienen talla M?").encode(), sender=ANA, to=HOUSE)
    receive(channel)
    return Conversation.objects.get()


def report_on(message: Message, *, number: int = 1) -> bytes:
    """Not to the byte the same twice: providers report one click more than once."""
    return REPORT.replace(our_id(), message.provider_id.strip("<>")).replace("<f1@", f"<f{number}@").encode()


def test_over_the_wire(server: MailServer, channel: Channel, conversation: Conversation, agent: Membership, tmp_path: Path) -> None:
    sent = answer(conversation, agent, "Sí, y hay ofertas.")
    before = Message.objects.filter(direction__in=["in", "out"]).count()
    for number in (1, 2):
        server.deliver(report_on(sent, number=number), to=HOUSE)
    receive(channel)

    assert {event.state for event in InboundEvent.objects.all()} == {"processed"}
    (said,) = ConsentEvent.objects.all()
    assert (said.action, said.reason, said.source) == ("suppress", "complaint", "platform")
    profile = sent.strand.profile
    assert ask(profile, kind="email", channel="email", purpose="utility").detail in ("complaint", "suppressed")
    # Nobody is silenced by a name in a report.
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"complaint"}
    assert Message.objects.filter(direction__in=["in", "out"]).count() == before
    (note,) = Message.objects.filter(kind=EventKind.COMPLAINED)
    assert ANA in event_text(note)
    with pytest.raises(SendingRefused):
        answer(conversation, agent, "Otra oferta")
    assert Message.objects.filter(direction="out").count() == 1


def test_another_mailbox_of_the_account_may_get_it(
    server: MailServer, channel: Channel, conversation: Conversation, agent: Membership, account: Account
) -> None:
    sent = answer(conversation, agent, "Sí.")
    other = channel_on(server, account)
    channel.is_active = False
    channel.save()
    server.deliver(report_on(sent), to=HOUSE)
    receive(other)
    assert ConsentEvent.objects.get().reason == "complaint"


def test_one_about_a_message_that_is_gone_stays_visible(server: MailServer, channel: Channel, scoped: Account) -> None:
    server.deliver(raw_of("complaint_arf"), to=HOUSE)
    receive(channel)
    event = InboundEvent.objects.get()
    assert (event.state, event.attempts) == ("pending", 1)
    assert "UnknownMessage" in event.error
    assert not ConsentEvent.objects.exists()
    assert not Message.objects.exists()
