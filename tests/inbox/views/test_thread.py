"""The thread pane: what each kind of entry shows, in pages and fragments, with a constant number of queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from inbox import queries
from inbox.models import Attachment, Conversation, Direction, Message, MessageStatus
from inbox.views.showing import EventGroup, ShownEntry, show, show_all
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say
from tests.inbox.views.addresses import inbox_url

HTMX = {"HTTP_HX_REQUEST": "true"}
EN = {"HTTP_ACCEPT_LANGUAGE": "en"}


@pytest.fixture
def channel(account: Account) -> Channel:
    return make_channel(account, "whatsapp", "Ventas")


@pytest.fixture
def conversation(account: Account, channel: Channel) -> Conversation:
    with account_scope(account):
        conversation = make_conversation(make_profile(channel, "56981234567", name="María Pérez"))
        say(conversation, "Hola")
        return conversation


def url(conversation: Conversation, path: str = "") -> str:
    return inbox_url(conversation, f"{conversation.pk}/{path}")


def shown_html(client: Client, conversation: Conversation, message: Message) -> str:
    return client.get(url(conversation, f"entries/{message.pk}/"), **HTMX, **EN).content.decode()


def put(conversation: Conversation, body: str = "", **fields: Any) -> Message:
    with account_scope(conversation.account_id):
        return say(conversation, body, minutes=5, **fields)


def test_the_page_and_the_fragment(conversation: Conversation, agent_client: Client) -> None:
    page = agent_client.get(url(conversation)).content.decode()
    fragment = agent_client.get(url(conversation), **HTMX).content.decode()

    assert "<html" in page
    assert "<html" not in fragment
    assert "<title>María Pérez" in fragment
    assert 'id="person-pane"' in fragment
    for html in (page, fragment):
        assert 'id="thread-pane"' in html
        assert "data-entry" in html


def test_a_missing_conversation_is_404_everywhere(conversation: Conversation, agent_client: Client) -> None:
    base = url(conversation).replace(f"/{conversation.pk}/", f"/{conversation.pk + 999}/")

    for path in ("", "earlier/", "latest/", "header/", "composer/", "entries/1/"):
        assert agent_client.get(base + path, **HTMX).status_code == 404
    for path in ("write/", "assign/", "resolve/", "reopen/", "read/", "unread/", "who/", "separate/", "rejoin/"):
        assert agent_client.post(base + path, **HTMX).status_code == 404
    assert agent_client.get(url(conversation, "entries/999999/"), **HTMX).status_code == 404


KINDS: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "location", "payload": {"latitude": -33.05, "longitude": -71.62, "name": "Plaza"}}, ["Plaza", "mlat=-33.05&amp;mlon=-71.62"]),
    (
        {"kind": "contacts", "payload": {"contacts": [{"name": "Juan", "phones": ["+56 9"], "emails": ["j@e.cl"]}]}},
        ["Juan", "+56 9", "j@e.cl"],
    ),
    (
        {"kind": "order", "payload": {"items": [{"product": "SKU-1", "quantity": 2, "price": 1990.0, "currency": "CLP"}]}},
        ["SKU-1", "1990 CLP"],
    ),
    ({"kind": "button", "body": "Sí, quiero"}, ["Button", "Sí, quiero"]),
    ({"kind": "interactive", "body": "Talla 38", "payload": {"description": "Andes"}}, ["Choice", "Talla 38", "Andes"]),
    ({"kind": "story_mention", "payload": {"url": "https://cdn.ejemplo/s"}}, ["Mention in a story", "https://cdn.ejemplo/s"]),
    ({"kind": "unsupported", "payload": {"type": "poll"}}, ["Not supported yet", "poll", "It is kept"]),
    ({"kind": "mystery", "body": "algo"}, ["algo"]),
    ({"body": "secreto", "withdrawn_at": timezone.now()}, ["This message was withdrawn"]),
    ({"body": "mejor", "edited_at": timezone.now()}, ["mejor", "edited"]),
    ({"body": "linda", "reactions": {"contact": "❤️", "7": "👍"}}, ["❤️", "👍"]),
    ({"body": "Nuevo\n> Antes", "folded": "> Antes"}, ["Nuevo", "Quoted text", "&gt; Antes"]),
    ({"body": "ver https://ejemplo.cl/x"}, ['href="https://ejemplo.cl/x"', "nofollow"]),
]


@pytest.mark.parametrize(("fields", "expected"), KINDS, ids=[str(fields.get("kind", next(iter(fields)))) for fields, _ in KINDS])
def test_every_kind_is_shown(conversation: Conversation, agent_client: Client, fields: dict[str, Any], expected: list[str]) -> None:
    html = shown_html(agent_client, conversation, put(conversation, **fields))

    for part in expected:
        assert part in html
    assert "secreto" not in html


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [
        (MessageStatus.QUEUED, {}, 'aria-label="Queued"'),
        (MessageStatus.SENT, {}, 'aria-label="Sent"'),
        (MessageStatus.DELIVERED, {}, 'aria-label="Delivered"'),
        (MessageStatus.READ, {}, 'aria-label="Read"'),
        (MessageStatus.FAILED, {"text": "Sin WhatsApp"}, "Not sent: Sin WhatsApp"),
        (MessageStatus.UNKNOWN, {}, "It may have arrived"),
    ],
)
def test_where_a_message_of_ours_is(
    conversation: Conversation, agent_client: Client, agent: Membership, status: str, problem: dict[str, str], expected: str
) -> None:
    message = put(conversation, "Hola", direction=Direction.OUT, author=agent, author_kind="person", status=status, problem=problem)

    html = shown_html(agent_client, conversation, message)

    assert expected in html
    assert ("Send again" in html) == (status in ("failed", "unknown"))


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        ("image/png", "stored", "<img"),
        ("audio/ogg; codecs=opus", "stored", "<audio"),
        ("video/mp4", "stored", "<video"),
        ("application/pdf", "stored", "download"),
        ("image/svg+xml", "stored", "download"),
        ("application/pdf", "waiting", "Being fetched"),
        ("application/pdf", "failed", "Could not be fetched"),
    ],
)
def test_files_by_their_type_and_state(conversation: Conversation, agent_client: Client, kind: str, state: str, expected: str) -> None:
    message = put(conversation, kind="document")
    with account_scope(conversation.account_id):
        Attachment.objects.create(message=message, content_type=kind, name="boleta", state=state, file=ContentFile(b"x", name="b"), size=1)

    html = shown_html(agent_client, conversation, message)

    assert expected in html
    assert "boleta" in html or expected in ("<audio", "<video")


def test_the_bots_summary_and_a_conflict_stand_out(conversation: Conversation, agent_client: Client) -> None:
    bot = put(conversation, direction=Direction.EVENT, kind="bot", payload={"why": "complete", "name": "Ana", "email": "a@e.cl"})
    conflict = put(conversation, direction=Direction.EVENT, kind="conflict", payload={"names": ["Pedro"], "value": "+56 9"})

    html = shown_html(agent_client, conversation, bot)

    assert "<dt>Name</dt><dd>Ana</dd>" in html
    assert "complete" not in html
    assert "loud" in shown_html(agent_client, conversation, conflict)


def test_quiet_events_are_folded_from_the_third_on(conversation: Conversation) -> None:
    for kind in ("assigned", "resolved", "reopened"):
        put(conversation, direction=Direction.EVENT, kind=kind)
    with account_scope(conversation.account_id):
        fresh = queries.find_conversation(conversation.pk)
        assert fresh is not None
        items = show_all(queries.thread(fresh).entries)
        few = show_all(queries.thread(fresh).entries[:-1])

    assert isinstance(items[-1], EventGroup)
    assert len(items[-1].entries) == 3
    assert all(isinstance(item, ShownEntry) for item in few)


def test_one_persons_turn_stands_together(conversation: Conversation) -> None:
    with account_scope(conversation.account_id):
        say(conversation, "dos", minutes=1)
        say(conversation, "tres", minutes=20)
        fresh = queries.find_conversation(conversation.pk)
        assert fresh is not None
        entries = queries.thread(fresh).entries

    assert [show(entries[1], after=entries[0]).is_joined, show(entries[2], after=entries[1]).is_joined] == [True, False]


def test_earlier_pages_follow_each_other(conversation: Conversation, agent_client: Client) -> None:
    with account_scope(conversation.account_id):
        for number in range(60):
            say(conversation, f"M{number}", minutes=number + 1)

    first = agent_client.get(url(conversation), **HTMX)
    cursor = first.context["thread"].before
    earlier = agent_client.get(url(conversation, "earlier/"), {"before": cursor}, **HTMX)

    assert len(first.context["thread"].entries) == 50
    assert len(earlier.context["thread"].entries) == 11
    assert agent_client.get(url(conversation, "earlier/"), {"before": "x"}, **HTMX).status_code == 404


def test_the_unread_part_begins_with_a_line(conversation: Conversation, agent_client: Client) -> None:
    before = agent_client.get(url(conversation), **HTMX)
    agent_client.post(url(conversation, "read/"))
    after = agent_client.get(url(conversation), **HTMX)

    assert "data-first-unread" in before.content.decode()
    assert "data-first-unread" not in after.content.decode()


def test_reading_alone_marks_nothing(conversation: Conversation, agent: Membership, agent_client: Client) -> None:
    agent_client.get(url(conversation))

    with account_scope(conversation.account_id):
        row = queries.conversation_row(conversation.pk, membership=agent)
    assert row is not None
    assert row.unread


def test_the_thread_takes_the_same_number_of_queries_for_2_and_20_entries(
    conversation: Conversation, agent: Membership, agent_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    put(conversation, "dos", direction=Direction.OUT, author=agent, author_kind="person")
    agent_client.get(url(conversation), **HTMX)
    with django_assert_max_num_queries(60) as two:
        agent_client.get(url(conversation), **HTMX)
    with account_scope(conversation.account_id):
        for number in range(18):
            message = say(conversation, f"M{number}", minutes=number + 1, reply_to=Message.scoped().first())
            Attachment.objects.create(message=message, content_type="image/png", state="stored", file=ContentFile(b"x", name="b"), size=1)

    with django_assert_max_num_queries(60) as twenty:
        agent_client.get(url(conversation), **HTMX)

    assert len(twenty.captured_queries) == len(two.captured_queries)


def test_waiting_is_told_in_the_header(conversation: Conversation, agent_client: Client) -> None:
    with account_scope(conversation.account_id):
        conversation.waiting_since = timezone.now() - timedelta(minutes=90)
        conversation.save()

    assert "chip bad" in agent_client.get(url(conversation, "header/"), **HTMX).content.decode()
