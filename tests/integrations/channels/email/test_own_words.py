"""What an account says by itself, over real SMTP and IMAP: the answer to a word for help, and what stands below mail that promotes."""

from email import message_from_bytes, policy
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from config.simulator.mailserver import MailServer, OutgoingMail
from consent.models import GatePolicy, Preference
from inbox.delivery import deliver
from inbox.models import Conversation, Direction, Message, MessageStatus
from inbox.sending import addresses_for, send_message
from tests.consent.people import TUESDAY, agree
from tests.integrations.channels.email.reading import HOUSE, mail
from tests.integrations.channels.email.test_round import ANA, receive

pytestmark = pytest.mark.usefixtures("scoped")


def now_mail(body: str, **fields: str) -> bytes:
    """A mail that was written just now: what arrives late is not answered."""
    return mail(body, **{"Date": timezone.now().strftime("%a, %d %b %Y %H:%M:%S +0000"), **fields}).encode()


def text_of(letter: OutgoingMail) -> str:
    body = message_from_bytes(letter.raw, policy=policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_word_for_help_is_answered_by_mail(server: MailServer, channel: Channel, scoped: Account) -> None:
    server.send(now_mail("AYUDA"), sender=ANA, to=HOUSE)
    receive(channel)
    (message,) = Message.objects.filter(direction=Direction.OUT)
    deliver(message_id=message.pk)
    letter = server.wait_for_outgoing(lambda found: ANA in found.recipients)
    text = text_of(letter)
    assert scoped.name in text
    assert "BAJA" in text
    assert f"/p/{scoped.slug}/" in text
    assert message_from_bytes(letter.raw, policy=policy.default)["Auto-Submitted"] == "auto-replied"


@pytest.mark.parametrize("machine", [{"Auto-Submitted": "auto-replied"}, {"List-Id": "<lista.cliente.test>"}, {"Precedence": "bulk"}])
def test_a_machine_is_not(server: MailServer, channel: Channel, machine: dict[str, str]) -> None:
    server.send(now_mail("AYUDA", **machine), sender=ANA, to=HOUSE)
    receive(channel)
    assert Message.objects.filter(direction=Direction.IN).count() == 1
    assert not Message.objects.filter(direction=Direction.OUT).exists()


@pytest.mark.parametrize(("language", "words"), [("es", "Para no recibir más"), ("pt", "Para não receber mais"), ("en", "To get no more")])
def test_mail_that_promotes_says_how_to_stop_where_to_choose_and_from_where_it_comes(
    server: MailServer, channel: Channel, scoped: Account, agent: Membership, monkeypatch: Any, language: str, words: str
) -> None:
    server.send(now_mail("Hola"), sender=ANA, to=HOUSE)
    receive(channel)
    conversation = Conversation.objects.get()
    profile = conversation.profile
    agree(profile, kind="email")
    Preference.objects.create(profile=profile, language=language, updated_at=timezone.now())
    GatePolicy.objects.create(postal_address="Av. Siempre Viva 742, Santiago")
    began, really = timezone.now(), timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: TUESDAY + (really() - began))
    (option,) = addresses_for(conversation)
    message = send_message(
        conversation=conversation,
        channel=option.channel,
        identifier=option.identifier,
        body="Libros nuevos",
        by=Actor.person(agent),
        purpose="marketing",
    )
    deliver(message_id=message.pk)
    message.refresh_from_db()
    assert message.status == MessageStatus.SENT
    text = text_of(server.wait_for_outgoing(lambda found: ANA in found.recipients))
    said, mark, stop, choose, address = [line for line in text.splitlines() if line]
    assert (said, mark) == ("Libros nuevos", "-- ")
    assert stop.startswith(words)
    assert "/u/" in stop
    assert choose.endswith(f"/p/{scoped.slug}/")
    assert address == f"{scoped.name} · Av. Siempre Viva 742, Santiago"
