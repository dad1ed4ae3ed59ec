"""Accept at once what is beyond doubt: counted before, marked as one batch, taken back as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from accounts.actors import Actor
from accounts.roles import Ability, require
from contacts.comparing import compare, known_of, marks_in_common
from contacts.deciding import accept, undo
from contacts.merging import Refused
from contacts.models import MergeSuggestion, SuggestionDecision
from contacts.suggestion_queries import find, listing, state_now, was_reopened

CERTAIN = 0.99
# More at once would make people wait for the answer.
LARGEST = 100


@dataclass(frozen=True)
class Certain:
    """What a batch would accept, and how many are as probable but are left to be looked at."""

    rows: list[MergeSuggestion]
    held_back: int
    is_cut: bool


@dataclass(frozen=True)
class BatchResult:
    """What was accepted; ``refused`` counts those that changed since they were counted, or no longer qualified."""

    batch: UUID
    decisions: list[SuggestionDecision]
    refused: int


def certain(*, limit: int = LARGEST) -> Certain:
    """Open suggestions of at least ``CERTAIN``, with a verified identifier in common and nothing that speaks against.

    Of a chain only the first pair is taken: the next one shows after the merge, with all that is known then. Five queries.
    """
    probable = listing(at_least=CERTAIN, limit=2 * limit).rows
    known = known_of({contact_id for row in probable for contact_id in _contacts_of(row)})
    marks = marks_in_common(known)
    taken: set[int] = set()
    rows = []
    for row in probable:
        one, other = _contacts_of(row)
        if not row.conflicts and not {one, other} & taken and compare(known[one], known[other], marks).is_sure and not was_reopened(row):
            taken |= {one, other}
            rows.append(row)
    return Certain(rows=rows[:limit], held_back=len(probable) - len(rows[:limit]), is_cut=len(probable) >= 2 * limit)


def accept_many(*, suggestion_ids: Sequence[int], by: Actor) -> BatchResult:
    """Accept those of the suggestions that still qualify, each in a transaction of its own, all under one batch number.

    Raises ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    batch, decisions = uuid4(), []
    wanted = list(dict.fromkeys(suggestion_ids))[:LARGEST]
    for suggestion_id in wanted:
        row = MergeSuggestion.scoped().filter(pk=suggestion_id).first()
        if row is None or not _qualifies(row):
            continue
        try:
            decisions.append(accept(suggestion=row, by=by, batch=batch))
        except Refused:
            continue
    return BatchResult(batch, decisions, refused=len(wanted) - len(decisions))


def undo_many(*, batch: UUID, by: Actor) -> int:
    """Take a whole batch back, the last merge first; what was taken back already stays so. How many were undone now.

    Raises ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    undone = 0
    for decision in SuggestionDecision.scoped().filter(batch=batch, undone_at=None).order_by("-pk"):
        try:
            undo(decision=decision, by=by)
        except Refused:
            continue
        undone += 1
    return undone


def _contacts_of(row: MergeSuggestion) -> tuple[int, int]:
    return row.low.contact_id, row.high.contact_id


def _qualifies(row: MergeSuggestion) -> bool:
    """Once more, on what is known now: an earlier merge of the batch may have brought a contradiction."""
    row = find(row.pk)
    if state_now(row) != MergeSuggestion.State.OPEN or (row.probability or 0.0) < CERTAIN or row.conflicts or was_reopened(row):
        return False
    one, other = _contacts_of(row)
    known = known_of((one, other))
    return compare(known[one], known[other], marks_in_common(known)).is_sure
