"""What keeps two contacts apart although a key leads from one to the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Account, NameConflict
from contacts.models import Certainty, Identifier, NeverMerge, Profile
from contacts.names import is_placeholder, names_conflict
from contacts.normalising import may_be_two_lines
from contacts.reading_claims import RANK, ReadIdentifier


@dataclass(frozen=True)
class Match:
    """One identifier in the account that has a key of the record."""

    profile_id: int
    contact_id: int
    kind: str
    key: str
    certainty: str


@dataclass
class Side:
    """What is known of one contact, or of the record itself, where it is compared."""

    names: list[str] = field(default_factory=list)
    national_ids: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Sorted:
    """Contacts to join, the best first, and those kept apart with the reason."""

    joined: list[int]
    apart: list[dict[str, Any]]
    conflict_names: list[str]


def find_matches(identifiers: Sequence[ReadIdentifier], *, not_profile: int | None) -> list[Match]:
    """Every valid identifier of other profiles with one of these keys, where equal keys mean one person."""
    wanted = {identifier.match_key: identifier for identifier in identifiers}
    if not wanted:
        return []
    rows = Identifier.scoped().filter(
        kind__in={kind for kind, _key in wanted}, key__in={key for _kind, key in wanted}, scope="", valid_to=None
    )
    found = []
    for row in rows.values_list("profile_id", "profile__contact_id", "kind", "key", "certainty", "value").order_by("pk"):
        profile_id, contact_id, kind, key, certainty, value = row
        mine = wanted.get((kind, key))
        if mine is None or profile_id == not_profile:
            continue
        if may_be_two_lines(kind=kind, key=key) and value != mine.normal.value and Certainty.ATTESTED not in (certainty, mine.certainty):
            continue
        surer = max(certainty, mine.certainty, key=lambda word: RANK[Certainty(word)])
        found.append(Match(profile_id, contact_id, kind, key, surer))
    return found


def sort_out(*, account: Account, base: int | None, record: Side, matches: Sequence[Match]) -> Sorted:
    """Which of the matched contacts are one person with ``base`` (the contact the record belongs to already) and the record.

    The stronger evidence comes first: what contradicts a contact that was accepted before it stays apart.
    """
    ids = {match.contact_id for match in matches} - {base}
    if not ids:
        joined = [base] if base is not None else []
        return Sorted(joined, [], _conflicting(record.names, _sides(joined)) if matches else [])
    everyone = ids | ({base} if base is not None else set())
    sides = _sides(everyone)
    never = _never_merge(everyone)
    joined = [base] if base is not None else []
    apart: list[dict[str, Any]] = []
    warned: list[str] = []
    for contact_id in sorted(ids, key=lambda pk: _strength(pk, matches)):
        why = ""
        for other, side in [(None, record), *((pk, sides[pk]) for pk in joined)]:
            if other is not None and frozenset((contact_id, other)) in never:
                why = "never_merge"
            elif side.national_ids and sides[contact_id].national_ids and not side.national_ids & sides[contact_id].national_ids:
                why = "national_id"
            elif conflicts := _all_conflict(side.names, sides[contact_id].names):
                if account.name_conflict == NameConflict.SUGGEST:
                    why = "name_conflict"
                else:
                    warned += conflicts
            if why:
                break
        if why:
            apart.append(
                {"contact": contact_id, "why": why, "profiles": sorted({m.profile_id for m in matches if m.contact_id == contact_id})}
            )
        else:
            joined.append(contact_id)
    warned += _conflicting(record.names, {pk: sides[pk] for pk in joined})
    return Sorted(joined, apart, list(dict.fromkeys(warned)))


def _strength(contact_id: int, matches: Iterable[Match]) -> tuple[int, int, int]:
    """Sorts the strongest first: the surer word, an email before a phone, the older contact."""
    mine = [match for match in matches if match.contact_id == contact_id]
    best = max((RANK[Certainty(match.certainty)], match.kind == "email") for match in mine)
    return -best[0], -int(best[1]), contact_id


def _sides(contact_ids: Iterable[int]) -> dict[int, Side]:
    ids = list(contact_ids)
    sides = {pk: Side() for pk in ids}
    for contact_id, given, later in Profile.scoped().filter(contact__in=ids).order_by("pk").values_list("contact_id", "given", "later"):
        sides[contact_id].names += names_in(given, later)
    rows = Identifier.scoped().filter(profile__contact__in=ids, kind="national_id", valid_to=None)
    for contact_id, key in rows.values_list("profile__contact_id", "key"):
        sides[contact_id].national_ids.add(key)
    return sides


def names_in(given: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """The names a profile gave, without those that name nobody."""
    names = [str(given.get("name") or ""), str((later.get("name") or {}).get("value") or "")]
    return [name for name in names if not is_placeholder(name)]


def _all_conflict(mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Their names, where none of them can be the same person's as one of mine; empty where one can, or a side has none."""
    if not mine or not theirs or not all(names_conflict(a, b) for a in mine for b in theirs):
        return []
    return list(theirs)


def _conflicting(mine: Sequence[str], sides: Mapping[int, Side] | dict[int, Side]) -> list[str]:
    """Every name among the joined that cannot be the record's person's."""
    if not mine:
        return []
    return [name for side in sides.values() for name in side.names if all(names_conflict(name, own) for own in mine)]


def _never_merge(contact_ids: set[int]) -> set[frozenset[int]]:
    pairs = NeverMerge.scoped().filter(low__contact__in=contact_ids, high__contact__in=contact_ids)
    return {frozenset(pair) for pair in pairs.values_list("low__contact_id", "high__contact_id")}
