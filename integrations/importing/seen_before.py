"""What a check has seen in earlier lots, which it rolled back: on disk, so that a million rows take no memory."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.marking import marks_on
from contacts.models import UNIFYING
from contacts.reading_claims import read_claim
from integrations.importing.reading_messages import MessageRow
from integrations.importing.reading_people import PersonRow
from integrations.importing.rows import Reason
from integrations.importing.taking_people import REJECTED, UNCHANGED, Taken
from integrations.models.imports import ImportedRow

Outcome = ImportedRow.Outcome


class SeenBefore:
    """Row keys and the addresses that join people, as hashes."""

    def __init__(self) -> None:
        # An empty name is a private file that vanishes with the connection.
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY, said INTEGER) WITHOUT ROWID")
        self._account = Account.objects.get(pk=current_account_id())

    @classmethod
    @contextmanager
    def only_for(cls, wanted: bool) -> "Iterator[SeenBefore | None]":
        """One where it is wanted; it is thrown away afterwards."""
        seen = cls() if wanted else None
        try:
            yield seen
        finally:
            if seen is not None:
                seen._seen.close()

    def correct(self, said: Sequence[Any], taken: Sequence[Taken]) -> list[Taken]:
        """The outcomes as they would be if the earlier lots had stayed; what these rows say is noted."""
        messages = [row for row in said if isinstance(row, MessageRow)]
        if messages:
            return self._correct_messages(messages, taken)
        rows = [row for row in said if isinstance(row, PersonRow)]
        if len(rows) != len(said):
            return list(taken)
        people = self._addresses(rows)
        keys = [_hash("key", str(row.key)) for row in rows]
        digests = [_hash("said", str(row.digest)) for row in rows]
        known = self._find({*keys, *(each for person in people for each in person)})
        corrected: list[Taken] = []
        noted: list[tuple[int, int]] = []
        for key, digest, person, outcome in zip(keys, digests, people, taken, strict=True):
            if outcome.outcome == Outcome.CREATED and key in known:
                twice = replace(outcome, outcome=REJECTED, reason=Reason.KEY_TWICE)
                outcome = replace(outcome, outcome=UNCHANGED) if known[key] == digest else twice
            elif outcome.outcome == Outcome.CREATED and not known.keys().isdisjoint(person):
                outcome = replace(outcome, outcome=Outcome.ATTACHED, contact_id=None)
            corrected.append(outcome)
            if outcome.outcome != REJECTED:
                noted += [(key, digest), *((each, 0) for each in person)]
        self._note(noted)
        return corrected

    def _correct_messages(self, said: Sequence[MessageRow], taken: Sequence[Taken]) -> list[Taken]:
        people = {row.person.key: row.person for row in said if row.person is not None}
        addresses = dict(zip(people, self._addresses(list(people.values())), strict=True))
        mine = {each.mark: _hash("mark", str(each.mark)) for each in taken if each.mark is not None}
        known = self._find({*mine.values(), *(each for some in addresses.values() for each in some)})
        corrected: list[Taken] = []
        noted: list[tuple[int, int]] = []
        for each in taken:
            theirs = addresses.get(each.mark, []) if each.mark is not None else []
            was_seen = each.mark is not None and mine[each.mark] in known
            if each.outcome == Outcome.FILED and was_seen:
                each = replace(each, outcome=UNCHANGED)
            elif each.reason == Reason.NOTHING_TO_KNOW and was_seen:
                # An earlier lot said whose the conversation is.
                each = replace(each, outcome=Outcome.FILED, reason=None)
            elif was_seen and each.outcome != REJECTED:
                continue
            elif each.outcome == Outcome.CREATED and not known.keys().isdisjoint(theirs):
                each = replace(each, outcome=Outcome.ATTACHED, contact_id=None)
            corrected.append(each)
            if each.outcome != REJECTED and each.mark is not None:
                noted += [(mine[each.mark], 0), *((address, 0) for address in theirs)]
        self._note(noted)
        return corrected

    def _addresses(self, rows: Sequence[PersonRow]) -> list[list[int]]:
        """Hashes of the addresses of each row that would join it to whoever has them."""
        if not self._account.unification_enabled:
            return [[] for _row in rows]
        region = self._account.default_region
        records = [read_claim(row.claim, occurred_at=row.occurred_at, region=region) for row in rows]
        keys = [{each.match_key for each in record.identifiers if each.kind in UNIFYING} for record in records]
        marked = marks_on({key for each in keys for key in each}, region=region)
        return [[_hash(*key) for key in sorted(each - marked.keys())] for each in keys]

    def _find(self, hashes: Iterable[int]) -> dict[int, int]:
        found = {}
        for each in hashes:
            row = self._seen.execute("SELECT hash, said FROM seen WHERE hash = ?", (each,)).fetchone()
            if row:
                found[row[0]] = row[1]
        return found

    def _note(self, pairs: Iterable[tuple[int, int]]) -> None:
        self._seen.execute("BEGIN")
        self._seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", pairs)
        self._seen.execute("COMMIT")


def _hash(*parts: str) -> int:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
