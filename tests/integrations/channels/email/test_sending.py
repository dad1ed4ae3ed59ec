"""The way out by SMTP, and what each of its answers means."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core.files.base import ContentFile

from accounts.actors import BOT
from accounts.models import Account, Channel
from config.simulator.mailserver import MailServer
from inbox.adapters import DeliveryError, OutcomeUnknown
from inbox.models import Attachment, Conversation, Direction, Message, OutboundMessage
from integrations.channels.email.sending import send
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say
from tests.integrations.channels.email.conftest import WORD, mailbox_settings
from tests.integrations.channels.email.reading import HOUSE


@pytest.fixture
def conversation(scoped: Account, channel: Channel) -> Conversation:
    conversation = make_conversation(make_profile(channel, "ana@cliente.test", name="Ana"), subject="Consulta")
    facts = {"subject": "Consulta por talla", "message_id": "<a2@cliente.test>", "references": ["<a1@cliente.test>"]}
    say(conversation, "¿Talla?", provider_id="<a2@cliente.test>", payload=facts)
    return conversation


def outgoing(conversation: Conversation, body: str = "Talla M", *, channel: Channel | None = None, **fields: Any) -> Message:
    """A message as sending accepts it, claimed."""
    fields = {"author_kind": "person", **fields}
    message = say(conversation, body, direction=Direction.OUT, provider_id="", channel_id=(channel or conversation.channel).pk, **fields)
    OutboundMessage.objects.create(message=message)
    return Message.objects.select_related("outbound", "identifier", "strand__conversation", "channel").get(pk=message.pk)


def test_an_answer_reaches_the_customer_in_the_thread(server: MailServer, channel: Channel, conversation: Conversation) -> None:
    message = outgoing(conversation)

    receipt = send(channel=channel, message=message)

    mail = server.wait_for_outgoing(lambda _mail: True)
    received = message_from_bytes(mail.raw, policy=policy.default)
    assert (mail.sender, mail.recipients) == (HOUSE, ("ana@cliente.test",))
    assert receipt.provider_id == received["Message-ID"]
    assert received["In-Reply-To"] == "<a2@cliente.test>"
    assert str(received["References"]).startswith("<a1@cliente.test> <a2@cliente.test> <hilo.t.")
    assert received["Subject"] == "Re: Consulta por talla"
    assert received["Auto-Submitted"] is None


def test_a_retry_carries_the_same_message_id(server: MailServer, channel: Channel, conversation: Conversation) -> None:
    message = outgoing(conversation)
    first, second = send(channel=channel, message=message), send(channel=channel, message=message)
    assert first.provider_id == second.provider_id
    assert first.provider_id != send(channel=channel, message=outgoing(conversation)).provider_id


def test_the_bots_words_are_marked(server: MailServer, channel: Channel, conversation: Conversation) -> None:
    send(channel=channel, message=outgoing(conversation, author_kind=BOT.kind))
    assert b"Auto-Submitted: auto-replied" in server.wait_for_outgoing(lambda _mail: True).raw


def test_a_first_letter_has_a_subject_and_answers_nothing(server: MailServer, scoped: Account, channel: Channel) -> None:
    conversation = make_conversation(make_profile(channel, "eva@cliente.test"))
    send(channel=channel, message=outgoing(conversation))
    received = message_from_bytes(server.wait_for_outgoing(lambda _mail: True).raw, policy=policy.default)
    assert "Tienda Andes" in received["Subject"]
    assert received["In-Reply-To"] is None


def test_lines_of_dots_and_files_arrive_as_they_were(server: MailServer, channel: Channel, conversation: Conversation) -> None:
    message = outgoing(conversation, "uno\n.\n..dos\n")
    Attachment.objects.create(
        message=message, name="lista.txt", content_type="text/plain", size=4, state="stored", file=ContentFile(b".\r\nx", "lista.txt")
    )
    send(channel=channel, message=message)
    received = message_from_bytes(server.wait_for_outgoing(lambda _mail: True).raw, policy=policy.default)
    body = received.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "uno\n.\n..dos\n"
    assert [part.get_payload(decode=True) for part in received.iter_attachments()] == [b".\r\nx"]


def test_files_that_no_server_takes_are_refused_here(server: MailServer, channel: Channel, conversation: Conversation) -> None:
    message = outgoing(conversation)
    Attachment.objects.create(message=message, name="video.mp4", size=30 * 1024 * 1024, state="stored", file=ContentFile(b"x", "v.mp4"))
    with pytest.raises(DeliveryError) as refused:
        send(channel=channel, message=message)
    assert (refused.value.permanent, refused.value.code) == (True, "too_large")
    assert server.outgoing == []


@pytest.mark.parametrize(
    ("answer", "permanent", "code"),
    [
        ("550 5.1.1 No such user", True, "5.1.1"),
        ("451 4.7.1 Greylisted, try again later", False, "4.7.1"),
        ("552 Mailbox full", True, "552"),
    ],
)
def test_a_refused_recipient(
    answer: str, permanent: bool, code: str, server: MailServer, channel: Channel, conversation: Conversation
) -> None:
    server.refusals["ana@cliente.test"] = answer
    with pytest.raises(DeliveryError) as refused:
        send(channel=channel, message=outgoing(conversation))
    assert (refused.value.permanent, refused.value.code, refused.value.is_of_channel) == (permanent, code, False)
    assert answer in refused.value.text
    assert server.outgoing == []


def test_a_refused_login_may_be_cured(server: MailServer, account: Account, conversation: Conversation) -> None:
    values = mailbox_settings(server, smtp_password="otra")
    channel = make_channel(account, "email", settings=values, secrets={})
    with pytest.raises(DeliveryError) as refused:
        send(channel=channel, message=outgoing(conversation, channel=channel))
    assert not refused.value.permanent
    assert refused.value.is_of_channel
    assert HOUSE in refused.value.text


def test_an_address_that_is_none_fails_for_good(server: MailServer, channel: Channel, scoped: Account) -> None:
    conversation = make_conversation(make_profile(channel, "nadie@@cliente.test"))
    with pytest.raises(DeliveryError) as refused:
        send(channel=channel, message=outgoing(conversation))
    assert refused.value.permanent


@contextmanager
def scripted(play: Callable[[socket.socket], None]) -> Iterator[int]:
    """An SMTP server that answers by a script, for lines that break. Gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _address = listening.accept()
            with connection:
                play(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=10)


