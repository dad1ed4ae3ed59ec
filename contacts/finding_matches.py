"""Who else has one of a record's keys: index look-ups only."""

from collections.abc import Mapping, Sequence
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
    wanted = {identifier.match_key: identifier for identifier in identifiers}
    if not wanted:
        return Found()
    kinds, keys = {kind for kind, _key in wanted}, {key for _kind, key in wanted}
    rows = Identifier.scoped().filter(kind__in=kinds, key__in=keys, scope="", valid_to=None)
    equal: list[Match] = []
    loose: list[Match] = []
    for row in _read(rows)[:MOST]:
        mine = wanted.get((row["kind"], row["key"]))
        if mine is None or row["profile_id"] == not_profile:
            continue
        match = _match(row, mine)
        two_lines = may_be_two_lines(kind=match.kind, key=match.key) and row["value"] != mine.normal.value
        (loose if two_lines and Certainty.ATTESTED not in (row["certainty"], mine.certainty) else equal).append(match)
    return Found(tuple(equal), (*loose, *_loose(identifiers, not_profile)))


def _loose(identifiers: Sequence[ReadIdentifier], not_profile: int | None) -> list[Match]:
    by_loose = {identifier.normal.loose_key: identifier for identifier in identifiers if identifier.normal.loose_key}
    if not by_loose:
        return []
    rows = Identifier.scoped().filter(loose_key__in=by_loose, scope="", valid_to=None)
    rows = rows.exclude(key__in=[identifier.normal.key for identifier in by_loose.values()])
    found = [_match(row, by_loose[row["loose_key"]]) for row in _read(rows)[:MOST_LOOSE]]
    return [match for match in found if match.profile_id != not_profile]


def _read(rows: Any) -> Any:
    return rows.order_by("pk").values(
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
