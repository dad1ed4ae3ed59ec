"""What the person panel says about consent: at each address, what they want of what promotes."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from accounts.roles import Ability
from consent.portal.addresses import shown
from consent.purposes import name_of
from consent.queries import Line, consent_of
from consent.vocabulary import PurposeClass, State
from contacts.cards import PersonCard, register
from contacts.models import Contact, Identifier

# A browser and an app are answered where they ask: nobody writes promotions there, so nobody is asked about them.
ANSWERED_ONLY = frozenset({"visitor", "app_user"})
TONES = {
    State.GRANTED: "good",
    State.PENDING: "warn",
    State.NONE: "",
    State.WITHDRAWN: "bad",
    State.OBJECTED: "bad",
    State.SUPPRESSED: "bad",
}


@dataclass(frozen=True)
class Held:
    """One purpose at one address. ``state`` is the strictest of the channels' by which the address is written to."""

    purpose: str
    state: State
    tone: str


@dataclass(frozen=True)
class Place:
    """One address of the person, and what holds there."""

    identifier: Identifier
    kind: str
    text: str
    channels: tuple[str, ...]
    held: tuple[Held, ...]


def places_of(contact: Contact) -> list[Place]:
    """Every address of the contact that one writes to. Four queries."""
    lines: dict[int, list[Line]] = {}
    for line in consent_of(contact):
        if line.purpose.purpose_class == PurposeClass.MARKETING and line.linked.ref.kind not in ANSWERED_ONLY:
            lines.setdefault(line.linked.identifier.pk, []).append(line)
    return [_place(found) for found in lines.values()]


def _place(lines: list[Line]) -> Place:
    linked = lines[0].linked
    by_purpose: dict[str, list[Line]] = {}
    for line in lines:
        by_purpose.setdefault(name_of(line.purpose, get_language() or ""), []).append(line)
    order = list(State)
    held = []
    for purpose, found in by_purpose.items():
        state = min((line.standing.state for line in found), key=order.index)
        # Agreed on one channel and never asked about another: that is what they agreed to.
        if state is State.NONE and any(line.standing.state is State.GRANTED for line in found):
            state = State.GRANTED
        held.append(Held(purpose, state, TONES.get(state, "")))
    return Place(
        linked.identifier,
        linked.ref.kind,
        shown(linked.ref.kind, linked.ref.value),
        tuple(dict.fromkeys(line.channel for line in lines)),
        tuple(held),
    )


def what_they_want(*, contact: Contact, membership: Membership) -> dict[str, Any] | None:
    """Four queries."""
    places = places_of(contact)
    return {"places": places, "contact": contact, "may_record": membership.may(Ability.RECORD_CONSENT)} if places else None


def register_card() -> None:
    register(PersonCard(name="consent", title=_("Consent"), template="consent/_card_consent.html", load=what_they_want, order=20))
