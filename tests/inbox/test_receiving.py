"""The way in, part by part: whose it is, which conversation, and what the conversation's row then says."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.merging import merge, separate_and_mark_shared
from contacts.models import Contact, Identifier, NeverMerge, Profile, ValueMark
from inbox import announcements
from inbox.adapters import InboundFile, InboundMessage
from inbox.conversations import resolve
from inbox.models import Attachment, Conversation, Direction, Message, MessageStatus, Strand
from inbox.receiving import receive
from inbox.saying_who import say_somebody_new, say_who
from tests.conftest import make_account, make_channel
from tests.inbox.people import ADDRESS_KINDS, NOON, say

_numbers = iter(range(1, 100_000))


def at(hours: float = 0) -> datetime:
    return NOON + timedelta(hours=hours)


def writes(channel: Channel, sender: str, body: str = "hola", *, hours: float = 0, name: str = "", **fields: Any) -> Message | None:
    """Somebody writes; ``email`` and ``phone`` are what they say about themselves."""
    said = [ClaimedIdentifier(kind, fields.pop(kind)) for kind in ("email", "phone") if kind in fields]
    inbound = InboundMessage(
        provider_id=fields.pop("provider_id", f"p-{next(_numbers)}"),
        sender=Address(ADDRESS_KINDS[channel.kind], sender),
        occurred_at=at(hours),
        claim=Claim(tuple(said), {"name": name} if name else {}),
        body=body,
        **fields,
    )
    return receive(channel=channel, inbound=inbound)


def heard(*args: Any, **kwargs: Any) -> Message:
    message = writes(*args, **kwargs)
    assert message is not None
    return Message.objects.select_related("strand__conversation", "strand__profile__contact").get(pk=message.pk)


def events(conversation: Conversation) -> list[str]:
    found = Message.objects.filter(strand__conversation=conversation, direction=Direction.EVENT)
    return list(found.order_by("occurred_at", "pk").values_list("kind", flat=True))


def resolved(conversation: Conversation, by: Membership, hours: float) -> None:
    resolve(conversation=conversation, by=Actor.person(by))
    Conversation.objects.filter(pk=conversation.pk).update(resolved_at=at(hours))


@pytest.fixture
def whatsapp(account: Account) -> Channel:
    return make_channel(account, "whatsapp")


@pytest.fixture
def mailbox(account: Account) -> Channel:
    return make_channel(account, "email")


@pytest.fixture
def web(account: Account) -> Channel:
    return make_channel(account, "webchat")


def test_a_first_message_makes_contact_profile_conversation_strand_and_message(scoped: Account, whatsapp: Channel) -> None:
    message = heard(whatsapp, "56987654321", "¿Tienen despacho?\nA Ñuñoa", name="María", provider_id="wamid.1", raw={"id": "wamid.1"})

    conversation = message.strand.conversation
    assert message.strand.profile.contact.name == "María"
    assert (message.direction, message.status, message.author_kind, message.raw) == ("in", "received", "contact", {"id": "wamid.1"})
    assert message.identifier.value == "56987654321"
    assert (conversation.status, conversation.channel, conversation.message_count) == ("open", whatsapp, 1)
    assert (conversation.preview, conversation.preview_is_ours) == ("¿Tienen despacho? A Ñuñoa", False)
    assert conversation.waiting_since == conversation.last_inbound_at == conversation.last_message_at == at(0)
    assert events(conversation) == []


def test_the_same_message_twice_is_one(scoped: Account, whatsapp: Channel) -> None:
    assert writes(whatsapp, "56987654321", provider_id="wamid.1") is not None
    assert writes(whatsapp, "56987654321", provider_id="wamid.1") is None

    assert Message.objects.count() == 1
    assert Conversation.objects.get().message_count == 1


def test_one_id_on_two_channels_is_two_messages(scoped: Account, whatsapp: Channel) -> None:
    heard(whatsapp, "56987654321", provider_id="same")
    heard(make_channel(scoped, "whatsapp", "otro"), "56987654321", provider_id="same")

    assert Message.objects.filter(direction=Direction.IN).count() == 2


def test_messages_in_any_order_leave_the_same_row(scoped: Account, whatsapp: Channel) -> None:
    for hours in (2, 0, 1):
        heard(whatsapp, "56987654321", f"a las {hours}", hours=hours)

    conversation = Conversation.objects.get()
    assert (conversation.preview, conversation.last_message_at, conversation.last_inbound_at) == ("a las 2", at(2), at(2))
    assert (conversation.waiting_since, conversation.message_count) == (at(0), 3)


class TestWhichConversation:
    def test_the_open_one_on_whatever_channel(self, scoped: Account, whatsapp: Channel, mailbox: Channel) -> None:
        first = heard(mailbox, "maria@ejemplo.cl", name="María")
        second = heard(whatsapp, "56987654321", hours=240, email="maria@ejemplo.cl", name="Mary")

        assert second.strand.conversation == first.strand.conversation
        assert second.strand != first.strand
        assert second.strand.profile.contact == first.strand.profile.contact
        assert events(first.strand.conversation) == ["joined"]
        conversation = Conversation.objects.get()
        assert (conversation.channel, conversation.profile) == (whatsapp, second.strand.profile)

    def test_one_per_channel_where_the_account_keeps_it_so(self, scoped: Account, whatsapp: Channel, mailbox: Channel) -> None:
        Account.objects.filter(pk=scoped.pk).update(conversation_per_channel=True)
        first = heard(mailbox, "maria@ejemplo.cl")
        second = heard(whatsapp, "56987654321", hours=1, email="maria@ejemplo.cl")
        third = heard(mailbox, "maria@ejemplo.cl", hours=2)

        assert second.strand.conversation != first.strand.conversation
        assert second.strand.profile.contact == first.strand.profile.contact
        assert third.strand.conversation == first.strand.conversation

    def test_of_two_open_ones_the_one_active_last(
        self, scoped: Account, whatsapp: Channel, mailbox: Channel, supervisor: Membership
    ) -> None:
        older = heard(mailbox, "maria@ejemplo.cl")
        newer = heard(whatsapp, "56987654321", hours=1)
        merge(contacts=[older.strand.profile.contact, newer.strand.profile.contact], by=Actor.person(supervisor))

        again = heard(mailbox, "maria@ejemplo.cl", hours=2)

        assert again.strand.conversation == newer.strand.conversation
        assert Conversation.objects.count() == 2

    def test_the_one_it_answers_goes_before_the_one_active_last(
        self, scoped: Account, whatsapp: Channel, mailbox: Channel, supervisor: Membership
    ) -> None:
        older = heard(mailbox, "maria@ejemplo.cl")
        ours = say(older.strand.conversation, "le cuento", minutes=1, direction=Direction.OUT, author_kind="person", provider_id="<1@hilo>")
        newer = heard(whatsapp, "56987654321", hours=1)
        merge(contacts=[older.strand.profile.contact, newer.strand.profile.contact], by=Actor.person(supervisor))

        again = heard(mailbox, "maria@ejemplo.cl", hours=2, reply_to=("<unknown@x>", "<1@hilo>"), reply_is_claimed=True)

        assert again.strand.conversation == older.strand.conversation
        assert again.reply_to == ours

    @pytest.mark.parametrize(("silence", "reopens"), [(71, True), (73, False)])
    def test_a_resolved_one_opens_again_within_the_accounts_hours(
        self, scoped: Account, whatsapp: Channel, agent: Membership, silence: float, reopens: bool
    ) -> None:
        first = heard(whatsapp, "56987654321").strand.conversation
        resolved(first, agent, hours=1)

        second = heard(whatsapp, "56987654321", hours=1 + silence).strand.conversation

        assert (second == first) is reopens
        assert second.status == "open"
        assert events(first) == (["resolved", "reopened"] if reopens else ["resolved"])

    def test_one_resolved_on_another_channel_stays_resolved(
        self, scoped: Account, whatsapp: Channel, mailbox: Channel, agent: Membership
    ) -> None:
        first = heard(mailbox, "maria@ejemplo.cl").strand.conversation
        resolved(first, agent, hours=1)

        second = heard(whatsapp, "56987654321", hours=2, email="maria@ejemplo.cl").strand.conversation

        assert second != first
        assert second.profile.contact == first.profile.contact
        first.refresh_from_db()
        assert first.status == "resolved"


class TestStandardMode:
    @pytest.fixture
    def plaza(self, standard_account: Account) -> Any:
        with account_scope(standard_account):
            yield make_channel(standard_account, "whatsapp")

    @pytest.mark.parametrize(("hours", "same"), [(23, True), (25, False)])
    def test_silence_makes_another_contact(self, plaza: Channel, hours: float, same: bool) -> None:
        first, second = heard(plaza, "56987654321"), heard(plaza, "56987654321", hours=hours)

        assert (second.strand.profile.contact == first.strand.profile.contact) is same
        assert (second.strand.conversation == first.strand.conversation) is same

    def test_our_answer_counts_as_activity_and_a_reply_to_it_stays(self, plaza: Channel) -> None:
        first = heard(plaza, "56987654321")
        say(first.strand.conversation, "le cuento", direction=Direction.OUT, author_kind="person", provider_id="wamid.ours")

        stays = heard(plaza, "56987654321", hours=30, reply_to=("wamid.ours",))
        leaves = heard(plaza, "56987654321", hours=60, reply_to=(stays.provider_id,))

        assert stays.strand.profile == first.strand.profile
        assert leaves.strand.profile.contact != first.strand.profile.contact


class TestReferencesThatAnybodyCanWrite:
    def test_a_strangers_reference_counts_for_nothing(self, scoped: Account, mailbox: Channel) -> None:
        first = heard(mailbox, "maria@ejemplo.cl")
        say(first.strand.conversation, "le cuento", direction=Direction.OUT, author_kind="person", provider_id="<1@hilo>")

        stranger = heard(mailbox, "curioso@ejemplo.com", reply_to=("<1@hilo>",), reply_is_claimed=True)

        assert stranger.strand.conversation != first.strand.conversation
        assert stranger.strand.profile.contact != first.strand.profile.contact
        assert stranger.reply_to is None

    def test_the_same_id_with_other_content_is_another_message(self, scoped: Account, mailbox: Channel) -> None:
        heard(mailbox, "a@ejemplo.cl", provider_id="<1@x>", fingerprint="aaa")

        assert writes(mailbox, "a@ejemplo.cl", provider_id="<1@x>", fingerprint="aaa") is None
        assert heard(mailbox, "a@ejemplo.cl", provider_id="<1@x>", fingerprint="bbb").provider_id == "<1@x>#bbb"
        assert writes(mailbox, "a@ejemplo.cl", provider_id="<1@x>", fingerprint="bbb") is None


class TestEchoes:
    def test_our_own_send_coming_back_is_no_new_message(self, scoped: Account, whatsapp: Channel) -> None:
        conversation = heard(whatsapp, "56987654321").strand.conversation
        say(conversation, "le cuento", direction=Direction.OUT, author_kind="person", provider_id="wamid.ours")

        assert writes(whatsapp, "56987654321", "le cuento", provider_id="wamid.ours", is_echo=True) is None

    def test_what_was_written_in_the_providers_app_is_ours_and_answers(self, scoped: Account, whatsapp: Channel) -> None:
        heard(whatsapp, "56987654321")
        message = heard(whatsapp, "56987654321", "desde el teléfono", hours=1, is_echo=True)

        assert (message.direction, message.author_kind, message.status) == (Direction.OUT, "native", MessageStatus.SENT)
        conversation = message.strand.conversation
        assert (conversation.waiting_since, conversation.preview_is_ours, conversation.message_count) == (None, True, 2)

    def test_it_does_not_open_what_was_settled(self, scoped: Account, whatsapp: Channel, agent: Membership) -> None:
        conversation = heard(whatsapp, "56987654321").strand.conversation
        resolved(conversation, agent, hours=1)

        echo = heard(whatsapp, "56987654321", hours=2, is_echo=True)

        assert echo.strand.conversation == conversation
        assert echo.strand.conversation.status == "resolved"


def test_machine_mail_neither_waits_nor_reopens(scoped: Account, mailbox: Channel, agent: Membership) -> None:
    conversation = heard(mailbox, "maria@ejemplo.cl", subject="Pedido 991").strand.conversation
    resolved(conversation, agent, hours=1)

    heard(mailbox, "maria@ejemplo.cl", "Estoy de vacaciones", hours=2, is_automatic=True)

    conversation.refresh_from_db()
    assert (conversation.status, conversation.waiting_since, conversation.subject) == ("resolved", None, "Pedido 991")


class TestSharedAddress:
    """Example B: two relatives, one phone."""

    def test_joined_with_a_warning_then_separated_with_one_key(
        self, scoped: Account, whatsapp: Channel, web: Channel, agent: Membership, teammate: Membership
    ) -> None:
        pedro = heard(whatsapp, "56987654321", "Soy Pedro", name="Pedro Rojas")
        conversation = pedro.strand.conversation
        Conversation.objects.filter(pk=conversation.pk).update(assignee=agent)
        ana = heard(web, "7b0c2b7e", "Soy Ana", hours=1, name="Ana Rojas", phone="+56 9 8765 4321")

        assert ana.strand.conversation == conversation
        warning = Message.objects.get(kind="conflict")
        assert warning.payload["names"] == ["Pedro Rojas"]
        assert warning.payload["value"] == "+56987654321"

        phone = Identifier.objects.get(profile=ana.strand.profile, kind="phone")
        separate_and_mark_shared(profile=ana.strand.profile, identifier=phone, by=Actor.person(agent))

        ana.strand.refresh_from_db()
        split = ana.strand.conversation
        conversation.refresh_from_db()
        assert split != conversation
        assert (split.assignee, split.status, split.split_from, split.message_count) == (agent, "open", conversation, 1)
        assert (split.preview, split.channel, split.waiting_since) == ("Soy Ana", web, at(1))
        assert (conversation.preview, conversation.channel, conversation.message_count) == ("Soy Pedro", whatsapp, 1)
        assert split.profile.contact != conversation.profile.contact
        assert "separated" in events(split)
        assert "separated" in events(conversation)

    @pytest.fixture
    def shared(self, scoped: Account, whatsapp: Channel, web: Channel, agent: Membership) -> tuple[Message, Message]:
        pedro = heard(whatsapp, "56987654321", name="Pedro Rojas")
        ana = heard(web, "7b0c2b7e", hours=1, name="Ana Rojas", phone="+56 9 8765 4321")
        phone = Identifier.objects.get(profile=ana.strand.profile, kind="phone")
        separate_and_mark_shared(profile=ana.strand.profile, identifier=phone, by=Actor.person(agent))
        pedro.strand.refresh_from_db()
        ana.strand.refresh_from_db()
        return pedro, ana

    def test_a_reply_goes_to_the_person_it_answers(self, shared: tuple[Message, Message], whatsapp: Channel) -> None:
        _pedro, ana = shared
        profile = ana.strand.profile
        say(
            ana.strand.conversation,
            "Hola Ana",
            minutes=61,
            profile=profile,
            direction=Direction.OUT,
            channel_id=whatsapp.pk,
            provider_id="w.1",
        )

        reply = heard(whatsapp, "56987654321", hours=3, reply_to=("w.1",))

        assert reply.strand.profile.contact == profile.contact
        assert reply.strand.conversation == ana.strand.conversation

    def test_otherwise_to_the_latest_open_conversation_on_the_address(self, shared: tuple[Message, Message], whatsapp: Channel) -> None:
        _pedro, ana = shared
        message = heard(whatsapp, "56987654321", hours=3)

        assert message.strand.conversation == ana.strand.conversation
        assert message.strand.conversation.asks_who is False

    def test_otherwise_the_agent_is_asked_and_the_answer_holds_for_what_follows(
        self, shared: tuple[Message, Message], whatsapp: Channel, agent: Membership
    ) -> None:
        pedro, ana = shared
        for strand in (pedro.strand, ana.strand):
            resolved(strand.conversation, agent, hours=2)

        asking = heard(whatsapp, "56987654321", "¿Y mi pedido?", hours=3)

        conversation = asking.strand.conversation
        assert conversation not in (pedro.strand.conversation, ana.strand.conversation)
        assert conversation.asks_who is True
        assert events(conversation) == ["asked_who"]

        say_who(conversation=conversation, profile=ana.strand.profile, by=Actor.person(agent))
        after = heard(whatsapp, "56987654321", hours=4)

        assert after.strand.conversation == conversation
        assert after.strand.profile.contact == ana.strand.profile.contact
        conversation.refresh_from_db()
        assert (conversation.asks_who, conversation.profile.contact) == (False, ana.strand.profile.contact)
        assert {s.profile.contact_id for s in Strand.objects.filter(conversation=conversation).select_related("profile")} == {
            ana.strand.profile.contact_id
        }

    def test_somebody_new_becomes_a_contact_of_their_own(
        self, shared: tuple[Message, Message], whatsapp: Channel, agent: Membership
    ) -> None:
        pedro, ana = shared
        known = {pedro.strand.profile.contact_id, ana.strand.profile.contact_id}
        for strand in (pedro.strand, ana.strand):
            resolved(strand.conversation, agent, hours=2)
        asking = heard(whatsapp, "56987654321", "Soy la abuela", hours=3)
        before = asking.strand.profile_id

        say_somebody_new(conversation=asking.strand.conversation, by=Actor.person(agent))

        asking = Message.objects.select_related("strand__profile", "strand__conversation__profile").get(pk=asking.pk)
        grandmother = asking.strand.profile
        assert grandmother.contact_id not in known
        assert (grandmother.address, grandmother.is_current, grandmother.former_id) == ("56987654321", True, before)
        conversation = asking.strand.conversation
        assert (conversation.asks_who, conversation.profile) == (False, grandmother)
        assert events(conversation) == ["asked_who", "said_who"]
        assert NeverMerge.objects.filter(high=grandmother).exists()
        assert Message.objects.filter(strand__profile_id=before, direction=Direction.IN).exists(), "what was said before stays"
        # Her next message goes on in her conversation.
        assert heard(whatsapp, "56987654321", hours=4).strand.profile == grandmother

    def test_whoever_is_known_from_this_conversation_alone_is_new_already(
        self, scoped: Account, whatsapp: Channel, agent: Membership
    ) -> None:
        ValueMark.objects.create(kind="phone", key="+56987654321", mark="shared")
        asking = heard(whatsapp, "56987654321", "¿Hay alguien?")
        assert asking.strand.conversation.asks_who is True

        say_somebody_new(conversation=asking.strand.conversation, by=Actor.person(agent))

        assert Profile.objects.count() == 1
        conversation = Conversation.objects.get()
        assert (conversation.asks_who, conversation.profile) == (False, asking.strand.profile)
        assert not NeverMerge.objects.exists()


class TestFiles:
    def test_bytes_that_came_along_are_kept_and_others_wait(self, scoped: Account, mailbox: Channel) -> None:
        message = heard(
            mailbox,
            "maria@ejemplo.cl",
            files=(
                InboundFile(name="boleta.pdf", content_type="application/pdf", content=b"%PDF", content_id="c1"),
                InboundFile(name="foto.jpg", content_type="image/jpeg", remote={"media_id": "77"}),
            ),
        )

        kept, waiting = message.attachments.order_by("pk")
        with kept.file.open() as stored:
            assert (kept.state, kept.size, kept.name, kept.content_id, stored.read()) == ("stored", 4, "boleta.pdf", "c1", b"%PDF")
        assert kept.file.name.startswith(f"attachments/{scoped.pk}/")
        assert (waiting.state, waiting.remote, bool(waiting.file)) == ("waiting", {"media_id": "77"}, False)

    def test_a_refused_message_leaves_no_file(self, scoped: Account, mailbox: Channel, settings: Any, monkeypatch: Any) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("between storing and commit")

        monkeypatch.setattr("inbox.receiving.count_in", broken)
        with pytest.raises(RuntimeError), transaction.atomic():
            writes(mailbox, "maria@ejemplo.cl", files=(InboundFile(name="a.txt", content=b"x"),))

        import pathlib

        assert [path for path in pathlib.Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []
        assert (Attachment.objects.count(), Message.objects.count(), Contact.objects.count()) == (0, 0, 0)


def test_text_that_postgresql_refuses_is_cleaned(scoped: Account, whatsapp: Channel) -> None:
    message = heard(
        whatsapp, "56987654321", "hola\x00 \ud83d", name="Mar\x00ía", payload={"a\x00": ["\x00b"]}, raw={"text": "\x00", "half": "\udc00"}
    )

    assert (message.body, message.strand.profile.contact.name) == ("hola \ufffd", "María")
    assert (message.payload, message.raw) == ({"a": ["b"]}, {"text": "", "half": "\ufffd"})


def test_a_listener_that_breaks_keeps_the_message(scoped: Account, whatsapp: Channel, monkeypatch: Any) -> None:
    heard_by: list[str] = []

    def breaks(*, message: Message, **_more: Any) -> None:
        Contact.objects.all().update(name="x")
        raise RuntimeError

    def listens(*, message: Message, **_more: Any) -> None:
        heard_by.append(message.body)

    monkeypatch.setattr(announcements, "_listeners", [breaks, listens])
    message = heard(whatsapp, "56987654321", "hola", name="María")
    writes(whatsapp, "56987654321", "eco", is_echo=True)

    assert heard_by == ["hola"]
    assert message.strand.profile.contact.name == "María"


def test_accounts_never_share_people_or_conversations(account: Account, other_account: Account) -> None:
    seen = []
    for owner in (account, other_account, make_account("tercera", unification_enabled=True)):
        with account_scope(owner):
            seen.append(heard(make_channel(owner, "whatsapp"), "56987654321", provider_id="wamid.1").strand.profile.contact_id)
            assert (Conversation.objects.count(), Profile.objects.count()) == (1, 1)

    assert len(set(seen)) == 3
