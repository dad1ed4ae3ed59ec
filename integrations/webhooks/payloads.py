"""What is said of an event, read when it is sent: the serializers of the API, as things are by then.

``None`` where there is nothing to tell any more: the person was erased, the contact joined another, the message is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.models import Account
from consent.api import EventSerializer as ConsentEventSerializer
from consent.models import ConsentEvent
from contacts.api import ContactSerializer, ContactsMixin
from contacts.api_suggestions import SuggestionSerializer
from contacts.marking import marks_of, shared_key
from contacts.models import Contact, MergeSuggestion, Profile
from contacts.suggestion_queries import find
from inbox.api import ContactBriefSerializer, ConversationSerializer, MessageSerializer
from inbox.models import Conversation, Message
from integrations.models import WebhookEvent
from integrations.webhooks.event_types import TEST


@dataclass(frozen=True)
class Built:
    """``profiles``: whose data it shows. ``contact``: whom it is about, for destinations that file by person."""

    data: dict[str, Any]
    profiles: tuple[int, ...] = ()
    contact: Contact | None = None


class ContactPayload(serializers.Serializer):
    contact = ContactSerializer()


class MergedPayload(ContactPayload):
    emptied = serializers.ListField(child=serializers.IntegerField(), help_text="Contacts that lead to this one from now on.")
    cause = serializers.CharField(help_text="manual, unified, deduplication, crm, undo, switch …")


class UnmergedPayload(ContactPayload):
    """``contact`` is the one that was left."""

    parted = serializers.ListField(child=serializers.IntegerField(), help_text="Contacts that are people of their own from now on.")
    cause = serializers.CharField()


class ContactIdSerializer(serializers.Serializer):
    id = serializers.IntegerField()


class ErasedPayload(serializers.Serializer):
    """Destroy what you have of these: no name and no address is said any more."""

    contact = ContactIdSerializer()
    aliases = serializers.ListField(child=serializers.IntegerField(), help_text="Other ids under which the person was known.")
    profiles = serializers.ListField(child=serializers.IntegerField())
    is_whole = serializers.BooleanField(help_text="False: other profiles of the contact stay.")


class ConversationPayload(serializers.Serializer):
    conversation = ConversationSerializer()


class MessagePayload(serializers.Serializer):
    message = MessageSerializer()
    contact = ContactBriefSerializer()


class ConsentPayload(serializers.Serializer):
    event = ConsentEventSerializer()
    contact = ContactBriefSerializer(allow_null=True)


class SuggestionPayload(serializers.Serializer):
    suggestion = SuggestionSerializer()


class _Addresses:
    """Stands where the API has the request: addresses in a payload are whole."""

    # Links to files repeat what the request's query asks of the format: here nothing.
    GET: ClassVar[dict[str, str]] = {}

    def build_absolute_uri(self, location: str) -> str:
        return settings.PUBLIC_URL.rstrip("/") + location


def build(event: WebhookEvent) -> Built | None:
    """The event's data now, in the account's language. A constant number of queries."""
    with translation.override(Account.objects.only("language").get(pk=event.account_id).language):
        return _BUILDERS[event.type.partition(".")[0]](event) if event.type != TEST.name else _test()


def _test() -> Built:
    return Built({"message": _("If you can read this and the signature is right, it works.")})


def _profiles_of(contact_id: int) -> tuple[int, ...]:
    return tuple(Profile.scoped().filter(contact=contact_id, erased_at=None).order_by("pk").values_list("pk", flat=True))


def _contact(event: WebhookEvent) -> Built | None:
    if event.type == "contact.erased":
        return Built(event.detail)
    found = list(ContactsMixin().shown(Contact.scoped().filter(pk=event.subject_id, is_empty=False, is_erased=False)))
    if not found:
        return None
    contact: Contact = found[0]
    rows = [row for profile in contact.profiles.all() for row in profile.identifiers.all()]
    said = {"contact": contact, **{name: event.detail[name] for name in ("emptied", "parted", "cause") if name in event.detail}}
    shape = PAYLOADS[event.type]
    data = shape(said, context={"marks": marks_of({shared_key(row) for row in rows}), "quality": {}}).data
    return Built(dict(data), tuple(sorted(profile.pk for profile in contact.profiles.all() if profile.erased_at is None)), contact)


def _conversation(event: WebhookEvent) -> Built | None:
    rows = Conversation.scoped().select_related("profile__contact", "channel", "assignee__user")
    found = rows.filter(pk=event.subject_id).first()
    if found is None:
        return None
    contact = found.profile.contact
    return Built(dict(ConversationPayload({"conversation": found}).data), _profiles_of(contact.pk), contact)


def _message(event: WebhookEvent) -> Built | None:
    rows = Message.scoped().select_related("strand__profile__contact", "channel", "identifier", "author__user")
    found = rows.prefetch_related("attachments").filter(pk=event.subject_id).first()
    if found is None:
        return None
    contact = found.strand.profile.contact
    data = MessagePayload({"message": found, "contact": contact}, context={"request": _Addresses()}).data
    return Built(dict(data), _profiles_of(contact.pk), contact)


def _consent(event: WebhookEvent) -> Built | None:
    found = ConsentEvent.scoped().select_related("point").filter(pk=event.subject_id).first()
    profile = Profile.scoped().select_related("contact").filter(pk=event.profile_id or 0).first()
    if found is None or (profile is not None and profile.erased_at is not None):
        return None
    contact = profile.contact if profile else None
    data = ConsentPayload({"event": found, "contact": contact}).data
    return Built(dict(data), _profiles_of(contact.pk) if contact else (), contact)


def _suggestion(event: WebhookEvent) -> Built | None:
    try:
        found = find(event.subject_id)
    except MergeSuggestion.DoesNotExist:
        return None
    profiles = (*_profiles_of(found.low.contact_id), *_profiles_of(found.high.contact_id))
    return Built(dict(SuggestionPayload({"suggestion": found}).data), tuple(sorted(set(profiles))))


PAYLOADS: dict[str, type[serializers.Serializer]] = {
    "contact.created": ContactPayload,
    "contact.updated": ContactPayload,
    "contact.merged": MergedPayload,
    "contact.unmerged": UnmergedPayload,
    "contact.erased": ErasedPayload,
    "conversation.created": ConversationPayload,
    "conversation.assigned": ConversationPayload,
    "conversation.resolved": ConversationPayload,
    "conversation.reopened": ConversationPayload,
    "message.received": MessagePayload,
    "message.sent": MessagePayload,
    "message.delivered": MessagePayload,
    "message.read": MessagePayload,
    "message.failed": MessagePayload,
    "consent.changed": ConsentPayload,
    "suggestion.created": SuggestionPayload,
    "suggestion.accepted": SuggestionPayload,
    "suggestion.rejected": SuggestionPayload,
}
_BUILDERS: dict[str, Callable[[WebhookEvent], Built | None]] = {
    "contact": _contact,
    "conversation": _conversation,
    "message": _message,
    "consent": _consent,
    "suggestion": _suggestion,
}
