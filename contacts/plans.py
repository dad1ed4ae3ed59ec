"""What is found about a record before anything is written, and what is decided about it."""

from dataclasses import dataclass, field
from typing import Any

from contacts.finding_matches import Match
from contacts.models import Contact, Identifier, Profile
from contacts.reading_claims import ReadIdentifier, Record


@dataclass(frozen=True)
class Recognition:
    """Whose record it is. ``identifier`` is the address it came from, as an identifier of ``profile``.

    ``conflict_names``: names in the contact that cannot be this record's person's. ``previous_contact_id``: the contact that the
    profile sat in before, where this decision merged it away.
    """

    profile: Profile
    outcome: str
    rule: str
    asks_who: bool = False
    conflict_names: list[str] = field(default_factory=list)
    is_new_profile: bool = False
    is_new_contact: bool = False
    previous_contact_id: int | None = None
    identifier: Identifier | None = None

    @property
    def contact(self) -> Contact:
        """The contact that the profile sits in now; read when it is first asked for."""
        return self.profile.contact


@dataclass(frozen=True)
class Plan:
    """What was found. ``profile``: the one that gets the record; ``None``: a new one, in ``contact_id`` where that is known."""

    rule: str
    profile: Profile | None = None
    former: Profile | None = None
    contact_id: int | None = None
    asks_who: bool = False
    known: tuple[Identifier, ...] = ()
    fresh: tuple[ReadIdentifier, ...] = ()
    matches: tuple[Match, ...] = ()
    shared_matches: tuple[Match, ...] = ()
    # Similar, or equal where equal may still be two people: worth asking.
    loose_matches: tuple[Match, ...] = ()
    # Values behind which this record gives one name too many.
    newly_shared: tuple[tuple[str, str], ...] = ()
    # Whose number it was, where it changed hands.
    recycled_from: Profile | None = None
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    contacts: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrival:
    """What was decided about a record that becomes a profile of its own: in a known contact, or in a new one."""

    record: Record
    outcome: str
    rule: str
    evidence: dict[str, Any]
    contact_id: int | None = None
    conflict_names: list[str] = field(default_factory=list)
