"""Who may be the same person as a profile, by what was said about both: index look-ups, then a score for each pair.

Callable by itself, at any moment and without locks; it writes nothing but which keys turned out to be crowded.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from accounts.scope import current_account_id
from contacts.block_keys import hash_of, keys_of
from contacts.deduplication.comparing import CROWD
from contacts.deduplication.policy import is_asked, judge
from contacts.deduplication.reading import read_some
from contacts.deduplication.records import Record
from contacts.deduplication.scoring import probability
from contacts.match_models import scorer_for
from contacts.models import CrowdedKey
from contacts.shared_values import people_behind

# A key under which more profiles stand than this says nothing.
CROWDED = 50
# Of those found, the ones with the most keys in common are scored.
MOST_SCORED = 150

# One row per key and profile found, and one for a key that finds nobody, with the account's newest model beside it.
FIND = """
SELECT k.hash, crowded.id IS NOT NULL, found.profile_id, newest.id, newest.version
FROM unnest(%(hashes)s::bigint[]) AS k (hash)
LEFT JOIN contacts_crowdedkey crowded ON crowded.account_id = %(account)s AND crowded.hash = k.hash
LEFT JOIN LATERAL (
    SELECT b.profile_id FROM contacts_blockkey b
    WHERE b.account_id = %(account)s AND b.hash = k.hash AND crowded.id IS NULL LIMIT %(limit)s
) found ON true
LEFT JOIN LATERAL (
    SELECT id, version FROM contacts_matchmodel WHERE account_id = %(account)s ORDER BY version DESC LIMIT 1
) newest ON true
"""


@dataclass(frozen=True)
class Likely:
    """Another contact that may be the same person: its best profile, the weight in bits, and what each comparison said.

    ``pieces`` are the evidence of a suggestion; ``conflicts`` what speaks against joining; ``model_id`` is ``None`` where the shipped
    values scored it.
    """

    profile_id: int
    contact_id: int
    weight: float
    pieces: list[dict[str, Any]]
    conflicts: tuple[str, ...]
    model_id: int | None

    @property
    def probability(self) -> float:
        return probability(self.weight)


@dataclass(frozen=True)
class _Found:
    others: list[int]
    crowded: set[int]
    newest: tuple[int, int] | None


def likely_same(profile_id: int) -> list[Likely]:
    """Contacts that a person should be asked about, the likeliest first; each once. Five queries, whatever the account holds.

    A profile that is a correction, or is gone, is like nobody.
    """
    mine = next(iter(read_some([profile_id])), None)
    keys = keys_of(mine) if mine is not None else {}
    if mine is None or not keys:
        return []
    found = _find(mine, keys)
    others = read_some(found.others) if found.others else []
    _count_people(mine, others, found.crowded)
    scorer, model_id = scorer_for(found.newest)
    best: dict[int, tuple[float, Record]] = {}
    for other in others:
        if other.contact == mine.contact:
            continue
        weight = scorer.weight(mine, other)
        if is_asked(mine, other, weight) and (other.contact not in best or weight > best[other.contact][0]):
            best[other.contact] = weight, other
    return [
        Likely(
            profile_id=other.id,
            contact_id=contact_id,
            weight=weight,
            pieces=[piece.as_json() for piece in scorer.explain(*sorted((mine, other), key=lambda record: record.id))],
            conflicts=tuple(conflict.value for conflict in judge(mine, other).conflicts),
            model_id=model_id,
        )
        for contact_id, (weight, other) in sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    ]


def _find(mine: Record, keys: Mapping[int, str]) -> _Found:
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"hashes": list(keys), "account": current_account_id(), "limit": CROWDED + 1})
        rows = cursor.fetchall()
    under = Counter(number for number, _crowded, profile_id, *_model in rows if profile_id is not None)
    full = {number for number, count in under.items() if count > CROWDED}
    if full:
        CrowdedKey.objects.bulk_create([CrowdedKey(hash=number, rule=keys[number]) for number in sorted(full)], ignore_conflicts=True)
    known = {number for number, is_crowded, *_rest in rows if is_crowded}
    common = Counter(
        profile_id for number, _crowded, profile_id, *_model in rows if profile_id not in (None, mine.id) and number not in full
    )
    others = [profile_id for profile_id, _times in sorted(common.items(), key=lambda item: (-item[1], item[0]))[:MOST_SCORED]]
    newest = (rows[0][3], rows[0][4]) if rows[0][3] is not None else None
    return _Found(others, full | known, newest)


def _count_people(mine: Record, others: Sequence[Record], crowded: set[int]) -> None:
    """With how many people, told apart by their names, mine shares its phone and its email: whoever has them was found."""
    if mine.phone is not None:
        mine.phone_people = _people(mine, [other for other in others if other.phone == mine.phone], hash_of("phone", mine.phone) in crowded)
    if mine.email is not None:
        mine.email_people = _people(mine, [other for other in others if other.email == mine.email], hash_of("email", mine.email) in crowded)


def _people(mine: Record, holders: Iterable[Record], is_crowded: bool) -> int:
    if is_crowded:
        return CROWD
    return max(1, len(people_behind(record.shown_name for record in (mine, *holders) if record.given is not None)))
