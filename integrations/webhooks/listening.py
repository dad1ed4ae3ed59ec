"""From what the rooms announce to events for subscribers."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.postgres.functions import TransactionNow

from consent.announcements import on_consent_changed
from consent.models import ConsentEvent, ContactPoint
from contacts.announcements import SuggestionChange, contacts_changed, on_people_moved, on_suggestion_changed
from contacts.models import Contact, MergeEvent, MergeSuggestion, Profile
from inbox.announcements import ConversationChange, MessageChange, on_conversation_changed, on_message_changed
from inbox.models import Conversation, Message
from integrations.webhooks.recording import subscribers, tell, told_just_now

CREATED, UPDATED, ERASED = "contact.created", "contact.updated", "contact.erased"
# What these announce as a change of contacts is told as a merge, or as a suggestion.
TOLD_OTHERWISE = (MergeEvent, MergeSuggestion)


def register_listeners() -> None:
    contacts_changed.connect(tell_of_contacts, dispatch_uid="integrations.webhooks")
    on_people_moved(tell_of_move)
    on_suggestion_changed(tell_of_suggestions)
    on_conversation_changed(tell_of_conversation)
    on_message_changed(tell_of_message)
    on_consent_changed(tell_of_consent)


def key_of_contact(contact_id: int) -> str:
    return f"contact:{contact_id}"


def home_profiles(contact_ids: list[int]) -> dict[int, int]:
    """Contact → the profile that was born with it."""
    return dict(Profile.scoped().filter(home__in=contact_ids).values_list("home_id", "pk"))


def tell_of_contacts(sender: Any, *, contact_ids: list[int], **_kwargs: Any) -> None:
    """Receiver of ``contacts_changed``. However often a transaction changes a contact, it is told once."""
    if sender in TOLD_OTHERWISE:
        return
    wanting = subscribers([CREATED, UPDATED])
    if not wanting:
        return
    shown = Contact.scoped().filter(pk__in=contact_ids, is_empty=False, is_erased=False)
    ids = sorted(shown.values_list("pk", flat=True))
    told = told_just_now([CREATED, UPDATED], [key_of_contact(pk) for pk in ids])
    born = set(Profile.scoped().filter(home__in=ids, created_at=TransactionNow()).values_list("home_id", flat=True))
    homes = home_profiles(ids)
    for pk in ids:
        if (key := key_of_contact(pk)) not in told:
            tell(CREATED if pk in born else UPDATED, order_key=key, profile_id=homes.get(pk), subject_id=pk, to=wanting)


def tell_of_removal(born: Mapping[int, int]) -> None:
    """These contacts, each with the profile that was born with it, are as if they had never been: whoever heard of them forgets them."""
    wanting = subscribers([ERASED]) if born else []
    for contact_id, profile_id in born.items() if wanting else ():
        detail: dict[str, Any] = {"contact": {"id": contact_id}, "aliases": [], "profiles": [profile_id], "is_whole": True}
        tell(ERASED, order_key=key_of_contact(contact_id), profile_id=None, subject_id=contact_id, to=wanting, **detail)


def tell_of_move(*, event: MergeEvent) -> None:
    moves = list(event.moves.all())
    stays = event.contact_id
    if event.kind == MergeEvent.Kind.MERGE:
        type, others = "contact.merged", {"emptied": sorted({move.from_contact_id for move in moves} - {stays})}
    else:
        type, others = "contact.unmerged", {"parted": sorted({move.to_contact_id for move in moves} - {stays})}
    home = home_profiles([stays]).get(stays)
    detail: dict[str, Any] = {**others, "cause": event.cause, "merge_event": event.pk}
    tell(type, order_key=key_of_contact(stays), profile_id=home, subject_id=stays, **detail)


def tell_of_suggestions(*, suggestions: Sequence[MergeSuggestion], change: SuggestionChange) -> None:
    type = f"suggestion.{change}"
    wanting = subscribers([type])
    for each in suggestions if wanting else ():
        tell(type, order_key=f"suggestion:{each.pk}", profile_id=each.low_id, subject_id=each.pk, to=wanting)


def tell_of_conversation(*, conversation: Conversation, change: ConversationChange) -> None:
    key = f"conversation:{conversation.pk}"
    tell(f"conversation.{change}", order_key=key, profile_id=conversation.profile_id, subject_id=conversation.pk)


def tell_of_message(*, message: Message, change: MessageChange) -> None:
    key = f"conversation:{message.strand.conversation_id}"
    tell(f"message.{change}", order_key=key, profile_id=message.strand.profile_id, subject_id=message.pk)


def tell_of_consent(*, point: ContactPoint, event: ConsentEvent) -> None:
    """Whoever it is about may be unknown: then the address has an order of its own."""
    profile = Profile.scoped().filter(pk=event.profile_id or 0).first()
    key = key_of_contact(profile.contact_id) if profile else f"point:{point.pk}"
    tell("consent.changed", order_key=key, profile_id=profile.pk if profile else None, subject_id=event.pk)
