"""The question on a shared address, "who is writing?": whom it offers, and its answer."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.models import Profile
from contacts.splitting import start_new_person
from inbox.conversations import current_strand, hold_conversation
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.models import Conversation, Message, Strand
from inbox.thread_events import EventKind, tell_thread


def who_may_write(conversation: Conversation) -> list[Profile]:
    """Whom the question on a shared address offers: one profile for each person who uses it. No query where nothing is asked."""
    if not conversation.asks_who:
        return []
    sharing = Profile.scoped().filter(identifiers__key__in=conversation.profile.identifiers.values("key")).select_related("contact")
    people: dict[int, Profile] = {}
    for profile in sharing.order_by("-is_current", "-last_seen_at", "-pk"):
        people.setdefault(profile.contact_id, profile)
    return sorted(people.values(), key=lambda profile: str(profile.contact))


@transaction.atomic
def say_who(*, conversation: Conversation, profile: Profile, by: Actor) -> Conversation:
    """Answer the question of a shared address: the conversation is this profile's person's, and so is what follows in it.

    The strand that asked moves to ``profile``; no message does, unless the person already has a strand here. Raises
    ``ValidationError`` when others took part in the conversation.
    """
    locked = hold_conversation(conversation.pk, profile.pk)
    chosen = Profile.scoped().select_related("contact").get(pk=profile.pk)
    require(by, Ability.WORK_CONVERSATIONS)
    asked = current_strand(locked)
    _require_alone(Strand.scoped().filter(conversation=locked).exclude(pk=asked.pk).exclude(profile__contact=chosen.contact_id))
    if asked.profile_id != chosen.pk:
        asked = _move_strand(asked, chosen)
    return _answer_who(locked, asked, by, name=str(chosen.contact))


@transaction.atomic
def say_somebody_new(*, conversation: Conversation, by: Actor) -> Conversation:
    """Answer the question of a shared address: it is nobody who is known there. They become a contact of their own.

    Whoever is only known from this conversation is new already. Raises as ``say_who``.
    """
    locked = hold_conversation(conversation.pk)
    require(by, Ability.WORK_CONVERSATIONS)
    asked = current_strand(locked)
    _require_alone(Strand.scoped().filter(conversation=locked).exclude(pk=asked.pk))
    profile = Profile.scoped().get(pk=asked.profile_id)
    elsewhere = Strand.scoped().filter(profile__contact=profile.contact_id).exclude(pk=asked.pk)
    others = Profile.scoped().filter(contact=profile.contact_id, corrects=None).exclude(pk=profile.pk)
    if elsewhere.exists() or others.exists():
        asked = _move_strand(asked, start_new_person(profile=profile, by=by))
    return _answer_who(locked, asked, by, new=True)


def _require_alone(others: QuerySet[Strand]) -> None:
    if others.exists():
        raise ValidationError(_("Others took part in this conversation: separate it first."))


def _answer_who(locked: Conversation, asked: Strand, by: Actor, **told: Any) -> Conversation:
    locked.asks_who, locked.profile_id = False, asked.profile_id
    locked.save(update_fields=["asks_who", "profile"])
    recount(locked)
    record(actor=by, action="conversation.say_who", target=locked, profile=asked.profile_id)
    tell_thread(strand=asked, kind=EventKind.SAID_WHO, by=by, profile=asked.profile_id, **told)
    tell_account(locked.account_id, "conversation", conversation=locked.pk)
    return locked


def _move_strand(strand: Strand, profile: Profile) -> Strand:
    there = Strand.scoped().filter(conversation=strand.conversation_id, profile=profile).first()
    if there is None:
        strand.profile = profile
        strand.save(update_fields=["profile"])
        return strand
    Message.scoped().filter(strand=strand).update(strand=there)
    strand.delete()
    return there
