"""What two contacts have in common and what speaks against their being one, read for many pairs in a constant number of queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contacts.marking import marks_of, shared_key
from contacts.models import UNIFYING, Certainty, Identifier, Profile, ValueMark
from contacts.names import names_conflict
from contacts.national_ids import contradict
from contacts.protections import names_in
from contacts.queries import readable

Key = tuple[str, str]
# Kinds by which a value in common says who somebody is.
TELLING = UNIFYING | {"whatsapp", "whatsapp_user", "national_id", "customer_number"}


@dataclass
class Known:
    """What one contact gives to compare: names, and key → whether somebody vouches for it."""

    names: list[str] = field(default_factory=list)
    vouched: dict[Key, bool] = field(default_factory=dict)
    values: dict[Key, str] = field(default_factory=dict)

    @property
    def national_ids(self) -> dict[Key, str]:
        return {key: value for key, value in self.values.items() if key[0] == "national_id"}


@dataclass(frozen=True)
class Compared:
    """Two contacts side by side."""

    names_conflict: bool
    national_ids: list[str]
    # Values that both have: those that several persons use, and those that are vouched for on a side and exclusive.
    shared: list[str]
    verified: list[str]

    @property
    def is_sure(self) -> bool:
        """A verified identifier in common, and nothing that speaks against."""
        return bool(self.verified) and not self.names_conflict and not self.national_ids


def known_of(contact_ids: Iterable[int]) -> dict[int, Known]:
    """What is known of each contact. Two queries."""
    known = {contact_id: Known() for contact_id in contact_ids}
    for contact_id, given, later in Profile.scoped().filter(contact__in=known).order_by("pk").values_list("contact_id", "given", "later"):
        known[contact_id].names += names_in(given, later)
    rows = Identifier.scoped().filter(profile__contact__in=known, kind__in=TELLING, valid_to=None).select_related("profile")
    for row in rows.order_by("pk"):
        mine, key = known[row.profile.contact_id], shared_key(row)
        mine.vouched[key] = mine.vouched.get(key, False) or row.certainty != Certainty.CLAIMED
        mine.values.setdefault(key, row.value)
    return known


def compare(one: Known, other: Known, marks: Mapping[Key, str]) -> Compared:
    """``marks`` as ``marks_in_common`` gives them."""
    both = [key for key in one.values if key in other.values]
    ours, theirs = one.national_ids, other.national_ids
    contradictory = contradict([key for _kind, key in ours], [key for _kind, key in theirs])
    return Compared(
        names_conflict=bool(one.names and other.names and all(names_conflict(a, b) for a in one.names for b in other.names)),
        national_ids=sorted({*ours.values(), *theirs.values()}) if contradictory else [],
        shared=[readable(key[0], one.values[key]) for key in both if marks.get(key) == ValueMark.Mark.SHARED],
        verified=[one.values[key] for key in both if key not in marks and (one.vouched[key] or other.vouched[key])],
    )


def marks_in_common(known: Mapping[int, Known]) -> dict[Key, str]:
    """The marks on everything that is known. One query."""
    return marks_of({key for mine in known.values() for key in mine.values})


def compare_two(one: int, other: int) -> Compared:
    """The same for a single pair of contacts. Three queries."""
    known = known_of((one, other))
    return compare(known[one], known[other], marks_in_common(known))
