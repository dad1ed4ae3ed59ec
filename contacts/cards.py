"""Cards of the person panel: rooms to the left of this one register what they know about a person."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from accounts.models import Membership
from contacts.models import Contact


@dataclass(frozen=True)
class PersonCard:
    """One section. ``load(contact=…, membership=…)`` gives the template's context in a constant number of queries, or ``None``
    where there is nothing to show. The template reads it under the name ``card``. ``names`` gives the ids of the contacts that
    the card names, so that nothing else in the panel names them again.
    """

    name: str
    title: Any
    template: str
    load: Callable[..., dict[str, Any] | None]
    order: int = 100
    names: Callable[[dict[str, Any]], Collection[int]] = lambda _data: ()


@dataclass(frozen=True)
class ShownCard:
    """A card with what it shows."""

    name: str
    title: Any
    template: str
    data: dict[str, Any]
    contact_ids: frozenset[int] = frozenset()


_cards: dict[str, PersonCard] = {}


def register(card: PersonCard) -> None:
    """Called from the ``ready()`` of the room that owns the card."""
    _cards[card.name] = card


def cards_for(*, contact: Contact, membership: Membership) -> list[ShownCard]:
    """The cards that have something to show, in their order."""
    shown = []
    for card in sorted(_cards.values(), key=lambda card: (card.order, card.name)):
        data = card.load(contact=contact, membership=membership)
        if data is not None:
            shown.append(ShownCard(card.name, card.title, card.template, data, frozenset(card.names(data))))
    return shown
