"""Who else has one of a record's keys: index look-ups only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contacts.models import Certainty, Identifier
from contacts.names import is_placeholder
from contacts.normalising import may_be_two_lines
from contacts.reading_claims import RANK, ReadIdentifier

# A value with more holders than this identifies nobody; the limits stop it long before.
MOST = 1000
MOST_LOOSE = 20


@dataclass(frozen=True)
class Match:
    """One identifier in the account that has a key of the record."""

    profile_id: int
    contact_id: int
    kind: str
    key: str
    # The surer word of the two sides, and whether one of them was only typed.
    certainty: str
    is_claimed: bool
    # Of the profile that has it: the names it gave, and its latest activity.
    names: tuple[str, ...]
    last_seen_at: datetime


@dataclass(frozen=True)
class Found:
    """``equal`` keys mean one person; ``loose`` ones only make it worth asking."""

    equal: tuple[Match, ...] = ()
    loose: tuple[Match, ...] = ()


def find_matches(identifiers: Sequence[ReadIdentifier], *, not_profile: int | None) -> Found:
    """Every valid identifier of other profiles with one of these keys. Two queries at most."""
    if not identifiers:
        return Found()
    similar = [identifier for identifier in identifiers if identifier.normal.loose_key]
    loose = _read(_spelt_alike(similar).exclude(key__in=[each.normal.key for each in similar]))[:MOST_LOOSE] if similar else ()
    return _sorted(identifiers, _read(_equal(identifiers))[:MOST], loose, not_profile)


def find_matches_together(records: Sequence[Sequence[ReadIdentifier]]) -> list[Found]:
    """The same for records that have no profile yet, whatever leads to whom. Two queries for all of them.

    The caller sees to it that their keys lead to few: nothing is cut off.
    """
    everything = [identifier for identifiers in records for identifier in identifiers]
    similar = [identifier for identifier in everything if identifier.normal.loose_key]
    equal: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    loose: dict[str, list[Mapping[str, Any]]] = {}
    for row in _read(_equal(everything)) if everything else ():
        equal.setdefault((row["kind"], row["key"]), []).append(row)
    for row in _read(_spelt_alike(similar)) if similar else ():
        loose.setdefault(row["loose_key"], []).append(row)
    found = []
    for identifiers in records:
        keys = {identifier.normal.key for identifier in identifiers}
        mine = [row for match_key in dict.fromkeys(each.match_key for each in identifiers) for row in equal.get(match_key, ())]
        alike = [row for spelt in {each.normal.loose_key for each in identifiers} for row in loose.get(spelt, ()) if row["key"] not in keys]
        found.append(_sorted(identifiers, sorted(mine, key=_by_id), sorted(alike, key=_by_id)[:MOST_LOOSE], None))
    return found


def _equal(identifiers: Sequence[ReadIdentifier]) -> Any:
    kinds, keys = {each.kind for each in identifiers}, {each.normal.key for each in identifiers}
    return Identifier.scoped().filter(kind__in=kinds, key__in=keys, scope="", valid_to=None)


def _spelt_alike(identifiers: Iterable[ReadIdentifier]) -> Any:
    return Identifier.scoped().filter(loose_key__in={each.normal.loose_key for each in identifiers}, scope="", valid_to=None)


def _sorted(
    identifiers: Sequence[ReadIdentifier], same: Iterable[Mapping[str, Any]], alike: Iterable[Mapping[str, Any]], not_profile: int | None
) -> Found:
    wanted = {identifier.match_key: identifier for identifier in identifiers}
    by_loose = {identifier.normal.loose_key: identifier for identifier in identifiers if identifier.normal.loose_key}
    equal: list[Match] = []
    loose: list[Match] = []
    for row in same:
        mine = wanted.get((row["kind"], row["key"]))
        if mine is None or row["profile_id"] == not_profile:
            continue
        match = _match(row, mine)
        two_lines = may_be_two_lines(kind=match.kind, key=match.key) and row["value"] != mine.normal.value
        (loose if two_lines and Certainty.ATTESTED not in (row["certainty"], mine.certainty) else equal).append(match)
    similar = (_match(row, by_loose[row["loose_key"]]) for row in alike)
    return Found(tuple(equal), (*loose, *(match for match in similar if match.profile_id != not_profile)))


def _by_id(row: Mapping[str, Any]) -> int:
    return int(row["id"])


def _read(rows: Any) -> Any:
    return rows.order_by("pk").values(
        "id",
        "kind",
        "key",
        "value",
        "loose_key",
        "certainty",
        "profile_id",
        "profile__contact_id",
        "profile__given",
        "profile__later",
        "profile__last_seen_at",
    )


def _match(row: Mapping[str, Any], mine: ReadIdentifier) -> Match:
    return Match(
        profile_id=row["profile_id"],
        contact_id=row["profile__contact_id"],
        kind=row["kind"],
        key=row["key"],
        certainty=max(row["certainty"], mine.certainty, key=lambda word: RANK[Certainty(word)]),
        is_claimed=Certainty.CLAIMED in (row["certainty"], mine.certainty),
        names=tuple(names_in(row["profile__given"], row["profile__later"])),
        last_seen_at=row["profile__last_seen_at"],
    )


def names_in(given: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """The names a profile gave, without those that name nobody."""
    names = [str(given.get("name") or ""), str((later.get("name") or {}).get("value") or "")]
    return [name for name in names if not is_placeholder(name)]
