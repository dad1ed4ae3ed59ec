"""What the person panel says about possible duplicates."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from contacts.cards import PersonCard, register
from contacts.evidence_words import origin_in_words, sentence_of
from contacts.models import Contact, MergeSuggestion
from contacts.suggesting import REOPENED
from contacts.suggestion_queries import duplicates_of, percent


def possible_duplicates(*, contact: Contact, membership: Membership) -> dict[str, Any] | None:
    """Who may be the same person, the surest first. Two queries where there is nobody."""
    rows = [
        {"suggestion": row, "contact": other, "percent": percent(row.probability), "why": _why(row)}
        for row, other in duplicates_of(contact)
    ]
    return {"rows": rows} if rows else None


def _why(row: MergeSuggestion) -> str:
    """The heaviest comparison that speaks for it; without one, what brought the suggestion."""
    pieces = [piece for piece in row.evidence if piece.get("comparison") != REOPENED and (piece.get("bits") or 0.0) > 0]
    return sentence_of(max(pieces, key=lambda piece: piece["bits"])) if pieces else origin_in_words(row.origin)


def register_card() -> None:
    register(
        PersonCard(
            name="duplicates",
            title=_("May be the same as"),
            template="contacts/_card_duplicates.html",
            load=possible_duplicates,
            order=5,
            names=lambda data: [row["contact"].pk for row in data["rows"]],
        )
    )
