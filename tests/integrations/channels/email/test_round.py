"""The whole round over real SMTP and IMAP: a customer writes, an agent answers, the customer answers that."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from config.simulator.mailserver import MailServer, OutgoingMail
from inbox.delivery import deliver
from inbox.models import Attachment, Conversation, InboundEvent, Message, MessageStatus
from inbox.receiving import process_event
from inbox.sending import addresses_for, send_message
from integrations.channels.email.connecting import open_mailbox
from integrations.channels.email.fetching import fetch_new
from integrations.channels.email.mailbox_settings import settings_of
from tests.integrations.channels.email.reading import HOUSE, mail, raw_of

ANA = "ana@cliente.test"


def receive(channel: Channel) -> None:
    """What the fetching process and a worker do."""
    with open_mailbox(settings_of(channel)) as mailbox:
        fetch_new(channel=channel, mailbox=mailbox)
    for event in InboundEvent.objects.filter(state="pending").order_by("pk"):
        process_event(event_id=event.pk)


def answer(conversation: Conversation, by: Membership, body: str) -> Message:
    option = addresses_for(conversation)[0]
    message = send_message(conversation=conversation, channel=option.channel, identifier=option.identifier, body=body, by=Actor.person(by))
    deliver(message_id=message.pk)
    message.refresh_from_db()
    return message


def reply_to(received: OutgoingMail, body: str, *, sender: str = ANA, message_id: str = "<respuesta@cliente.test>") -> bytes:
    """What a mail program makes of "reply"."""
    original = message_from_bytes(received.raw, policy=policy.default)
    reply = EmailMessage()
    reply["From"], reply["To"], reply["Message-ID"] = sender, str(original["Reply-To"]), message_id
    reply["Subject"] = original["Subject"]
    reply["In-Reply-To"] = original["Message-ID"]
    reply["References"] = f"{original['References']} {original['Message-ID']}"
    reply.set_content(f"{body}\n\nEl vie, 20 nov 2026 a las 12:00, Andes <{HOUSE}> escribió:\n> …\n")
    return reply.as_bytes()


@pytest.fixture
def conversation(server: MailServer, channel: Channel, scoped: Account) -> Conversation:
    server.send(mail("¿Tienen talla M?").encode(), sender=ANA, to=HOUSE)
    receive(channel)
    return Conversation.objects.get()


def bodies(conversation: Conversation) -> list[str]:
    found = Message.objects.filter(strand__conversation=conversation, direction__in=["in", "out"]).order_by("pk")
    return [message.body.partition("\n")[0] for message in found]


def test_a_conversation_by_mail(server: MailServer, channel: Channel, conversation: Conversation, agent: Membership) -> None:
    sent = answer(conversation, agent, "Sí, quedan dos.")
    assert sent.status == MessageStatus.SENT
    letter = server.wait_for_outgoing(lambda found: ANA in found.recipients)
    assert message_from_bytes(letter.raw, policy=policy.default)["Subject"] == "Re: Consulta"

    server.send(reply_to(letter, "Me llevo una"), sender=ANA, to=HOUSE)
    receive(channel)

    assert bodies(conversation) == ["¿Tienen talla M?", "Sí, quedan dos.", "Me llevo una"]
    last = Message.objects.latest("pk")
    assert last.reply_to == sent
    assert last.folded.startswith("El vie, 20 nov 2026")
    assert Conversation.objects.count() == 1


def test_a_relay_that_replaces_our_message_id_does_not_break_the_thread(
    server: MailServer, channel: Channel, conversation: Conversation, agent: Membership
) -> None:
    sent = answer(conversation, agent, "Sí, quedan dos.")
    letter = server.wait_for_outgoing(lambda found: ANA in found.recipients)
    replaced = OutgoingMail(letter.sender, letter.recipients, letter.raw.replace(sent.provider_id.encode(), b"<0100018@relay.test>"))

    server.send(reply_to(replaced, "Me llevo una"), sender=ANA, to=HOUSE)
    receive(channel)

    assert Message.objects.latest("pk").reply_to == sent


def test_whoever_knows_the_id_is_not_in_the_thread(
    server: MailServer, channel: Channel, conversation: Conversation, agent: Membership
) -> None:
    answer(conversation, agent, "Sí, quedan dos.")
    letter = server.wait_for_outgoing(lambda found: ANA in found.recipients)

    server.send(reply_to(letter, "Soy otra persona", sender="eva@cliente.test"), sender="eva@cliente.test", to=HOUSE)
    receive(channel)

    assert bodies(conversation) == ["¿Tienen talla M?", "Sí, quedan dos."]
    assert Message.objects.latest("pk").reply_to is None
    assert Conversation.objects.count() == 2


def test_an_address_that_does_not_exist_fails_the_message_with_the_reason(
    server: MailServer, channel: Channel, conversation: Conversation, agent: Membership
) -> None:
    server.bouncing.add(ANA)
    sent = answer(conversation, agent, "Sí, quedan dos.")
    assert sent.status == MessageStatus.SENT

    receive(channel)

    sent.refresh_from_db()
    assert sent.status == MessageStatus.FAILED
    assert "No such user" in sent.problem["text"]
    assert Message.objects.filter(direction="in").count() == 1


def test_files_of_a_mail_are_kept_with_it(server: MailServer, channel: Channel, scoped: Account) -> None:
    server.deliver(raw_of("inline_image_and_files"), to=HOUSE)
    receive(channel)

    attachments = Attachment.objects.order_by("pk")
    found = [(attachment.state, attachment.name) for attachment in attachments]
    assert found[:2] == [("stored", "foto pequeña.png"), ("stored", "factura nº 45.pdf")]
    assert attachments[0].content_id == "foto1@ana"
    with attachments[1].file.open("rb") as opened:
        assert opened.read() == b"%PDF-1.4 falso"
