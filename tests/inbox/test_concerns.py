"""What the inbox wants to be known before two contacts are merged."""

import pytest

from accounts.models import Account
from contacts.concerns import concerns_between
from contacts.models import Contact
from inbox.models import Conversation, ConversationStatus
from tests.conftest import make_channel
from tests.contacts.stories import writes


@pytest.mark.parametrize(("open_ones", "named"), [(0, 0), (1, 0), (2, 1)])
def test_two_open_conversations_are_named_and_one_is_not(scoped: Account, open_ones: int, named: int) -> None:
    mail = make_channel(scoped, "email", "Correo")
    people = [writes(mail, f"persona{number}@ejemplo.cl", number) for number in range(2)]
    for number, found in enumerate(people):
        status = ConversationStatus.OPEN if number < open_ones else ConversationStatus.RESOLVED
        Conversation.objects.create(profile=found.profile, channel=mail, status=status, last_message_at=found.profile.last_seen_at)
    ours, theirs = (Contact.scoped().get(pk=found.contact.pk) for found in people)

    concerns = concerns_between(ours, theirs)

    assert [concern.name for concern in concerns] == ["open_conversations"] * named
