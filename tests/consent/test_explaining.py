"""What the composer says about an address: green, amber or grey, why, from when, and what instead."""

from typing import Any

import pytest
from django.utils import translation

from accounts.actors import Actor
from accounts.models import Account, Membership
from consent.explaining import explain, in_words
from consent.vocabulary import Action, Reason
from contacts.models import Profile
from inbox.models import OutboundMessage
from inbox.sending import send_message
from inbox.views.composer import composer_context
from tests.conftest import make_channel
from tests.consent.people import MAIL, PHONE, TUESDAY, agree, ask, make_person, say
from tests.inbox.people import make_conversation, make_profile

pytestmark = pytest.mark.usefixtures("scoped")


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE))


@pytest.mark.parametrize(
    ("asked", "state", "alternative"),
    [
        ({}, "green", ""),
        ({"template": ""}, "amber", "template"),
        ({"at": TUESDAY.replace(hour=6)}, "amber", "later"),
        ({"channel": "sms", "category": "promotional", "purpose": "utility"}, "grey", "other_address"),
    ],
)
def test_every_verdict_has_its_colour_and_its_way_out(ana: Profile, asked: dict[str, Any], state: str, alternative: str) -> None:
    agree(ana)
    found = explain(ask(ana, **asked))
    assert (found.state, found.alternative) == (state, alternative)
    assert (found.allowed_from is not None) == (alternative == "later")
    assert found.lines


def test_it_says_every_reason_the_deciding_one_first_in_both_languages(ana: Profile) -> None:
    say(ana, Action.WITHDRAW)
    ruling = ask(ana, at=TUESDAY.replace(hour=6))
    with translation.override("es"):
        spanish = explain(ruling).lines
    with translation.override("en"):
        english = explain(ruling).lines
    assert english == ["They do not want this kind of message", "They have not agreed to this", "It is not a time to write"]
    assert len(spanish) == 3
    assert not set(spanish) & set(english)


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_reason_has_words(language: str) -> None:
    with translation.override(language):
        assert all(in_words(reason) for reason in Reason)


def test_what_may_leave_later_is_taken_and_says_when(scoped: Account, agent: Membership) -> None:
    """Nobody wrote in this conversation, and it is Sunday."""
    channel = make_channel(scoped, "email", settings={"address": "hola@andes.cl"})
    conversation = make_conversation(make_profile(channel, MAIL))
    (choice,) = composer_context(conversation)["choices"]
    assert (choice.state, choice.is_usable) == ("defer", True)
    assert "sale el" in choice.why

    message = send_message(
        conversation=conversation, channel=channel, identifier=choice.option.identifier, body="Hola", by=Actor.person(agent)
    )

    outbound = OutboundMessage.objects.get(message=message)
    assert (message.status, message.problem["code"]) == ("queued", "quiet_hours")
    assert outbound.next_attempt_at == TUESDAY.replace(day=23, hour=14)
