"""Check the ledger: every event where it was, as it was, and none missing at the end."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import default_storage

from accounts.scope import current_account_id
from consent.evidence import read_evidence
from consent.models import ConsentEvent, LedgerAnchor
from consent.sealing import GENESIS, hash_of


@dataclass(frozen=True)
class Report:
    """What a check found. ``broken``: what is wrong first, in plain English; empty where all is well."""

    sealed: int
    unsealed: int
    anchors: int
    broken: str = ""
    sequence: int | None = None
    event: int | None = None

    @property
    def is_sound(self) -> bool:
        return not self.broken


def verify(*, heads: Iterable[tuple[int, str]] = ()) -> Report:
    """Walk the chain of the account in scope. ``heads`` are (sequence, hash) that somebody kept elsewhere, beside our own anchors."""
    expected = [(anchor.sequence, anchor.hash, f"the anchor of {anchor.day}") for anchor in LedgerAnchor.scoped().order_by("sequence")]
    anchors = len(expected)
    expected += [*exported(), *((sequence, head, "a head that was kept elsewhere") for sequence, head in heads)]
    wanted: dict[int, list[tuple[str, str]]] = {}
    for sequence, head, name in expected:
        wanted.setdefault(sequence, []).append((head, name))
    unsealed = ConsentEvent.scoped().filter(sequence=None).count()
    previous, count = GENESIS, 0
    chain = ConsentEvent.scoped().exclude(sequence=None).select_related("point", "notice", "evidence__key").order_by("sequence", "pk")
    for event in chain.iterator(chunk_size=1000):
        count += 1
        if problem := _problem(event, count, previous, wanted.get(count, [])):
            return Report(count - 1, unsealed, anchors, problem, count, event.pk)
        previous = event.hash
    last = max(wanted, default=0)
    if count < last:
        return Report(count, unsealed, anchors, f"events {count + 1} to {last} are missing at the end", count + 1)
    if anchors and count > max(anchor.sequence for anchor in LedgerAnchor.scoped()):
        return Report(count, unsealed, anchors, "events stand behind the last anchor", count)
    if count and not anchors:
        return Report(count, unsealed, anchors, "the anchors are missing", count)
    return Report(count, unsealed, anchors)


def _problem(event: ConsentEvent, place: int, previous: str, heads: Iterable[tuple[str, str]]) -> str:
    if event.sequence != place:
        return f"number {place} is missing, or {event.sequence} stands twice"
    if event.previous_hash != previous:
        return "it does not follow the one before it"
    if event.hash != hash_of(event, sequence=place, previous_hash=previous):
        return "its content was changed"
    if event.notice is not None and hashlib.sha256(event.notice.text.encode()).hexdigest() != event.notice.sha256:
        return "the wording that was agreed to was changed"
    if event.evidence is not None:
        try:
            read_evidence(event.evidence)
        except ValueError:
            return "its evidence was changed"
    for head, name in heads:
        if head != event.hash:
            return f"{name} is another"
    return ""


def exported() -> list[tuple[int, str, str]]:
    """(sequence, hash, name) of every head of the account that was copied out of the database."""
    folder = f"ledger/{current_account_id()}"
    try:
        names = default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []
    found = []
    for name in sorted(names):
        with default_storage.open(f"{folder}/{name}") as file:
            said: Any = json.load(file)
        found.append((int(said["sequence"]), str(said["hash"]), f"the exported head of {said['day']}"))
    return found
