"""What subscribers can hear about. A type keeps its version until its payload changes in a way that a receiver has to know of."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class EventType:
    name: str
    label: Any
    group: Any
    version: int = 1


_CONTACTS, _CONVERSATIONS, _MESSAGES = _("Contacts"), _("Conversations"), _("Messages")
_CONSENT, _SUGGESTIONS = _("Consent"), _("Merge suggestions")

EVENT_TYPES: dict[str, EventType] = {
    each.name: each
    for each in (
        EventType("contact.created", _("A new contact"), _CONTACTS),
        EventType("contact.updated", _("A contact changed"), _CONTACTS),
        EventType("contact.merged", _("Contacts were joined"), _CONTACTS),
        EventType("contact.unmerged", _("Contacts were separated"), _CONTACTS),
        EventType("contact.erased", _("A person was erased"), _CONTACTS),
        EventType("conversation.created", _("A new conversation"), _CONVERSATIONS),
        EventType("conversation.assigned", _("A conversation has another assignee"), _CONVERSATIONS),
        EventType("conversation.resolved", _("A conversation was resolved"), _CONVERSATIONS),
        EventType("conversation.reopened", _("A conversation was reopened"), _CONVERSATIONS),
        EventType("message.received", _("A message came in"), _MESSAGES),
        EventType("message.sent", _("A message left"), _MESSAGES),
        EventType("message.delivered", _("A message was delivered"), _MESSAGES),
        EventType("message.read", _("A message was read"), _MESSAGES),
        EventType("message.failed", _("A message failed"), _MESSAGES),
        EventType("consent.changed", _("Somebody said something about being written to"), _CONSENT),
        EventType("suggestion.created", _("Two contacts may be one person"), _SUGGESTIONS),
        EventType("suggestion.accepted", _("A suggestion was accepted"), _SUGGESTIONS),
        EventType("suggestion.rejected", _("A suggestion was rejected"), _SUGGESTIONS),
    )
}
# Sent by the test button alone; nobody subscribes to it.
TEST = EventType("webhook.test", _("Test"), "")


def version_of(name: str) -> int:
    return TEST.version if name == TEST.name else EVENT_TYPES[name].version


def label_of(name: str) -> str:
    """In words; a type that exists no more is called by its name."""
    if name == TEST.name:
        return str(TEST.label)
    return str(EVENT_TYPES[name].label) if name in EVENT_TYPES else name
