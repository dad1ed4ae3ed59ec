"""The demo made for real, on a small scale: both businesses, every channel, through the doors of real messages."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Channel
from accounts.scope import account_scope
from config.demo import making
from config.demo.accounts import BUSINESSES, addresses, connect_channels, open_business, point_at_simulator
from contacts.models import Contact, DeduplicationRun
from inbox.models import Conversation, InboundEvent, Message, OutboundMessage


@pytest.mark.parametrize("business", BUSINESSES, ids=lambda business: business.slug)
def test_a_small_history_is_told_through_the_doors(db: None, business: object) -> None:
    assert business in BUSINESSES
    with transaction.atomic():
        account = open_business(business)  # type: ignore[arg-type]
        with account_scope(account):
            connect_channels(business, simulator_port=18001)  # type: ignore[arg-type]
    told: list[str] = []

    making.tell_history(slug=account.slug, scale=0.04, tell=told.append)

    with account_scope(account):
        assert set(Channel.objects.values_list("kind", flat=True)) == {"whatsapp", "instagram", "email", "webchat"}
        assert InboundEvent.objects.exists()
        assert not InboundEvent.objects.exclude(state="processed").exists()
        assert {"open", "resolved"} == set(Conversation.objects.values_list("status", flat=True))
        assert Message.objects.filter(direction="out").exists()
        assert Contact.objects.filter(is_anonymous=False, is_empty=False).count() >= 10
        # A provider's clock and a mail's date are both believed: what is history stands in the past.
        for kind in ("whatsapp", "email"):
            first = Message.objects.filter(direction="in", channel__kind=kind).earliest("occurred_at")
            assert first.occurred_at < timezone.now() - timedelta(days=30), kind
        # Nothing of the past waits to leave today.
        assert not OutboundMessage.objects.exists()
        search = DeduplicationRun.objects.get()
        assert (search.state, search.kind) == ("done", "whole")
        assert search.figures["profiles"] >= 10
    assert told[-1].startswith(business.name)  # type: ignore[attr-defined]


def test_channels_follow_the_simulator_to_another_port(db: None) -> None:
    business = BUSINESSES[0]
    account = open_business(business)
    with account_scope(account):
        connect_channels(business, simulator_port=18001)

        point_at_simulator(simulator_port=19001)

        for channel in Channel.objects.all():
            assert addresses(channel.kind, simulator_port=19001).items() <= channel.settings.items()
