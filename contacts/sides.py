"""Two contacts beside each other: what is known of each, and what excludes that they are one person."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from contacts.finding_matches import names_in
from contacts.models import Certainty, Identifier, NeverMerge, Profile
from contacts.names import names_conflict
from contacts.national_ids import contradict

# Identifiers of which one person has one, once a code or a provider has confirmed it.
EXCLUSIVE = ("email", "customer_number")
# Beyond so many contacts, all the pairs of the account are read instead.
FEW = 5000


@dataclass
class Side:
    """What is known of one contact, or of a record itself, where it is compared."""

    names: list[str] = field(default_factory=list)
    national_ids: set[str] = field(default_factory=set)
    # (kind, scope) → keys that were confirmed.
    confirmed: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    profile_count: int = 0

    def add(self, *, kind: str, scope: str, key: str, certainty: str) -> None:
        """Take one identifier into account."""
        if kind == "national_id":
            self.national_ids.add(key)
        # The From line of a mail attests nothing, so an email is confirmed by a code only.
        elif kind in EXCLUSIVE and certainty == Certainty.VERIFIED:
            self.confirmed.setdefault((kind, scope), set()).add(key)


def sides_of(contact_ids: Iterable[int]) -> dict[int, Side]:
    """Names, ids and confirmed identifiers of the contacts. Two queries."""
    ids = list(contact_ids)
    sides = {pk: Side() for pk in ids}
    if not ids:
        return sides
    rows = Profile.scoped().filter(contact__in=ids).order_by("pk").values_list("contact_id", "given", "later", "corrects_id")
    for contact_id, given, later, corrects in rows:
        sides[contact_id].names += names_in(given, later)
        sides[contact_id].profile_count += corrects is None
    known = Identifier.scoped().filter(profile__contact__in=ids, kind__in=("national_id", *EXCLUSIVE), valid_to=None)
    for contact_id, kind, scope, key, certainty in known.values_list("profile__contact_id", "kind", "scope", "key", "certainty"):
        sides[contact_id].add(kind=kind, scope=scope, key=key, certainty=certainty)
    return sides


def contradiction(one: Side, other: Side) -> str:
    """Why the two cannot be one person, whatever else says so: ``national_id``, ``verified``, or an empty string."""
    if contradict(one.national_ids, other.national_ids):
        return "national_id"
    if any(not keys & other.confirmed[place] for place, keys in one.confirmed.items() if place in other.confirmed):
        return "verified"
    return ""


def conflicting_names(mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Their names, where none of them can be the same person's as one of mine; empty where one can, or a side has none."""
    if not mine or not theirs or not all(names_conflict(a, b) for a in mine for b in theirs):
        return []
    return list(theirs)


def never_merge_between(contact_ids: Collection[int]) -> set[frozenset[int]]:
    """Pairs of the contacts that were marked as different people. One query."""
    pairs = NeverMerge.scoped().values_list("low__contact_id", "high__contact_id")
    if len(contact_ids) <= FEW:
        pairs = pairs.filter(low__contact__in=contact_ids, high__contact__in=contact_ids)
    return {frozenset(pair) for pair in pairs if pair[0] in contact_ids and pair[1] in contact_ids}
