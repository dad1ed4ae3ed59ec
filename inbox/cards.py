"""What the inbox adds to a person's panel."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from contacts.cards import PersonCard, register
from contacts.models import Contact
from inbox.queries import conversations_of_contact

SHOWN = 8


def earlier_conversations(*, contact: Contact, membership: Membership) -> dict[str, Any] | None:
    """The person's conversations, the latest first. One query."""
    found = conversations_of_contact(contact.pk, limit=SHOWN)
    return {"conversations": found} if found else None


def register_cards() -> None:
    register(
        PersonCard(
            name="conversations",
            title=_("Conversations"),
            template="inbox/_card_conversations.html",
            load=earlier_conversations,
            order=10,
        )
    )
