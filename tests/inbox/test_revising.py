"""Reactions, edits, withdrawals, reading, preferences and new addresses: in any order, by nobody else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from accounts.models import Account, Channel
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import Identifier, Profile
from inbox import revising
from inbox.adapters import AddressChange, MessageEdit, MessageReaction, MessageWithdrawal, PreferenceChange, ReadUpTo
from inbox.filing import Filing
from inbox.models import Conversation, Direction, Message
from inbox.queries import conversation_list
from inbox.thread_events import event_text
from tests.conftest import make_channel
from tests.inbox.people import NOON, make_conversation, make_profile, say
from tests.inbox.test_receiving import heard

MARIA = Address("whatsapp", "56987654321")
STRANGER = Address("whatsapp", "56900000000")


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp")


@pytest.fixture
def message(whatsapp: Channel) -> Message:
    return heard(whatsapp, MARIA.value, "hola", provider_id="wamid.1", name="María")


def react(channel: Channel, emoji: str, *, minutes: int = 1, sender: Address = MARIA) -> None:
    revising.react(channel=channel, reaction=MessageReaction("wamid.1", sender, emoji, NOON + timedelta(minutes=minutes)))


def edit(channel: Channel, body: str, *, minutes: int = 1, sender: Address = MARIA) -> None:
    revising.edit(channel=channel, change=MessageEdit("wamid.1", sender, body, NOON + timedelta(minutes=minutes)))


def withdraw(channel: Channel, *, sender: Address = MARIA) -> None:
    revising.withdraw(channel=channel, withdrawal=MessageWithdrawal("wamid.1", sender, NOON + timedelta(minutes=1)))


class TestReactions:
    def test_the_latest_counts_and_an_empty_one_takes_it_back(self, message: Message, whatsapp: Channel) -> None:
        react(whatsapp, "❤️", minutes=2)
        react(whatsapp, "👍", minutes=1)
        message.refresh_from_db()
        assert message.reactions == {"contact": "❤️"}

        react(whatsapp, "", minutes=3)
        message.refresh_from_db()
        assert message.reactions == {}

    def test_on_ours_too(self, message: Message, whatsapp: Channel) -> None:
        ours = say(message.strand.conversation, "le cuento", direction=Direction.OUT, author_kind="person", provider_id="wamid.ours")
        revising.react(channel=whatsapp, reaction=MessageReaction("wamid.ours", MARIA, "👍", NOON))

        ours.refresh_from_db()
        assert ours.reactions == {"contact": "👍"}


class TestEdits:
    def test_the_latest_text_shows_and_the_former_is_kept(self, message: Message, whatsapp: Channel, agent: Any) -> None:
        edit(whatsapp, "hola, soy María", minutes=2)
        edit(whatsapp, "hola, soy Mar", minutes=1)

        message.refresh_from_db()
        assert (message.body, message.edited_at) == ("hola, soy María", NOON + timedelta(minutes=2))
        assert [former["body"] for former in message.payload["former"]] == ["hola"]
        assert Conversation.objects.get().preview == "hola, soy María"
        assert len(conversation_list(membership=agent, search="soy maria").rows) == 1


class TestWithdrawals:
    def test_what_it_said_is_forgotten_with_its_files(self, message: Message, whatsapp: Channel, settings: Any, agent: Any) -> None:
        with Filing() as filing:
            filing.store_ours(message, [ContentFile(b"x", "a.txt")])
        Message.objects.update(raw={"text": "hola"})

        withdraw(whatsapp)
        edit(whatsapp, "otra cosa", minutes=5)

        message.refresh_from_db()
        assert (message.body, message.raw, message.withdrawn_at) == ("", None, NOON + timedelta(minutes=1))
        assert not message.attachments.exists()
        assert Conversation.objects.get().preview == ""
        assert conversation_list(membership=agent, search="hola").rows == []

    def test_its_files_leave_the_disk_with_the_commit(
        self, message: Message, whatsapp: Channel, settings: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with Filing() as filing:
            filing.store_ours(message, [ContentFile(b"x", "a.txt")])

        with django_capture_on_commit_callbacks(execute=True):
            withdraw(whatsapp)

        assert [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []


def test_nobody_else_may(message: Message, whatsapp: Channel) -> None:
    react(whatsapp, "👎", sender=STRANGER)
    edit(whatsapp, "otra cosa", sender=STRANGER)
    withdraw(whatsapp, sender=STRANGER)

    message.refresh_from_db()
    assert (message.body, message.reactions, message.edited_at, message.withdrawn_at) == ("hola", {}, None, None)


def test_a_message_that_is_not_there_yet_is_waited_for(whatsapp: Channel) -> None:
    for do in (lambda: react(whatsapp, "👍"), lambda: edit(whatsapp, "x"), lambda: withdraw(whatsapp)):
        with pytest.raises(revising.NotYetKnown):
            do()


def test_reading_takes_ours_up_to_then(message: Message, whatsapp: Channel) -> None:
    conversation = message.strand.conversation
    other = make_conversation(make_profile(whatsapp, STRANGER.value))

    def ours(of: Conversation, minutes: int, status: str) -> Message:
        return say(of, "x", minutes=minutes, direction=Direction.OUT, author_kind="person", status=status)

    sent, delivered, failed, later, elses = (
        ours(conversation, 1, "sent"),
        ours(conversation, 2, "delivered"),
        ours(conversation, 3, "failed"),
        ours(conversation, 9, "sent"),
        ours(other, 1, "sent"),
    )

    revising.read_up_to(channel=whatsapp, mark=ReadUpTo(MARIA, NOON + timedelta(minutes=5)))

    found = dict(Message.objects.values_list("pk", "status"))
    assert [found[m.pk] for m in (sent, delivered, failed, later, elses)] == ["read", "read", "failed", "sent", "sent"]


def test_a_platforms_opt_out_is_told_in_the_thread_once(message: Message, whatsapp: Channel) -> None:
    stop = PreferenceChange(MARIA, "marketing_messages", False, NOON + timedelta(minutes=1))
    revising.change_preference(channel=whatsapp, change=stop)
    revising.change_preference(channel=whatsapp, change=stop)
    revising.change_preference(channel=whatsapp, change=PreferenceChange(STRANGER, "marketing_messages", False, NOON))

    event = Message.objects.get(direction=Direction.EVENT)
    assert (event.kind, event.payload) == ("preference", {"category": "marketing_messages", "wants": False})
    assert event.strand == message.strand
    assert event_text(event)
    assert Profile.objects.count() == 1


class TestAddressChange:
    def change(self, channel: Channel) -> None:
        successor = Address("whatsapp", "56911111111")
        claim = Claim((ClaimedIdentifier("whatsapp", successor.value, "attested"),), {})
        revising.change_address(channel=channel, change=AddressChange(MARIA, successor, claim, NOON + timedelta(hours=1)))

    @pytest.mark.parametrize("unified", [True, False])
    def test_the_person_goes_on_under_the_new_number(self, message: Message, whatsapp: Channel, scoped: Account, unified: bool) -> None:
        Account.objects.filter(pk=scoped.pk).update(unification_enabled=unified)
        self.change(whatsapp)
        self.change(whatsapp)

        after = heard(whatsapp, "56911111111", hours=2)

        assert after.strand.profile.contact == message.strand.profile.contact
        assert after.strand.conversation == message.strand.conversation
        event = Message.objects.get(direction=Direction.EVENT, kind="address_changed")
        assert event.payload == {"former": "56987654321", "value": "56911111111"}

    def test_whoever_writes_from_the_old_number_later_is_somebody_else(self, message: Message, whatsapp: Channel) -> None:
        self.change(whatsapp)

        recycled = heard(whatsapp, MARIA.value, hours=500, name="Otro")

        assert recycled.strand.profile.contact != message.strand.profile.contact
        assert recycled.strand.conversation != message.strand.conversation
        assert Identifier.objects.filter(profile=message.strand.profile, valid_to=None).count() == 0
