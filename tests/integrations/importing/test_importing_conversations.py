"""Conversations of another inbox: whose they are, what stays silent about them, and taking them back."""

from datetime import UTC, datetime

import pytest

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from consent.models import ConsentEvent
from contacts.erasing import erase
from contacts.matching import take_record
from contacts.models import Contact, Profile, Source
from inbox.asking import last_inbound_by_line
from inbox.conversations import add_note
from inbox.counters import recount
from inbox.models import BotSession, Conversation, Direction, Message, OutboundMessage
from inbox.queries import conversation_list, thread
from integrations.exporting.tables import TABLES
from integrations.importing.uploading import choose_mapping
from integrations.models import ImportedRow, RejectedRow
from integrations.models.webhooks import WebhookDelivery, WebhookSubscription
from tests.conftest import make_channel
from tests.contacts.stories import at, claim, person
from tests.integrations.importing.files import counts, does, imported, workbook

HEADER = "Ticket;Id mensaje;Fecha;Tipo;Autor;Agente;Correo;Celular;Canal;Asunto;Texto"
CHAT = f"""{HEADER}
T1;1;2025-03-31 09:00;cliente;Ana Soto;;ana@ejemplo.cl;;whatsapp;Pedido;Hola, ¿dónde está mi pedido?
T1;3;2025-03-31 09:10;cliente;Ana Soto;;ana@ejemplo.cl;;whatsapp;Pedido;BAJA
T1;2;2025-03-31 09:05;agente;Carla;{{agent}};;;whatsapp;Pedido;Va en camino
T1;4;2025-03-31 09:15;nota interna;Carla;{{agent}};;;whatsapp;Pedido;Cliente antigua
T2;5;2025-04-02T10:00:00Z;entrante;Luis;;;+56 9 2222 3333;correo;;Quiero una cotización
T3;6;2025-04-03 10:00;cliente;;;;;correo;;¿Quién soy?
T2;7;31/12;entrante;Luis;;;+56 9 2222 3333;correo;;Sin fecha
T2;8;2025-04-02 11:00;nadie sabe;Luis;;;+56 9 2222 3333;correo;;Sin lado
T2;9;2925-04-02 11:00;entrante;Luis;;;+56 9 2222 3333;correo;;Del futuro
"""


