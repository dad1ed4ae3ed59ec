"""What people do with a conversation: the change, its audit entry, its event; and that refusals change nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import translation

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from accounts.scope import account_scope
from inbox.conversations import add_note, assign, mark_read, reopen, resolve, unassign
from inbox.models import Conversation, Direction, Message, ReadMark, Strand
from inbox.saying_who import say_somebody_new, say_who
from inbox.thread_events import EventKind, event_text
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp")


@pytest.fixture
def conversation(whatsapp: Channel) -> Conversation:
    conversation = make_conversation(make_profile(whatsapp, "569", name="María"))
    say(conversation, "hola")
    return conversation


@pytest.fixture
def laura(agent: Membership) -> Actor:
    return Actor.person(agent)


def told() -> list[tuple[str, str]]:
    with translation.override("en"):
        events = Message.objects.filter(direction=Direction.EVENT).select_related("author__user").order_by("pk")
        return [(event.kind, event_text(event)) for event in events]


def audited() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_giving_it_to_somebody_and_taking_it_back(conversation: Conversation, laura: Actor, teammate: Membership) -> None:
    assert assign(conversation=conversation, to=teammate, by=laura).assignee == teammate
    assign(conversation=conversation, to=teammate, by=laura)
    assert unassign(conversation=conversation, by=laura).assignee is None
    unassign(conversation=conversation, by=laura)

    assert told() == [("assigned", "Laura assigned this to Diego"), ("unassigned", "Laura took the assignment away")]
    assert audited() == ["conversation.assign", "conversation.unassign"]


def test_nobody_gets_it_who_left_or_belongs_elsewhere(
    conversation: Conversation, laura: Actor, teammate: Membership, outsider: Membership
) -> None:
    Membership.objects.filter(pk=teammate.pk).update(is_active=False)

    for stranger in (teammate, outsider):
        with pytest.raises(ValidationError):
            assign(conversation=conversation, to=stranger, by=laura)
    conversation.refresh_from_db()
    assert (conversation.assignee, told(), audited()) == (None, [], [])


def test_settling_it_and_opening_it_again(conversation: Conversation, laura: Actor) -> None:
    settled = resolve(conversation=conversation, by=laura)
    assert (settled.status, settled.waiting_since) == ("resolved", None)
    assert settled.resolved_at is not None
    resolve(conversation=conversation, by=laura)

    opened = reopen(conversation=conversation, by=laura)
    assert (opened.status, opened.resolved_at) == ("open", None)
    reopen(conversation=conversation, by=laura)

    assert told() == [("resolved", "Laura resolved this"), ("reopened", "Laura reopened this")]
    assert audited() == ["conversation.resolve", "conversation.reopen"]


def test_a_note_is_the_teams_own(conversation: Conversation, laura: Actor) -> None:
    note = add_note(conversation=conversation, body=" ojo ", by=laura)

    assert (note.direction, note.body, note.author, note.channel) == (Direction.NOTE, "ojo", laura.membership, None)
    before = Conversation.objects.values().get()
    with pytest.raises(ValidationError):
        add_note(conversation=conversation, body="  ", by=laura)
    assert Message.objects.filter(direction=Direction.NOTE).count() == 1
    assert Conversation.objects.values().get() == before


def test_a_note_that_is_submitted_twice_is_one_note(conversation: Conversation, laura: Actor) -> None:
    first = add_note(conversation=conversation, body="ojo", by=laura, client_key="k1")

    again = add_note(conversation=conversation, body="ojo", by=laura, client_key="k1")
    other = add_note(conversation=conversation, body="ojo", by=laura, client_key="k2")

    assert again == first
    assert other != first
    assert Message.objects.filter(direction=Direction.NOTE).count() == 2


DOINGS: dict[str, Callable[[Conversation, Actor], Any]] = {
    "assign": lambda conversation, by: assign(conversation=conversation, to=by.membership, by=by),  # type: ignore[arg-type]
    "unassign": lambda conversation, by: unassign(conversation=conversation, by=by),
    "resolve": lambda conversation, by: resolve(conversation=conversation, by=by),
    "reopen": lambda conversation, by: reopen(conversation=conversation, by=by),
    "note": lambda conversation, by: add_note(conversation=conversation, body="x", by=by),
    "say_somebody_new": lambda conversation, by: say_somebody_new(conversation=conversation, by=by),
    "say_who": lambda conversation, by: say_who(conversation=conversation, profile=conversation.profile, by=by),
}


@pytest.mark.parametrize("doing", DOINGS)
def test_former_members_do_nothing(conversation: Conversation, agent: Membership, doing: str) -> None:
    before = Conversation.objects.values().get()
    agent.is_active = False

    with pytest.raises(PermissionDenied):
        DOINGS[doing](conversation, Actor.person(agent))
    assert (Conversation.objects.values().get(), Message.objects.count(), audited()) == (before, 1, [])


@pytest.mark.parametrize("doing", DOINGS)
def test_another_accounts_conversation_is_not_there(
    conversation: Conversation, other_account: Account, outsider: Membership, doing: str
) -> None:
    with account_scope(other_account), pytest.raises(Conversation.DoesNotExist):
        DOINGS[doing](conversation, Actor.person(outsider))
    assert (Message.objects.count(), audited()) == (1, [])


def test_reading_is_marked_up_to_what_was_there(conversation: Conversation, agent: Membership) -> None:
    mark_read(conversation=conversation, membership=agent)
    mark_read(conversation=conversation, membership=agent)

    assert ReadMark.objects.get().read_at == conversation.last_inbound_at


def test_saying_who_writes_moves_the_strand_and_no_message(conversation: Conversation, whatsapp: Channel, laura: Actor) -> None:
    pedro = make_profile(make_channel(conversation.account, "email"), "pedro@ejemplo.cl", name="Pedro")
    strand = Strand.objects.get()

    say_who(conversation=conversation, profile=pedro, by=laura)

    strand.refresh_from_db()
    conversation.refresh_from_db()
    assert (strand.profile, conversation.profile, conversation.asks_who) == (pedro, pedro, False)
    assert told() == [("said_who", "Laura said that this is Pedro")]
    assert audited() == ["conversation.say_who"]


def test_saying_who_joins_the_strand_the_person_has_already(conversation: Conversation, whatsapp: Channel, laura: Actor) -> None:
    maria = conversation.profile
    second = make_profile(make_channel(conversation.account, "webchat"), "v1", contact=maria.contact)
    say(conversation, "por la web", minutes=1, profile=second)

    say_who(conversation=conversation, profile=maria, by=laura)

    assert Strand.objects.get().profile == maria
    assert Message.objects.filter(strand__profile=maria, direction=Direction.IN).count() == 2


def test_saying_who_needs_a_conversation_of_one_person(conversation: Conversation, whatsapp: Channel, laura: Actor) -> None:
    maria = conversation.profile
    second = make_profile(make_channel(conversation.account, "webchat"), "v1", contact=maria.contact)
    say(conversation, "por la web", minutes=1, profile=second)
    stranger = make_profile(whatsapp, "570", name="Pedro")

    with pytest.raises(ValidationError):
        say_who(conversation=conversation, profile=stranger, by=laura)
    assert set(Strand.objects.values_list("profile", flat=True)) == {maria.pk, second.pk}
    assert audited() == []


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("kind", EventKind.values)
def test_every_event_has_a_sentence(conversation: Conversation, kind: str, language: str) -> None:
    event = Message(direction=Direction.EVENT, kind=kind, payload={"names": ["Ana"], "value": "+569", "name": "María", "to": "Diego"})

    with translation.override(language):
        assert event_text(event)
        assert "%(" not in event_text(event)
