"""A datum that is left in a form or given to the bot is told in the thread, with the warning where names differ."""

from accounts.models import Account
from contacts.claims import Claim, ClaimedIdentifier
from inbox.learning import learn_in_thread
from inbox.models import Conversation, Direction, Message
from tests.conftest import make_channel
from tests.inbox.test_receiving import at, events, heard


def test_whom_it_joins_and_who_else_uses_it_is_told_where_they_write(scoped: Account) -> None:
    pedro = heard(make_channel(scoped, "whatsapp"), "56987654321", name="Pedro Rojas")
    ana = heard(make_channel(scoped, "webchat"), "v1", hours=1)
    claim = Claim((ClaimedIdentifier("phone", "+56 9 8765 4321"),), {"name": "Ana Rojas"})

    recognition = learn_in_thread(profile=ana.strand.profile, claim=claim, occurred_at=at(2), cause="form")

    assert recognition.contact == pedro.strand.profile.contact
    assert events(ana.strand.conversation) == ["joined", "conflict"]
    assert events(pedro.strand.conversation) == []
    assert Message.objects.get(kind="conflict").payload == {"names": ["Pedro Rojas"], "value": "+56987654321"}
    assert Conversation.objects.count() == 2
    assert heard(ana.channel, "v1", hours=3).strand.conversation == ana.strand.conversation


def test_somebody_without_a_thread_is_learnt_about_all_the_same(scoped: Account) -> None:
    message = heard(make_channel(scoped, "webchat"), "v1")
    profile = message.strand.profile
    message.delete()
    message.strand.delete()

    recognition = learn_in_thread(
        profile=profile, claim=Claim((ClaimedIdentifier("email", "ana@ejemplo.cl"),), {}), occurred_at=at(1), cause="form"
    )

    assert recognition.profile == profile
    assert not Message.objects.filter(direction=Direction.EVENT).exists()