@pytest.fixture
def channel(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp")


def chat(agent: Membership) -> str:
    return CHAT.format(agent=agent.user.email.upper())


def everything() -> list[int]:
    return [model.scoped().count() for model in (Contact, Profile, Conversation, Message, ImportedRow)]


def test_they_are_checked_taken_in_and_known_again(scoped: Account, channel: Channel, supervisor: Membership, agent: Membership) -> None:
    known = take_record(source=Source.CRM, claim=claim(name="Ana Soto", email="ana@ejemplo.cl"), occurred_at=at(0), cause="crm")
    found = imported(chat(agent), supervisor, kind="conversations")
    assert found.mapping == "conversation message_id at direction author agent_email email phone said_on subject body".split()
    before = everything()

    check = does("check", found, supervisor)
    assert everything() == before
    run = does("run", found, supervisor)

    expected = {"filed": 5, "opened": 2, "rejected": 4, "attached": 1, "created": 1}
    assert counts(check) == counts(run) == expected
    assert run.figures["reasons"] == {"nothing_to_know": 1, "bad_date": 1, "bad_word": 1, "from_the_future": 1}
    first, second = Conversation.scoped().order_by("pk")
    messages = Message.scoped().filter(strand__conversation=first).order_by("pk")
    said = list(messages.values_list("direction", "body", "occurred_at", "author"))
    zone_hour = said[0][2].hour
    assert [(direction, body) for direction, body, _at, _author in said] == [
        ("in", "Hola, ¿dónde está mi pedido?"),
        ("out", "Va en camino"),
        ("in", "BAJA"),
        ("note", "Cliente antigua"),
    ]
    # The account's own zone, which is not UTC.
    assert (said[0][2].minute, zone_hour != 9, said[1][3]) == (0, True, agent.pk)
    assert Message.scoped().get(strand__conversation=second).occurred_at == datetime(2025, 4, 2, 10, tzinfo=UTC)
    assert (first.subject, first.status, first.message_count) == ("Pedido", "resolved", 3)
    assert (first.preview, first.last_message_at) == ("BAJA", said[2][2])
    assert first.profile.contact_id == known.profile.contact_id

    again = imported(chat(agent), supervisor, kind="conversations")
    assert counts(does("check", again, supervisor)) == counts(does("run", again, supervisor)) == {"unchanged": 5, "rejected": 4}
    more = f"{HEADER}\nT1;10;2025-04-05 09:00;cliente;Ana Soto;;;;;;Gracias\n"
    assert counts(does("run", imported(more, supervisor, kind="conversations"), supervisor)) == {"filed": 1}
    first.refresh_from_db()
    assert (first.message_count, first.preview, Conversation.scoped().count()) == (4, "Gracias", 2)


def test_nothing_hears_them(scoped: Account, supervisor: Membership, agent: Membership) -> None:
    make_channel(scoped, "whatsapp", greeting_bot={"enabled": True})
    told = ["message.received", "message.sent", "conversation.created"]
    WebhookSubscription.objects.create(name="CRM", url="https://ejemplo.cl/hook", events=told, secrets={"current": "x"})
    does("run", imported(chat(agent), supervisor, kind="conversations"), supervisor)
    conversation = Conversation.scoped().order_by("pk").first()
    assert conversation is not None

    def quiet() -> None:
        conversation.refresh_from_db()
        assert (conversation.last_inbound_at, conversation.waiting_since, conversation.status) == (None, None, "resolved")

    quiet()
    # Counted anew, as after an unmerge.
    recount(conversation)
    quiet()
    assert conversation.message_count == 3
    assert not ConsentEvent.scoped().exists()
    assert not BotSession.scoped().exists()
    assert not OutboundMessage.scoped().exists()
    assert not WebhookDelivery.scoped().exists()
    assert last_inbound_by_line(list(conversation.profile.identifiers.all())) == {}
    _first, row = conversation_list(membership=agent, status="resolved").rows
    assert not row.unread
    entries = thread(conversation, membership=agent).entries
    assert [entry.first_unread for entry in entries] == [False] * 4


def test_equal_ids_of_two_systems_are_two_conversations(scoped: Account, channel: Channel, supervisor: Membership) -> None:
    text = f"{HEADER}\nT1;1;2025-03-31 09:00;cliente;Ana;;ana@ejemplo.cl;;;;Hola\n"
    for source in ("Zendesk", "Intercom", "zendesk "):
        found = imported(text, supervisor, kind="conversations")
        choose_mapping(imported=found, mapping=found.mapping, by=Actor.person(supervisor), source=source)
        does("run", found, supervisor)

    assert (Conversation.scoped().count(), Message.scoped().count()) == (2, 2)


def test_undo_takes_exactly_them_away(scoped: Account, channel: Channel, supervisor: Membership, agent: Membership) -> None:
    take_record(source=Source.CRM, claim=claim(name="Ana Soto", email="ana@ejemplo.cl"), occurred_at=at(0), cause="crm")
    before = everything()
    found = imported(chat(agent), supervisor, kind="conversations")
    does("run", found, supervisor)

    undo = does("undo", found, supervisor)

    assert counts(undo) == {"messages_removed": 5, "conversations_removed": 2, "removed": 2}
    assert everything() == before


def test_undo_leaves_what_was_said_since(scoped: Account, channel: Channel, supervisor: Membership, agent: Membership) -> None:
    found = imported(chat(agent), supervisor, kind="conversations")
    does("run", found, supervisor)
    conversation = Conversation.scoped().order_by("pk").first()
    assert conversation is not None
    note = add_note(conversation=conversation, body="La llamé", by=person(agent))

    undo = does("undo", found, supervisor)

    assert counts(undo) == {"messages_removed": 5, "conversations_removed": 1, "conversations_kept": 1, "kept": 1, "removed": 1}
    assert [message.pk for message in Message.scoped().exclude(direction=Direction.EVENT)] == [note.pk]
    assert list(Conversation.scoped()) == [conversation]


def test_an_erased_person_is_not_brought_back(scoped: Account, channel: Channel, admin: Membership, agent: Membership) -> None:
    found = imported(chat(agent), admin, kind="conversations")
    does("run", found, admin)
    ana = Profile.scoped().get(identifiers__value="ana@ejemplo.cl")
    erase(profiles=[ana], by=person(admin))

    again = does("run", imported(chat(agent), admin, kind="conversations"), admin)
    other = f"{HEADER}\nT9;99;2025-04-05 09:00;cliente;Ana Soto;;ana@ejemplo.cl;;;;Hola\n"
    new = does("run", imported(other, admin, kind="conversations"), admin)

    assert counts(again) == {"unchanged": 5, "rejected": 4}
    assert (counts(new), new.figures["reasons"]) == ({"rejected": 1}, {"erased": 1})
    assert Conversation.scoped().count() == 1


def test_without_a_channel_there_is_nowhere_to_go_on(scoped: Account, supervisor: Membership, agent: Membership) -> None:
    run = does("run", imported(chat(agent), supervisor, kind="conversations"), supervisor)

    assert run.figures["reasons"]["no_channel"] == 6
    assert set(RejectedRow.scoped().values_list("reason", flat=True)) == {"no_channel", "bad_date", "bad_word", "from_the_future"}
    assert not Conversation.scoped().exists()


def test_what_one_account_exported_another_takes_in(scoped: Account, channel: Channel, supervisor: Membership, agent: Membership) -> None:
    does("run", imported(chat(agent), supervisor, kind="conversations"), supervisor)
    table = TABLES["conversations"]
    rows = [row for lot in table.rows({}) for row in lot]
    assert [(row["author"], row["channel"]) for row in rows][:2] == [("Ana Soto", "whatsapp"), (str(agent), "whatsapp")]
    cells = [["; ".join(row[name]) if isinstance(row[name], list) else str(row[name] or "") for name in table.columns] for row in rows]
    sheet = workbook([list(table.columns), *cells])

    found = imported(sheet, supervisor, kind="conversations", name="otra.xlsx")

    meant = dict(zip(found.headings, found.mapping, strict=True))
    assert [meant[name] for name in ("conversation", "at", "body", "direction")] == ["conversation", "at", "body", "direction"]
    assert counts(does("check", found, supervisor))["filed"] == len(rows)
