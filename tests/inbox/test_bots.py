"""The greeting bot with real messages: whom it asks, when it is quiet, and what becomes of the answers."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import Contact, Identifier
from inbox.adapters import InboundMessage
from inbox.bots import take_turn
from inbox.learning import learn_in_thread
from inbox.models import BotSession, Conversation, Direction, Message
from inbox.receiving import receive
from inbox.sending import send_message
from inbox.tasks import sweep_bot_sessions
from tests.conftest import make_channel
from tests.inbox.people import NOON

BOT = {"enabled": True, "greeting": "", "ask": ["name", "contact", "reason"]}
_numbers = iter(range(1, 100_000))


@pytest.fixture
def chat(account: Account) -> Channel:
    return make_channel(account, "webchat", greeting_bot=BOT)


def writes(channel: Channel, body: str, *, sender: str = "visitor-1", **fields: Any) -> Message:
    """A stranger writes, and the bot has its turn."""
    kind = {"webchat": "visitor"}.get(channel.kind, channel.kind)
    inbound = InboundMessage(provider_id=f"b-{next(_numbers)}", sender=Address(kind, sender), occurred_at=NOON, body=body, **fields)
    message = receive(channel=channel, inbound=inbound)
    assert message is not None
    for session in BotSession.scoped().filter(due_at__isnull=False):
        take_turn(session_id=session.pk)
    return message


def said(channel: Channel) -> list[str]:
    """What the bot wrote."""
    return list(
        Message.scoped().filter(channel=channel, direction=Direction.OUT, author_kind="bot").order_by("pk").values_list("body", flat=True)
    )


def summary(channel: Channel) -> dict[str, Any] | None:
    event = Message.scoped().filter(direction=Direction.EVENT, kind="bot").first()
    return event.payload if event else None


def agent_writes(channel: Channel, agent: Membership) -> None:
    message = Message.scoped().select_related("identifier", "strand__conversation").filter(channel=channel).latest("pk")
    send_message(
        conversation=message.strand.conversation, channel=channel, identifier=message.identifier, body="Yo sigo.", by=Actor.person(agent)
    )


def test_gathers_and_hands_over_with_a_summary(scoped: Account, chat: Channel) -> None:
    for text in ("Hola", "Ana Pérez", "ana@ejemplo.cl", "no llega mi pedido", "¿hay alguien?"):
        writes(chat, text)

    assert said(chat) == [
        "¡Hola! Soy el asistente automático de Andes. ¿Cuál es tu nombre?",
        "Gracias, Ana. ¿A qué correo o teléfono podemos responderte?",
        "¿En qué podemos ayudarte?",
        "Gracias, Ana. Una persona del equipo te responderá por aquí.",
    ]
    assert summary(chat) == {"why": "complete", "name": "Ana Pérez", "email": "ana@ejemplo.cl", "reason": "no llega mi pedido"}
    contact = Conversation.scoped().get().profile.contact
    assert (contact.name, contact.is_anonymous) == ("Ana Pérez", False)
    assert list(Identifier.scoped().filter(kind="email").values_list("value", flat=True)) == ["ana@ejemplo.cl"]


def test_a_datum_joins_the_person_at_once_in_unified_mode(scoped: Account, chat: Channel) -> None:
    mail = make_channel(scoped, "email")
    receive(
        channel=mail,
        inbound=InboundMessage(
            provider_id="m1",
            sender=Address("email", "ana@ejemplo.cl"),
            occurred_at=NOON,
            body="Consulta",
            claim=Claim((ClaimedIdentifier("email", "ana@ejemplo.cl"),), {"name": "Ana Pérez"}),
        ),
    )

    message = writes(chat, "soy Ana, ana@ejemplo.cl")

    assert {profile.contact_id for profile in (message.strand.profile.__class__.scoped())} == {Contact.scoped().get(is_empty=False).pk}
    writes(chat, "un cambio de talla")
    assert Message.scoped().get(body="un cambio de talla").strand_id == message.strand_id


def test_a_datum_makes_the_contact_in_standard_mode(standard_account: Account) -> None:
    chat = make_channel(standard_account, "webchat", greeting_bot=BOT)
    with account_scope(standard_account):
        message = writes(chat, "Hola")
        assert message.strand.profile.contact.is_anonymous

        writes(chat, "Ana, +56 9 8765 4321")

        contact = Contact.scoped().get()
        assert (contact.name, contact.is_anonymous) == ("Ana", False)
        assert Message.scoped().filter(direction=Direction.IN).values("strand").distinct().count() == 1


def test_is_off_unless_switched_on(scoped: Account) -> None:
    chat = make_channel(scoped, "webchat")

    writes(chat, "Hola")

    assert said(chat) == []
    assert not BotSession.scoped().exists()


def test_does_not_ask_somebody_who_is_known(scoped: Account) -> None:
    phone = make_channel(scoped, "whatsapp", greeting_bot=BOT)

    writes(phone, "Hola", sender="56987654321", claim=Claim((), {"name": "Ana"}))

    assert said(phone) == []
    assert summary(phone) is None


@pytest.mark.parametrize("mark", ["is_automatic", "suppresses_replies"])
def test_never_answers_machines(scoped: Account, mark: str) -> None:
    mail = make_channel(scoped, "email", greeting_bot=BOT)

    writes(mail, "Estoy de vacaciones", sender="ana@ejemplo.cl", **{mark: True})

    assert said(mail) == []
    assert not BotSession.scoped().exists()


def test_stops_at_once_when_a_person_of_the_team_writes(scoped: Account, chat: Channel, agent: Membership) -> None:
    writes(chat, "Hola")
    agent_writes(chat, agent)

    writes(chat, "Ana")

    assert len(said(chat)) == 1
    assert BotSession.scoped().get().finished_at is not None


def test_stops_for_somebody_who_wants_a_person(scoped: Account, chat: Channel) -> None:
    writes(chat, "Hola")
    writes(chat, "quiero hablar con una persona")
    writes(chat, "¿aló?")

    assert said(chat)[1:] == ["Claro: una persona del equipo te responderá por aquí."]
    assert summary(chat) == {"why": "person"}


def test_hands_over_after_two_vain_questions_more(scoped: Account, chat: Channel) -> None:
    for text in ("Hola", "??", "...", "!!", "sigo aquí"):
        writes(chat, text)

    assert said(chat)[-1] == "Una persona del equipo continuará desde aquí."
    assert len(said(chat)) == 4
    assert (summary(chat) or {})["why"] == "not_understood"


def test_several_messages_in_a_row_get_one_answer(scoped: Account, chat: Channel) -> None:
    first = InboundMessage(provider_id="r1", sender=Address("visitor", "v"), occurred_at=NOON, body="Hola")
    second = InboundMessage(provider_id="r2", sender=Address("visitor", "v"), occurred_at=NOON, body="soy Ana")
    receive(channel=chat, inbound=first)
    receive(channel=chat, inbound=second)
    session = BotSession.scoped().get()

    take_turn(session_id=session.pk)
    take_turn(session_id=session.pk)

    assert said(chat) == ["¡Hola! Soy el asistente automático de Andes. Gracias, Ana. ¿A qué correo o teléfono podemos responderte?"]


def test_the_sweeper_finds_a_turn_that_the_broker_lost(scoped: Account, chat: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(channel=chat, inbound=InboundMessage(provider_id="r1", sender=Address("visitor", "v"), occurred_at=NOON, body="Hola"))
    session = BotSession.scoped().get()
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("accounts.queueing.publish", lambda task, **ids: asked.append(ids) or True)
    monkeypatch.setattr("inbox.tasks.GRACE", timedelta(seconds=-1))

    sweep_bot_sessions()

    assert {"account_id": scoped.pk, "session_id": session.pk} in asked
    take_turn(session_id=session.pk)
    asked.clear()
    sweep_bot_sessions()
    assert {"account_id": scoped.pk, "session_id": session.pk} not in asked


def test_speaks_the_accounts_language(scoped: Account, chat: Channel) -> None:
    Account.objects.filter(pk=scoped.pk).update(language="en")

    writes(chat, "Hello")

    assert said(chat) == ["Hello! I am the automatic assistant of Andes. What is your name?"]


def knows_ana(message: Message) -> None:
    """Ana fills in the form of the chat, while the bot waits for an answer."""
    claim = Claim((ClaimedIdentifier("email", "ana@ejemplo.cl"),), {"name": "Ana Pérez"})
    learn_in_thread(profile=message.strand.profile, claim=claim, occurred_at=NOON, cause="form")


def test_goes_on_with_whoever_took_the_browser_over(scoped: Account, chat: Channel) -> None:
    first = writes(chat, "Hola")
    knows_ana(first)

    writes(chat, "soy Juan Soto, juan@otro.cl")

    juan = Contact.scoped().get(name="Juan Soto")
    session = BotSession.scoped().get()
    assert session.profile.contact == juan
    last = writes(chat, "quiero devolver unos zapatos")
    assert last.strand.profile.contact == juan
    session.refresh_from_db()
    assert (session.step, session.conversation) == ("done", last.strand.conversation)
    event = Message.scoped().get(direction=Direction.EVENT, kind="bot")
    assert (event.strand, event.payload["name"]) == (last.strand, "Juan Soto")
    assert Contact.scoped().get(profiles=first.strand.profile_id).name == "Ana Pérez"


def test_asks_nobody_twice_who_comes_back_to_the_browser(scoped: Account, chat: Channel) -> None:
    juan = writes(chat, "Hola, soy Juan Soto, juan@otro.cl")
    writes(chat, "quiero devolver unos zapatos")
    claim = Claim((ClaimedIdentifier("email", "ana@ejemplo.cl"),), {"name": "Ana Pérez"})
    ana = learn_in_thread(profile=juan.strand.profile, claim=claim, occurred_at=NOON, cause="form").profile
    assert ana != juan.strand.profile
    started = BotSession.objects.create(profile=ana, conversation=juan.strand.conversation, step="reason", due_at=NOON)
    before = len(said(chat))

    writes(chat, "soy Juan Soto, juan@otro.cl")

    started.refresh_from_db()
    assert started.finished_at is not None
    assert len(said(chat)) == before
