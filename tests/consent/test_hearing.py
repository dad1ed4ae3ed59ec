"""What comes in on a channel and says something about being written to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account, Channel
from consent.models import ConsentEvent, GatePolicy, Preference, ServiceWindow, Suppression
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.claims import Claim, ClaimedIdentifier
from contacts.models import Profile
from inbox.adapters import Address, PreferenceChange, StatusUpdate
from inbox.models import Conversation, Direction, Message, OutboundMessage
from inbox.receiving import _take
from inbox.thread_events import EventKind
from tests.conftest import make_channel
from tests.consent.people import agree, ask, hear, point

pytestmark = pytest.mark.usefixtures("scoped")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NUMBER = "56981234567"


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp", settings={"phone_number_id": "1"}, secrets={"access_token": "t", "app_secret": "s"})


@pytest.fixture
def mailbox(scoped: Account) -> Channel:
    return make_channel(scoped, "email", settings={"address": "hola@andes.cl"})


def writer() -> Profile:
    return Profile.objects.get(corrects=None)


def told() -> list[str]:
    return [event.payload["sense"] for event in Message.objects.filter(kind=EventKind.OPTED).order_by("pk")]


def said_by_us() -> list[str]:
    return list(Message.objects.filter(direction=Direction.OUT).order_by("pk").values_list("body", flat=True))


def test_a_stop_word_stops_promotions_on_the_whole_line_and_is_confirmed_once(whatsapp: Channel) -> None:
    hear(whatsapp, NUMBER, "Hola", ago=2 * HOUR)
    agree(writer(), kind="phone", occurred_at=timezone.now() - HOUR)
    assert ask(writer(), kind="phone").allowed

    hear(whatsapp, NUMBER, "¡Baja!", provider_id="m1")
    hear(whatsapp, NUMBER, "¡Baja!", provider_id="m1")

    assert [event.action for event in ConsentEvent.objects.filter(action=Action.STOP)] == ["stop"]
    assert ask(writer(), kind="phone").reason == "withdrawn"
    assert ask(writer(), kind="phone", channel="sms").reason in ("withdrawn", "registry")
    assert told() == ["stop"]
    assert len(said_by_us()) == 1
    assert "ALTA" in said_by_us()[0]


def test_the_confirmation_can_be_switched_off(whatsapp: Channel) -> None:
    GatePolicy.objects.create(opt_out_is_confirmed=False)
    hear(whatsapp, NUMBER, "BAJA")
    assert said_by_us() == []
    assert ConsentEvent.objects.count() == 1


def test_what_arrives_late_is_recorded_and_not_answered(mailbox: Channel) -> None:
    hear(mailbox, "ana@ejemplo.cl", "BAJA", ago=timedelta(minutes=6))
    assert ConsentEvent.objects.count() == 1
    assert said_by_us() == []


def test_an_agent_may_still_answer(whatsapp: Channel, agent: Any) -> None:
    from accounts.actors import Actor
    from inbox.sending import addresses_for, send_message

    message = hear(whatsapp, NUMBER, "STOP")
    conversation = Conversation.objects.get(strands=message.strand_id)
    option = addresses_for(conversation)[0]
    assert option.decision.allowed
    assert send_message(
        conversation=conversation, channel=whatsapp, identifier=option.identifier, body="De acuerdo", by=Actor.person(agent)
    ).pk


def test_clear_words_in_a_sentence_stop_promotions_and_a_hint_only_flags(whatsapp: Channel) -> None:
    hear(whatsapp, NUMBER, "Por favor no me manden más ofertas, gracias")
    assert [(event.action, event.channel, event.purpose) for event in ConsentEvent.objects.all()] == [("withdraw", "", "")]
    hear(whatsapp, "56987654321", "¿Cuándo bajan de precio? Vi un stop en la entrega")
    assert ConsentEvent.objects.count() == 1
    assert told() == ["stop_marketing", "hint"]


def test_cancelar_during_an_order_asks_first(whatsapp: Channel) -> None:
    hear(whatsapp, NUMBER, "Hola, ¿dónde está mi pedido 48211?", ago=HOUR)
    hear(whatsapp, NUMBER, "Cancelar")
    assert not ConsentEvent.objects.exists()
    assert told() == ["ask"]
    assert "pedido" in said_by_us()[0]
    hear(whatsapp, NUMBER, "BAJA", ago=timedelta(seconds=1))
    assert ConsentEvent.objects.count() == 1


def test_cancelar_out_of_the_blue_stops(whatsapp: Channel) -> None:
    hear(whatsapp, NUMBER, "cancelar")
    assert ConsentEvent.objects.get().action == "stop"


def test_a_start_word_takes_a_stop_back_and_is_nothing_to_others(whatsapp: Channel) -> None:
    hear(whatsapp, NUMBER, "ALTA", ago=2 * HOUR)
    assert not ConsentEvent.objects.exists()
    hear(whatsapp, NUMBER, "BAJA", ago=HOUR)
    hear(whatsapp, NUMBER, "alta")
    assert [event.action for event in ConsentEvent.objects.order_by("pk")] == ["stop", "grant"]
    assert ask(writer(), kind="phone").allowed


def test_a_mail_whose_sender_nobody_attests_may_stop_and_not_start(mailbox: Channel) -> None:
    hear(mailbox, "ana@ejemplo.cl", "BAJA", ago=HOUR)
    hear(mailbox, "ana@ejemplo.cl", "ALTA")
    assert [(event.action, event.possession_proven) for event in ConsentEvent.objects.all()] == [("stop", False)]


def test_what_was_typed_in_a_chat_stops_nothing_at_the_address_that_was_typed(scoped: Account) -> None:
    chat = make_channel(scoped, "webchat")
    hear(chat, "v1", "BAJA", claim=Claim((ClaimedIdentifier("email", "victima@ejemplo.cl"),)))
    assert [event.point.kind for event in ConsentEvent.objects.select_related("point")] == ["visitor"]


@pytest.mark.parametrize("flag", ["is_automatic", "is_echo"])
def test_machine_mail_and_our_own_say_nothing(mailbox: Channel, flag: str) -> None:
    hear(mailbox, "ana@ejemplo.cl", "STOP", **{flag: True})
    assert not ConsentEvent.objects.exists()
    assert not ServiceWindow.objects.exists()


def test_a_message_opens_the_service_window_and_an_older_one_does_not_shorten_it(whatsapp: Channel) -> None:
    late = hear(whatsapp, NUMBER, "Hola", ago=HOUR)
    hear(whatsapp, NUMBER, "antes", ago=5 * HOUR)
    window = ServiceWindow.objects.get()
    assert (window.last_inbound_at, window.channel_id) == (late.occurred_at, whatsapp.pk)
    later = timezone.now()
    asked: dict[str, Any] = {"kind": "phone", "purpose": "utility", "sender_id": whatsapp.pk, "template": ""}
    assert ask(writer(), at=later, **asked).reason != "template_required"
    assert ask(writer(), at=later + DAY, **asked).reason == "template_required"


def test_the_platforms_own_switch_stops_and_resumes(whatsapp: Channel) -> None:
    hear(whatsapp, NUMBER, "Hola", ago=3 * HOUR)
    agree(writer(), kind="phone", occurred_at=timezone.now() - 2 * HOUR)
    stop = PreferenceChange(Address("whatsapp", NUMBER), "marketing_messages", False, timezone.now() - HOUR)
    for _twice in range(2):
        _take(whatsapp, stop)
    assert ConsentEvent.objects.filter(action=Action.PLATFORM_STOP).count() == 1
    assert ask(writer(), kind="phone").reason == "platform_opt_out"
    _take(whatsapp, PreferenceChange(Address("whatsapp", NUMBER), "marketing_messages", True, timezone.now()))
    assert ask(writer(), kind="phone").allowed


def test_it_counts_for_somebody_who_never_wrote(whatsapp: Channel) -> None:
    _take(whatsapp, PreferenceChange(Address("whatsapp", NUMBER), "marketing_messages", False, timezone.now()))
    assert ConsentEvent.objects.get().action == "platform_stop"


def outgoing(message: Message, provider_id: str) -> Message:
    """A message of ours to whoever wrote, as if it had been sent."""
    ours = Message.objects.create(
        strand=message.strand,
        direction=Direction.OUT,
        channel=message.channel,
        identifier=message.identifier,
        body="Oferta",
        provider_id=provider_id,
        status="sent",
        author_kind="person",
        occurred_at=timezone.now(),
    )
    OutboundMessage.objects.create(message=ours, state="sent")
    return ours


def test_error_131050_is_the_platforms_opt_out(whatsapp: Channel) -> None:
    outgoing(hear(whatsapp, NUMBER, "Hola"), "wamid.9")
    failed = StatusUpdate("wamid.9", "failed", timezone.now(), code="131050", text="stopped")
    for _twice in range(2):
        _take(whatsapp, failed)
    assert [event.action for event in ConsentEvent.objects.all()] == ["platform_stop"]


def test_a_hard_bounce_suppresses_the_mailbox_and_a_full_one_does_not(mailbox: Channel) -> None:
    outgoing(hear(mailbox, "ana@ejemplo.cl", "Hola", ago=2 * DAY), "<1@andes.cl>")
    _take(mailbox, StatusUpdate("<1@andes.cl>", "failed", timezone.now(), code="5.2.2", text="full"))
    assert not Suppression.objects.exists()
    outgoing(Message.objects.filter(direction=Direction.IN)[0], "<2@andes.cl>")
    _take(mailbox, StatusUpdate("<2@andes.cl>", "failed", timezone.now(), code="5.1.1", text="no such user"))
    assert {row.reason for row in Suppression.objects.all()} == {"hard_bounce"}
    assert ask(writer(), channel="email", purpose="service").reason == "suppressed"


class TestHelp:
    """AYUDA and its like: one answer a day in each conversation, in the person's language."""

    def test_it_says_who_we_are_how_to_stop_and_where_to_choose(self, whatsapp: Channel) -> None:
        hear(whatsapp, NUMBER, "¡Ayuda!")
        (said,) = said_by_us()
        assert whatsapp.account.name in said
        assert "BAJA" in said
        assert f"/p/{whatsapp.account.slug}/" in said
        message = Message.objects.get(direction=Direction.OUT)
        assert (message.author_kind, message.outbound.decision.purpose) == ("bot", "service")
        assert message.outbound.decision.verdict == "allow"
        assert not ConsentEvent.objects.exists()

    def test_once_a_day_in_each_conversation(self, whatsapp: Channel, monkeypatch: Any) -> None:
        for number in range(3):
            hear(whatsapp, NUMBER, "AYUDA", provider_id=f"h{number}")
        assert len(said_by_us()) == 1
        hear(whatsapp, "56911112222", "AYUDA")
        assert len(said_by_us()) == 2
        really = timezone.now
        monkeypatch.setattr("django.utils.timezone.now", lambda: really() + DAY)
        hear(whatsapp, NUMBER, "AYUDA", provider_id="h9")
        assert len(said_by_us()) == 3

    @pytest.mark.parametrize(("word", "stop"), [("AYUDA", "BAJA"), ("AJUDA", "SAIR"), ("HELP", "STOP"), ("info", "BAJA")])
    def test_in_the_language_of_the_word_or_the_accounts_own(self, whatsapp: Channel, word: str, stop: str) -> None:
        hear(whatsapp, NUMBER, word)
        assert f" {stop}." in said_by_us()[0]

    def test_what_the_person_chose_goes_before_the_word(self, whatsapp: Channel) -> None:
        hear(whatsapp, NUMBER, "Hola")
        Preference.objects.create(profile=writer(), language="pt", updated_at=timezone.now())
        hear(whatsapp, NUMBER, "HELP")
        assert " SAIR." in said_by_us()[0]

    def test_in_the_accounts_own_words_and_not_at_all_where_it_is_off(self, whatsapp: Channel) -> None:
        GatePolicy.objects.create(help_texts={"es": "Somos la librería Andes."})
        hear(whatsapp, NUMBER, "ayuda")
        assert said_by_us()[0].startswith("Somos la librería Andes.\n")
        GatePolicy.objects.update(help_is_answered=False)
        hear(whatsapp, "56911112222", "ayuda")
        assert len(said_by_us()) == 1

    @pytest.mark.parametrize("nature", [{"is_automatic": True}, {"suppresses_replies": True}])
    @pytest.mark.parametrize("word", ["AYUDA", "BAJA"])
    def test_never_to_machine_mail(self, mailbox: Channel, nature: dict[str, bool], word: str) -> None:
        hear(mailbox, "boletin@ejemplo.cl", word, **nature)
        assert said_by_us() == []

    def test_nor_to_who_is_suppressed(self, whatsapp: Channel, agent: Any) -> None:
        hear(whatsapp, NUMBER, "Hola")
        suppress(ref=point(writer()), reason=SuppressionReason.BLOCKED, at=timezone.now(), key="b", origin=Origin.SYSTEM)
        hear(whatsapp, NUMBER, "AYUDA")
        assert said_by_us() == []
