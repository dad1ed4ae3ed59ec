"""What waits for a person, as the page shows it."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.deciding_reviews import CHOICES
from contacts.models import Contact, IdentityReview, Profile
from contacts.queries import readable
from contacts.reviewing import Kind, State

PAGE = 100
DECISIONS = {
    (Kind.SHARED_VALUE, "kept"): _("It is shared"),
    (Kind.SHARED_VALUE, "unmarked"): _("It is one person's"),
    (Kind.SHARED_VALUE, "blocked"): _("It identifies nobody"),
    (Kind.SHARED_JOIN, "kept"): _("They are one person"),
    (Kind.SHARED_JOIN, "separated"): _("Separate"),
    (Kind.FULL_CONTACT, "seen"): _("Seen"),
    (Kind.MERGE_STORM, "seen"): _("Seen"),
}


@dataclass(frozen=True)
class ReviewLine:
    """One thing to look at. ``value`` is as a person writes it; ``contact`` the one it is about, where there is one."""

    review: IdentityReview
    value: str
    names: list[str]
    contact: Contact | None
    profile_name: str
    decisions: list[tuple[str, Any]]


def open_reviews() -> list[ReviewLine]:
    """The open ones, the oldest first. One query."""
    rows = (
        IdentityReview.scoped().filter(state=State.OPEN).select_related("profile__contact", "profile__channel").order_by("created_at", "pk")
    )
    return [
        ReviewLine(
            review=row,
            value=readable(row.value_kind, row.key),
            names=list(row.detail.get("names", [])),
            contact=row.profile.contact if row.profile else None,
            profile_name=_name_of(row.profile),
            decisions=[(choice, DECISIONS[Kind(row.kind), choice]) for choice in CHOICES[row.kind]],
        )
        for row in rows[:PAGE]
    ]


def _name_of(profile: Profile | None) -> str:
    if profile is None:
        return ""
    return str(profile.given.get("name") or profile.given.get("username") or profile.channel or "")
