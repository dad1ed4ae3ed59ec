"""Letters of a re-consent campaign by a real mail server: cleared by the gate, with the link that stops them."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from config.simulator.mailserver import MailServer
from consent.models import Decision, Purpose
from consent.preferences import pause
from consent.reconsent_letters import Letter, LetterNotSent, ready_senders
from consent.suppressing import suppress
from consent.vocabulary import Origin, SuppressionReason
from contacts.models import Identifier, Profile
from integrations.sending_letters import EmailLetters
from tests.consent.people import TUESDAY, address_of, make_person, point
from tests.integrations.channels.email.conftest import channel_on

LETTER = Letter("reconsent:7", "¿Seguimos?", "El texto nuevo", {"List-Unsubscribe": "<https://x.test/u/t>"})
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_an_hour_that_suits_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    began, really = timezone.now(), timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: TUESDAY + (really() - began))


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("email", "ana@cliente.test"))


def test_a_letter_arrives_with_what_stops_it(scoped: Account, settings: object, ana: Profile) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]  # type: ignore[attr-defined]
    with MailServer({"hola@tienda.test": "clave de la casa"}) as server:
        channel_on(server, scoped, address="hola@tienda.test")
        (sender,) = ready_senders()
        assert sender.mailbox() == "hola@tienda.test"
        sender.send(identifier=address_of(ana), letter=LETTER)
        mail = server.wait_for_outgoing(lambda _mail: True)

    received = message_from_bytes(mail.raw, policy=policy.default)
    assert (mail.recipients, received["Subject"]) == (("ana@cliente.test",), "¿Seguimos?")
    assert received["List-Unsubscribe"] == "<https://x.test/u/t>"
    decision = Decision.scoped().get(subject="reconsent:7")
    assert (decision.verdict, decision.category, decision.stage) == ("allow", "opt_in_request", "leaving")


def unsent(identifier: Identifier) -> LetterNotSent:
    with pytest.raises(LetterNotSent) as refused:
        EmailLetters().send(identifier=identifier, letter=LETTER)
    return refused.value


def test_a_suppressed_address_gets_none_and_a_pause_puts_it_off(scoped: Account, ana: Profile) -> None:
    from tests.conftest import make_channel

    make_channel(scoped, "email", settings={"address": "hola@tienda.test"})
    pause(profile=ana, days=7, by=SYSTEM)
    later = unsent(address_of(ana)).not_before
    assert later is not None
    assert later > timezone.now() + timedelta(days=6)
    suppress(ref=point(ana), reason=SuppressionReason.COMPLAINT, at=timezone.now(), key="queja", origin=Origin.SYSTEM, by=SYSTEM)
    assert unsent(address_of(ana)).not_before is None


def test_without_a_mailbox_there_is_no_sender(scoped: Account) -> None:
    assert Purpose.scoped().exists()
    assert ready_senders() == []
