"""What happened to a conversation, told in its thread: message rows of direction ``event``, whose kind is data."""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import SYSTEM, Actor
from contacts.matching import Recognition
from contacts.models import UNIFYING, Identifier, MatchDecision
from contacts.queries import readable
from inbox.models import Direction, Message, Strand


class EventKind(models.TextChoices):
    """``Message.kind`` of an event."""

    JOINED = "joined", gettext_lazy("Joined an existing contact")
    CONFLICT = "conflict", gettext_lazy("Another name uses this address")
    ASKED_WHO = "asked_who", gettext_lazy("Who is writing?")
    SAID_WHO = "said_who", gettext_lazy("Said who is writing")
    SEPARATED = "separated", gettext_lazy("Separated")
    ASSIGNED = "assigned", gettext_lazy("Assigned")
    UNASSIGNED = "unassigned", gettext_lazy("Unassigned")
    RESOLVED = "resolved", gettext_lazy("Resolved")
    REOPENED = "reopened", gettext_lazy("Reopened")
    BOT = "bot", gettext_lazy("Handed over by the bot")
    PREFERENCE = "preference", gettext_lazy("Preference changed")
    OPTED = "opted", gettext_lazy("Said something about messages")
    COMPLAINED = "complained", gettext_lazy("Reported a message as spam")
    ADDRESS_CHANGED = "address_changed", gettext_lazy("Address changed")
    IDENTITY_CHANGED = "identity_changed", gettext_lazy("Perhaps another owner")


def tell_thread(*, strand: Strand, kind: EventKind, by: Actor = SYSTEM, at: datetime | None = None, **data: Any) -> Message:
    """Write one event. ``data`` is JSON that the screen needs (names, values); ``at`` defaults to now."""
    return Message.objects.create(
        strand=strand,
        direction=Direction.EVENT,
        kind=kind,
        payload=data,
        author=by.membership,
        author_kind=by.kind,
        occurred_at=at or timezone.now(),
    )


def tell_recognition(*, strand: Strand, recognition: Recognition, at: datetime) -> None:
    """Tell the thread what was decided about its person: joined by which value, and which other names use it."""
    value = ""
    if recognition.outcome in (MatchDecision.Outcome.ATTACHED, MatchDecision.Outcome.MERGED) or recognition.conflict_names:
        value = _shared_value(recognition)
    if recognition.outcome in (MatchDecision.Outcome.ATTACHED, MatchDecision.Outcome.MERGED):
        tell_thread(
            strand=strand,
            kind=EventKind.JOINED,
            at=at,
            rule=recognition.rule,
            name=str(recognition.contact),
            value=value,
            contact=recognition.contact.pk,
        )
    if recognition.conflict_names:
        tell_thread(strand=strand, kind=EventKind.CONFLICT, at=at, names=recognition.conflict_names, value=value)


OPTED_WORDS = {
    "stop": gettext_lazy("Wants no more messages (wrote “%(word)s”)"),
    "stop_marketing": gettext_lazy("Wants no promotions any more (wrote “%(word)s”)"),
    "start": gettext_lazy("Wants messages again (wrote “%(word)s”)"),
    "ask": gettext_lazy("Wrote “%(word)s”: the order or the messages? Ask before anything is stopped"),
    "hint": gettext_lazy("May not want promotions: wrote “%(word)s”"),
}


def _shared_value(recognition: Recognition) -> str:
    """The profile's email or phone that another profile of the contact carries too."""
    own = Identifier.scoped().filter(profile=recognition.profile, kind__in=UNIFYING, valid_to=None)
    others = Identifier.scoped().filter(profile__contact=recognition.contact, valid_to=None).exclude(profile=recognition.profile)
    shared = own.filter(key__in=others.values("key")).order_by("kind", "pk").first() or own.order_by("kind", "pk").first()
    return shared.value if shared else ""


def _as_written(value: str) -> str:
    """A phone number with its spaces, anything else as it is."""
    return readable("phone", value) if value.startswith("+") else value


def event_text(event: Message) -> str:
    """The event in one sentence, in the language that is active. Needs ``author__user``."""
    data = event.payload
    values = {
        "who": str(event.author) if event.author else "Hilo",
        "to": data.get("to", ""),
        "names": ", ".join(data.get("names", [])),
        "value": _as_written(data.get("value", "")),
        "former": _as_written(data.get("former", "")),
        "name": data.get("name", ""),
        "category": data.get("category", ""),
    }
    if event.kind == EventKind.OPTED:
        return str(OPTED_WORDS.get(data.get("sense", ""), OPTED_WORDS["hint"])) % {"word": data.get("word", "")}
    sentences = {
        EventKind.JOINED: _("Recognised as %(name)s by %(value)s"),
        EventKind.CONFLICT: _("%(names)s also uses %(value)s"),
        EventKind.ASKED_WHO: _("Several people share %(value)s: who is writing?"),
        EventKind.SAID_WHO: _("%(who)s said that this is somebody new") if data.get("new") else _("%(who)s said that this is %(name)s"),
        EventKind.SEPARATED: _("%(who)s separated this from %(name)s"),
        EventKind.ASSIGNED: _("%(who)s assigned this to %(to)s"),
        EventKind.UNASSIGNED: _("%(who)s took the assignment away"),
        EventKind.RESOLVED: _("%(who)s resolved this"),
        EventKind.REOPENED: _("%(who)s reopened this") if event.author else _("Reopened by a new message"),
        EventKind.BOT: _("The bot handed over"),
        EventKind.PREFERENCE: _("Wants %(category)s again") if data.get("wants") else _("Does not want %(category)s any more"),
        EventKind.COMPLAINED: _("Reported our message as spam: nothing more is sent to %(value)s"),
        EventKind.ADDRESS_CHANGED: _("Changed from %(former)s to %(value)s"),
        EventKind.IDENTITY_CHANGED: _("%(value)s may belong to somebody else now: the next message from it starts a new contact"),
    }
    sentence = sentences.get(EventKind(event.kind)) if event.kind in EventKind.values else None
    return sentence % values if sentence else event.body
