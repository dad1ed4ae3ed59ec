"""A lot of consents, written into the ledger: what was said elsewhere lifts nothing that was said here."""

from collections.abc import Sequence

from accounts.actors import SYSTEM, Actor
from consent.importing import import_grants
from integrations.importing.reading_consents import ConsentRow
from integrations.importing.rows import Reason
from integrations.importing.taking_people import REJECTED, UNCHANGED, Taken
from integrations.models.imports import Import, ImportedRow

Outcome = ImportedRow.Outcome
HELD_BACK = "held_back"
UNPROVEN = "unproven"


def take_consents(imported: Import, rows: Sequence[ConsentRow]) -> list[Taken]:
    """Take the rows in, inside the caller's transaction. The same line again changes nothing."""
    by = Actor.person(imported.uploaded_by) if imported.uploaded_by else SYSTEM
    outcomes = import_grants([row.grant for row in rows], by=by)
    taken, written = [], []
    for row, outcome in zip(rows, outcomes, strict=True):
        event = outcome.event
        if outcome.state == "refused":
            taken.append(Taken(row.number, REJECTED, row.grant.address, reason=Reason.NOT_TAKEN))
            continue
        if outcome.state == "known":
            taken.append(Taken(row.number, UNCHANGED, row.grant.address))
            continue
        written.append(
            ImportedRow(
                imported=imported,
                number=row.number,
                key=row.key,
                digest=row.key,
                profile_id=event.profile_id if event else None,
                outcome=Outcome.ADDED,
            )
        )
        shown = {"unproven": UNPROVEN, "held_back": HELD_BACK}.get(outcome.state, Outcome.ADDED)
        taken.append(Taken(row.number, shown, row.grant.address))
    ImportedRow.objects.bulk_create(written)
    return taken