def dialogue(connection: socket.socket, *answers: str) -> None:
    """Answer each command in turn."""
    with connection.makefile("rb") as lines:
        connection.sendall(b"220 hola\r\n")
        for answer in answers:
            lines.readline()
            connection.sendall(answer.encode() + b"\r\n")
            if answer.startswith("354"):
                while lines.readline() not in (b".\r\n", b""):
                    pass


OPENING = ("250 hola", "250 ok", "250 ok", "354 adelante")


def broken(account: Account, port: int) -> Channel:
    values = {"address": HOUSE, "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_user": "-"}
    return make_channel(account, "email", settings=values, secrets={"imap_password": WORD})


def test_a_line_that_breaks_after_the_whole_mail_leaves_the_outcome_unknown(account: Account, conversation: Conversation) -> None:
    with scripted(lambda connection: dialogue(connection, *OPENING)) as port:
        channel = broken(account, port)
        with pytest.raises(OutcomeUnknown):
            send(channel=channel, message=outgoing(conversation, channel=channel))


def test_a_line_that_breaks_before_the_mail_is_tried_again(account: Account, conversation: Conversation) -> None:
    with scripted(lambda connection: dialogue(connection, *OPENING[:2])) as port:
        channel = broken(account, port)
        with pytest.raises(DeliveryError) as refused:
            send(channel=channel, message=outgoing(conversation, channel=channel))
        assert not refused.value.permanent


def test_a_mail_refused_after_its_content_is_final(account: Account, conversation: Conversation) -> None:
    def play(connection: socket.socket) -> None:
        dialogue(connection, *OPENING)
        connection.sendall(b"554 5.7.1 Spam\r\n")
        connection.recv(1000)

    with scripted(play) as port:
        channel = broken(account, port)
        with pytest.raises(DeliveryError) as refused:
            send(channel=channel, message=outgoing(conversation, channel=channel))
    assert (refused.value.permanent, refused.value.code) == (True, "5.7.1")


def test_an_address_for_which_the_server_is_too_old(account: Account, conversation: Conversation) -> None:
    with scripted(lambda connection: dialogue(connection, "250 hola", "221 adiós")) as port:
        channel = broken(account, port)
        message = outgoing(make_conversation(make_profile(channel, "josé@cliente.test")), channel=channel)
        with pytest.raises(DeliveryError) as refused:
            send(channel=channel, message=message)
    assert (refused.value.permanent, refused.value.code) == (True, "smtputf8")


def test_utf8_addresses_where_the_server_knows_them(server: MailServer, channel: Channel, scoped: Account) -> None:
    conversation = make_conversation(make_profile(channel, "josé@cliente.test"))
    send(channel=channel, message=outgoing(conversation))
    assert server.wait_for_outgoing(lambda _mail: True).recipients == ("josé@cliente.test",)
