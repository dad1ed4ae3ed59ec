"""A small cast for the inbox's tests: people with addresses, and conversations with them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Channel
from contacts.models import Contact, Identifier, Profile
from inbox.counters import count_in
from inbox.models import Conversation, Direction, Message, Strand

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)

ADDRESS_KINDS = {"whatsapp": "whatsapp", "instagram": "instagram", "email": "email", "webchat": "visitor"}


def make_profile(channel: Channel, address: str, *, name: str = "", contact: Contact | None = None, at: datetime = NOON) -> Profile:
    """A profile of one channel address, with its identifier, in a contact of its own unless one is given."""
    home = None
    if contact is None:
        contact = home = Contact.objects.create(born_at=at, last_seen_at=at, name=name, is_anonymous=False, search_text=name.lower())
    profile = Profile.objects.create(
        contact=contact, home=home, channel=channel, address=address, first_seen_at=at, last_seen_at=at, given={"name": name}
    )
    Identifier.objects.create(
        profile=profile, kind=ADDRESS_KINDS[channel.kind], raw=address, value=address, key=address, valid_from=at, last_seen_at=at
    )
    return profile


def make_conversation(profile: Profile, **fields: Any) -> Conversation:
    conversation = Conversation.objects.create(
        profile=profile, channel_id=fields.pop("channel_id", profile.channel_id), last_message_at=fields.pop("at", NOON), **fields
    )
    Strand.objects.create(conversation=conversation, profile=profile)
    return conversation


def say(conversation: Conversation, body: str, *, minutes: int = 0, profile: Profile | None = None, **fields: Any) -> Message:
    """Add a message (inbound unless told) and count it in, as receiving and sending do."""
    profile = profile or conversation.profile
    strand = Strand.objects.get_or_create(conversation=conversation, profile=profile)[0]
    message = Message.objects.create(
        strand=strand,
        direction=fields.pop("direction", Direction.IN),
        body=body,
        channel_id=fields.pop("channel_id", profile.channel_id),
        identifier=profile.identifiers.first(),
        provider_id=fields.pop("provider_id", f"m-{next(_numbers)}"),
        occurred_at=NOON + timedelta(minutes=minutes),
        **fields,
    )
    count_in(conversation, message)
    return message
