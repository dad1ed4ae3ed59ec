"""What keeps two contacts apart although a key leads from one to the other, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account, NameConflict
from contacts.finding_matches import Match, names_in
from contacts.limits import MergeBudget
from contacts.models import Certainty
from contacts.names import names_conflict
from contacts.proving import NEWCOMER, Proof
from contacts.reading_claims import RANK
from contacts.recycled_numbers import is_recycled
from contacts.sides import Side, conflicting_names, contradiction, never_merge_between, sides_of

__all__ = ["Match", "Side", "Sorted", "names_in", "sort_out"]


@dataclass(frozen=True)
class Sorted:
    """Contacts to join, the best first, and those kept apart: ``{contact, why, profiles}``."""

    joined: list[int]
    apart: list[dict[str, Any]]
    conflict_names: list[str]

    def apart_because(self, why: str) -> list[dict[str, Any]]:
        return [entry for entry in self.apart if entry["why"] == why]


def sort_out(
    *,
    account: Account,
    base: int | None,
    record: Side,
    matches: Sequence[Match],
    at: datetime,
    proof: Proof | None = None,
    read: Mapping[int, Side] | None = None,
) -> Sorted:
    """Which of the matched contacts are one person with ``base`` (the contact the record belongs to already) and the record.

    The stronger evidence comes first: what contradicts a contact that was accepted before it stays apart. ``at`` is the record's
    own time. ``proof``: what an equal key has to be proven by, where the account's policy asks for that. ``read``: what is known of
    every one of these contacts, where somebody has read it already.
    """
    ids = {match.contact_id for match in matches} - {base}
    joined = [base] if base is not None else []
    if not ids:
        return Sorted(joined, [], _conflicting(record.names, sides_of(joined)) if matches else [])
    everyone = ids | set(joined)
    sides = sides_of(everyone) if read is None else read
    never = never_merge_between(everyone) if len(everyone) > 1 else set()
    budget = MergeBudget(account)
    apart: list[dict[str, Any]] = []
    warned: list[str] = []
    for contact_id in sorted(ids, key=lambda pk: _strength(pk, matches)):
        mine = [match for match in matches if match.contact_id == contact_id]
        against = [(None, record), *((pk, sides[pk]) for pk in joined)]
        why, conflicts = _why_apart(account, contact_id, sides[contact_id], mine, against, never, at)
        if not why and proof is not None and not proof.holds([contact_id], [NEWCOMER, *joined]):
            why = "policy"
        # A contact that takes in a profile is no merge; two contacts that become one are.
        why = why or _limit(account, [contact_id, *joined], sides, is_new=base is None, budget=budget if joined else None)
        if why:
            apart.append({"contact": contact_id, "why": why, "profiles": sorted({match.profile_id for match in mine})})
        else:
            warned += conflicts
            joined.append(contact_id)
    warned += _conflicting(record.names, {pk: sides[pk] for pk in joined})
    return Sorted(joined, apart, list(dict.fromkeys(warned)))


def _why_apart(
    account: Account,
    contact_id: int,
    side: Side,
    mine: Sequence[Match],
    against: Iterable[tuple[int | None, Side]],
    never: set[frozenset[int]],
    at: datetime,
) -> tuple[str, list[str]]:
    """The first protection in the way, and the names that conflict where the account only warns of them."""
    warned: list[str] = []
    for other_id, other in against:
        if other_id is not None and frozenset((contact_id, other_id)) in never:
            return "never_merge", []
        if why := contradiction(other, side):
            return why, []
        if conflicts := conflicting_names(other.names, side.names):
            if account.name_conflict == NameConflict.SUGGEST:
                return "name_conflict", []
            warned += conflicts
        if other_id is None and is_recycled(account, names=other.names, matches=mine, at=at):
            return "recycled", []
    if account.claimed_suggests_only and all(match.is_claimed for match in mine):
        return "claimed", []
    return "", warned


def _limit(account: Account, together: Sequence[int], sides: Mapping[int, Side], *, is_new: bool, budget: MergeBudget | None) -> str:
    if sum(sides[pk].profile_count for pk in together) + is_new > account.max_profiles_per_contact:
        return "too_many_profiles"
    return "" if budget is None or budget.take() else "merge_storm"


def _strength(contact_id: int, matches: Iterable[Match]) -> tuple[int, int, int]:
    """Sorts the strongest first: the surer word, an email before a phone, the older contact."""
    mine = [match for match in matches if match.contact_id == contact_id]
    best = max((RANK[Certainty(match.certainty)], match.kind == "email") for match in mine)
    return -best[0], -int(best[1]), contact_id


def _conflicting(mine: Sequence[str], sides: Mapping[int, Side]) -> list[str]:
    """Every name among the joined that cannot be the record's person's."""
    if not mine:
        return []
    return [name for side in sides.values() for name in side.names if all(names_conflict(name, own) for own in mine)]
