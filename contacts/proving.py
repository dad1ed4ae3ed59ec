"""Under the probabilistic policy: whether what is known of two contacts leaves no doubt that they are one person.

An equal key alone joins nobody then. The score must be high enough to merge unseen, an identifier must prove it together with the
names, and nothing that any two of their profiles say may speak against it: the same bar as for the search for duplicates.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from accounts.models import Account, MatchingPolicy
from contacts.deduplication.policy import MERGE_FROM, judge
from contacts.deduplication.reading import read_some, record_of
from contacts.deduplication.records import Record
from contacts.deduplication.scoring import probability
from contacts.match_models import newest_scorer
from contacts.models import Certainty, Profile
from contacts.plans import Plan
from contacts.reading_claims import Record as Said
from contacts.reading_claims import write_given
from contacts.shared_values import people_behind

# Stands for the record that comes in, before it has a contact.
NEWCOMER = 0
AT_ONCE = 5000


class Proof:
    """What is known of some contacts, to weigh any two sides of them."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._of: dict[int, list[Record]] = {}
        for record in records:
            self._of.setdefault(record.contact, []).append(record)
        self._scorer, self._model_id = newest_scorer()
        self._best: dict[tuple[int, int], tuple[float, Record, Record] | None] = {}
        _count_people([record for side in self._of.values() for record in side])

    def holds(self, one: Collection[int], other: Collection[int]) -> bool:
        """Whether the contacts of the one side and those of the other are certainly one person."""
        pairs = [self._pair(a, b) for a in one for b in other if a != b]
        return any(found is not None for found in pairs) and not any(self._contradict(a, b) for a in one for b in other if a != b)

    def words(self, contact_id: int, others: Collection[int]) -> Mapping[str, Any] | None:
        """The best pair that proves it, as evidence of a decision."""
        found = [pair for other in others if other != contact_id and (pair := self._pair(other, contact_id)) is not None]
        if not found:
            return None
        weight, a, b = max(found, key=lambda pair: pair[0])
        return {
            "contact": contact_id,
            "profile": b.id,
            "probability": round(probability(weight), 6),
            "weight": round(weight, 2),
            "model": self._model_id,
            "proof": judge(a, b).proof,
            "pieces": [piece.as_json() for piece in self._scorer.explain(a, b)],
        }

    def _pair(self, one: int, other: int) -> tuple[float, Record, Record] | None:
        """The heaviest pair that may merge unseen."""
        if (one, other) not in self._best:
            weighed = [(self._scorer.weight(a, b), a, b) for a in self._of.get(one, ()) for b in self._of.get(other, ())]
            proven = [pair for pair in weighed if pair[0] >= MERGE_FROM and judge(pair[1], pair[2]).may_merge]
            self._best[one, other] = max(proven, key=lambda pair: pair[0], default=None)
        return self._best[one, other]

    def _contradict(self, one: int, other: int) -> bool:
        return any(judge(a, b).conflicts for a in self._of.get(one, ()) for b in self._of.get(other, ()))


def read_proof(profile_ids: Iterable[int], *, newcomer: Record | None = None) -> Proof:
    """What is known of the profiles, and of the record that comes in."""
    ids = sorted(profile_ids)
    records = [record for start in range(0, len(ids), AT_ONCE) for record in read_some(ids[start : start + AT_ONCE])]
    return Proof([*records, *([newcomer] if newcomer is not None else [])])


def proof_for(account: Account, plan: Plan, record: Said, base: int | None) -> Proof | None:
    """What the matched contacts are weighed by, where the account wants more than an equal key."""
    if account.matching_policy != MatchingPolicy.PROBABILISTIC or not plan.matches:
        return None
    contact_ids = {match.contact_id for match in plan.matches} | ({base} if base is not None else set())
    profile_ids = Profile.scoped().filter(contact__in=contact_ids).values_list("pk", flat=True)
    told = Profile(given=dict(plan.profile.given), later=dict(plan.profile.later)) if plan.profile else Profile()
    write_given(told, record.given, record.occurred_at)
    said = [(each.kind, each.key, each.certainty != Certainty.CLAIMED) for each in plan.known if each.valid_to is None]
    said += [(each.kind, each.normal.key, each.certainty != Certainty.CLAIMED) for each in plan.fresh]
    newcomer = record_of(NEWCOMER, NEWCOMER, told.given, told.later, said, {*plan.marks, *plan.newly_shared})
    return read_proof(profile_ids, newcomer=newcomer)


def scores(proof: Proof, joined: Sequence[int], base: int | None) -> dict[str, Any]:
    """What proved each contact that was joined, as evidence."""
    found = [proof.words(contact_id, [NEWCOMER, *joined]) for contact_id in joined if contact_id != base]
    return {"scores": [words for words in found if words]} if any(found) else {}


def _count_people(records: Iterable[Record]) -> None:
    """With how many people each value is shared, told apart by their names."""
    by_value: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        for column in ("phone", "email"):
            if (value := getattr(record, column)) is not None:
                by_value.setdefault((column, value), []).append(record)
    for (column, _value), holders in by_value.items():
        people = max(1, len(people_behind(record.shown_name for record in holders if record.given is not None)))
        for record in holders:
            setattr(record, f"{column}_people", people)
