"""The list, the thread and the counts: what they hold, in what order, and how many queries they take."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Account, Membership
from accounts.scope import account_scope
from inbox import queries
from inbox.conversations import mark_read, mark_unread
from inbox.models import ConversationStatus, Direction, MessageStatus
from inbox.searching import words_of
from tests.conftest import make_channel
from tests.inbox.people import NOON, make_conversation, make_profile, say


@pytest.fixture
def whatsapp(account: Account) -> Any:
    return make_channel(account, "whatsapp")


@pytest.fixture
def mailbox(account: Account) -> Any:
    return make_channel(account, "email")


def fill(channel: Any, count: int, **fields: Any) -> list[Any]:
    made = []
    for number in range(count):
        conversation = make_conversation(make_profile(channel, f"p{number}-{channel.pk}", name=f"Persona {number}"), **fields)
        say(conversation, f"hola {number}", minutes=number)
        made.append(conversation)
    return made


@pytest.mark.parametrize("rows", [2, 20])
def test_the_list_takes_the_same_queries_at_any_length(
    scoped: Account, agent: Membership, whatsapp: Any, rows: int, django_assert_num_queries: Any
) -> None:
    fill(whatsapp, rows, assignee=agent)

    with django_assert_num_queries(4):
        page = queries.conversation_list(membership=agent, view="mine")
        shown = [(row.contact.name, row.unread, str(row.conversation.assignee), row.conversation.channel.name) for row in page.rows]

    assert len(shown) == rows
    assert shown[0] == (f"Persona {rows - 1}", True, "Laura", "Whatsapp")


@pytest.mark.parametrize("rows", [2, 20])
def test_the_thread_takes_the_same_queries_at_any_length(
    scoped: Account, agent: Membership, whatsapp: Any, rows: int, django_assert_num_queries: Any
) -> None:
    conversation = make_conversation(make_profile(whatsapp, "569", name="María"))
    for number in range(rows):
        say(conversation, f"línea {number}", minutes=number)

    with django_assert_num_queries(6):
        found = queries.find_conversation(conversation.pk)
        assert found is not None
        thread = queries.thread(found, membership=agent)
        for entry in thread.entries:
            assert entry.message.channel.name == "Whatsapp"
            assert entry.message.identifier.value == "569"
            assert getattr(entry.message, "outbound", None) is None
            assert entry.attachments == []

    assert [entry.message.body for entry in thread.entries] == [f"línea {number}" for number in range(rows)]


def test_views_and_filters_choose_what_they_say(
    scoped: Account, agent: Membership, teammate: Membership, whatsapp: Any, mailbox: Any
) -> None:
    mine, theirs, nobodys, resolved, by_mail = (
        make_conversation(make_profile(whatsapp, "1"), assignee=agent),
        make_conversation(make_profile(whatsapp, "2"), assignee=teammate),
        make_conversation(make_profile(whatsapp, "3")),
        make_conversation(make_profile(whatsapp, "4"), assignee=agent, status=ConversationStatus.RESOLVED),
        make_conversation(make_profile(mailbox, "a@b.cl")),
    )

    def ids(**filters: Any) -> set[int]:
        return {row.conversation.pk for row in queries.conversation_list(membership=agent, **filters).rows}

    assert ids(view="mine") == {mine.pk}
    assert ids(view="unassigned") == {nobodys.pk, by_mail.pk}
    assert ids() == {mine.pk, theirs.pk, nobodys.pk, by_mail.pk}
    assert ids(view="mine", status="resolved") == {resolved.pk}
    assert ids(status="") == {mine.pk, theirs.pk, nobodys.pk, resolved.pk, by_mail.pk}
    assert ids(channel=mailbox.pk) == {by_mail.pk}
    with pytest.raises(ValueError, match="todas"):
        ids(view="todas")


def test_pages_follow_each_other_without_gap_or_repeat_even_within_one_instant(scoped: Account, agent: Membership, whatsapp: Any) -> None:
    for number in range(7):
        say(make_conversation(make_profile(whatsapp, str(number))), "hola", minutes=number // 3)
    expected = [row.conversation.pk for row in queries.conversation_list(membership=agent).rows]

    seen, cursor = [], ""
    while True:
        page = queries.conversation_list(membership=agent, before=cursor, limit=2)
        seen += [row.conversation.pk for row in page.rows]
        cursor = page.before
        if not cursor:
            break

    assert seen == expected
    assert len(seen) == 7


@pytest.mark.parametrize("cursor", ["x", "2026-01-01T00:00:00_1", "2026-01-01T00:00:00+00:00_x", "_"])
def test_a_cursor_we_did_not_make_is_refused(scoped: Account, agent: Membership, cursor: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        queries.conversation_list(membership=agent, before=cursor)


def test_the_thread_pages_backwards_across_strands_and_channels(scoped: Account, agent: Membership, whatsapp: Any, mailbox: Any) -> None:
    maria = make_profile(whatsapp, "569", name="María")
    by_mail = make_profile(mailbox, "maria@ejemplo.cl", contact=maria.contact)
    conversation = make_conversation(maria)
    for number in range(6):
        say(conversation, str(number), minutes=number, profile=maria if number % 2 == 0 else by_mail)

    latest = queries.thread(queries.find_conversation(conversation.pk), limit=4)  # type: ignore[arg-type]
    earlier = queries.thread(queries.find_conversation(conversation.pk), before=latest.before, limit=4)  # type: ignore[arg-type]

    assert [entry.message.body for entry in latest.entries] == ["2", "3", "4", "5"]
    assert [entry.message.body for entry in earlier.entries] == ["0", "1"]
    assert earlier.before == ""


def test_dividers_stand_where_the_day_or_the_channel_changes(scoped: Account, agent: Membership, whatsapp: Any, mailbox: Any) -> None:
    maria = make_profile(whatsapp, "569")
    by_mail = make_profile(mailbox, "maria@ejemplo.cl", contact=maria.contact)
    conversation = make_conversation(maria)
    # Noon in UTC is the morning in Santiago; 16 hours later it is one o'clock of the next day there.
    say(conversation, "a", minutes=0)
    say(conversation, "nota", minutes=1, direction=Direction.NOTE, channel_id=None, provider_id="")
    say(conversation, "b", minutes=2)
    say(conversation, "c", minutes=3, profile=by_mail)
    say(conversation, "d", minutes=16 * 60, profile=by_mail)

    entries = queries.thread(queries.find_conversation(conversation.pk)).entries  # type: ignore[arg-type]

    assert [(e.message.body, str(e.new_day or ""), e.new_channel.kind if e.new_channel else "") for e in entries] == [
        ("a", "2026-03-02", "whatsapp"),
        ("nota", "", ""),
        ("b", "", ""),
        ("c", "", "email"),
        ("d", "2026-03-03", ""),
    ]
    alone = queries.thread_entry(queries.find_conversation(conversation.pk), entries[3].message.pk)  # type: ignore[arg-type]
    assert alone is not None
    assert alone.new_channel == mailbox
    assert alone.new_day is None


def test_unread_is_each_members_own(scoped: Account, agent: Membership, teammate: Membership, whatsapp: Any) -> None:
    conversation = make_conversation(make_profile(whatsapp, "569"), assignee=agent)
    say(conversation, "uno", minutes=1)
    mark_read(conversation=conversation, membership=agent)
    assert queries.conversation_list(membership=agent).rows[0].unread is False
    assert queries.conversation_list(membership=teammate).rows[0].unread is True
    assert queries.counts(membership=agent).mine_unread == 0

    conversation.refresh_from_db()
    say(conversation, "dos", minutes=2)
    say(conversation, "tres", minutes=3)
    assert queries.conversation_list(membership=agent).rows[0].unread is True
    entries = queries.thread(queries.find_conversation(conversation.pk), membership=agent).entries  # type: ignore[arg-type]
    assert [entry.first_unread for entry in entries] == [False, True, False]
    assert queries.counts(membership=agent).mine_unread == 1

    mark_read(conversation=conversation, membership=agent)
    mark_unread(conversation=conversation, membership=agent)
    assert queries.conversation_row(conversation.pk, membership=agent).unread is True  # type: ignore[union-attr]
    assert queries.conversation_row(conversation.pk, membership=teammate).unread is True  # type: ignore[union-attr]


def test_counts_are_of_open_conversations(scoped: Account, agent: Membership, whatsapp: Any, django_assert_num_queries: Any) -> None:
    fill(whatsapp, 3)
    fill(make_channel(scoped, "whatsapp", "dos"), 2, assignee=agent)
    fill(make_channel(scoped, "whatsapp", "tres"), 4, assignee=agent, status=ConversationStatus.RESOLVED)

    with django_assert_num_queries(2):
        found = queries.counts(membership=agent)

    assert (found.mine, found.unassigned, found.all, found.mine_unread) == (2, 3, 5, 2)
    assert found.of("unassigned") == 3


def test_search_finds_words_by_their_beginning_and_people_by_name(
    scoped: Account, agent: Membership, whatsapp: Any, django_assert_num_queries: Any
) -> None:
    maria = make_conversation(make_profile(whatsapp, "1", name="maria perez"))
    juan = make_conversation(make_profile(whatsapp, "2", name="juan soto"))
    say(maria, "¿Y la cotización del techo?", words=words_of("¿Y la cotización del techo?"))
    say(juan, "¿Está María?", words=words_of("¿Está María?"))

    def found(text: str) -> set[int]:
        return {row.conversation.pk for row in queries.conversation_list(membership=agent, search=text).rows}

    assert found("cotizacion") == {maria.pk}
    assert found("COTIZACIÓN tec") == {maria.pk}
    assert found("maria") == {maria.pk, juan.pk}
    assert found("ria per") == {maria.pk}
    assert found("100%") == set()
    assert found("a & !b | 'c:*") == set()
    with django_assert_num_queries(4):  # nobody is assigned, so no members are fetched
        queries.conversation_list(membership=agent, search="maria")


def test_search_stays_inside_the_account(
    scoped: Account, agent: Membership, whatsapp: Any, other_account: Account, outsider: Membership
) -> None:
    say(make_conversation(make_profile(whatsapp, "1", name="maria perez")), "secreto", words=words_of("secreto"))

    with account_scope(other_account):
        for text in ("secreto", "maria"):
            assert queries.conversation_list(membership=outsider, search=text).rows == []


def test_a_persons_conversations_hold_every_channel(scoped: Account, whatsapp: Any, mailbox: Any, django_assert_num_queries: Any) -> None:
    maria = make_profile(whatsapp, "569")
    by_mail = make_profile(mailbox, "maria@ejemplo.cl", contact=maria.contact)
    first, second = make_conversation(maria, at=NOON - timedelta(days=3)), make_conversation(by_mail)
    say(first, "por WhatsApp", minutes=-60 * 72)
    say(second, "por correo", minutes=1, status=MessageStatus.RECEIVED)

    assert [item.pk for item in queries.conversations_of_contact(maria.contact_id)] == [second.pk, first.pk]
    with django_assert_num_queries(4):
        assert {message.body for message in queries.said_with(maria.contact_id)} == {"por correo", "por WhatsApp"}
