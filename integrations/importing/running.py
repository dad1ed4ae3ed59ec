"""Ask for a check, a run or an undo of an import, and carry it out in the background: with progress, resumable, stoppable.

A check and a run are the same work on the same lots; a check rolls each lot back. How far a run is, is written down in the
transaction of each lot, so that whoever goes on after a worker's death takes nothing in twice and leaves nothing out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.background_runs import Cancelled
from accounts.models import Account
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from contacts.deduplication.running import ask as ask_for_search
from contacts.locks import StillMoving
from contacts.models import DeduplicationRun
from contacts.taking_many import MOST_TOGETHER
from integrations.importing.kinds import WAYS
from integrations.importing.previewing import reader_of
from integrations.importing.reading_people import Reader
from integrations.importing.rows import FileRefused, FileRow, Reason, RowRefused
from integrations.importing.seen_before import SeenBefore
from integrations.importing.tables import data_rows, local_copy
from integrations.importing.taking_people import REJECTED, Taken
from integrations.importing.uploading import require_open
from integrations.models.imports import Import, ImportedRow, ImportRun, RejectedRow

log = structlog.get_logger("hilo.importing")

Kind, State, Outcome = ImportRun.Kind, ImportRun.State, ImportedRow.Outcome
ATTEMPTS = 5
MOST_EXAMPLES = 5
# More rejected rows than this are counted and no longer kept: a wrong file is wrong in every row.
MOST_REJECTED = 20_000
LONGEST_KEPT = 500
BEAT_EVERY = 20_000  # rows that are passed over


@transaction.atomic
def ask(*, imported: Import, kind: str, by: Actor) -> ImportRun:
    """Ask a worker to check, run or undo the import. Raises ``FileRefused`` where it cannot be now, ``PermissionDenied``."""
    require(by, Ability.IMPORT_PEOPLE)
    fresh = Import.scoped().select_for_update().get(pk=imported.pk)
    if kind == Kind.UNDO:
        _require_undoable(fresh)
    else:
        require_open(fresh)
    run = fresh.runs.filter(kind=kind, state__in=(State.CANCELLED, State.FAILED)).first() if kind == Kind.RUN else None
    checked = fresh.runs.filter(kind=Kind.CHECK, state=State.DONE).order_by("-pk").first()
    try:
        with transaction.atomic():
            if kind == Kind.CHECK:
                fresh.runs.filter(kind=Kind.CHECK).exclude(state__in=ImportRun.UNFINISHED).delete()
            if run is None:
                total = fresh.rows.count() if kind == Kind.UNDO else checked.done if checked else 0
                run = ImportRun.objects.create(imported=fresh, kind=kind, asked_by=by.membership, total=total)
            else:
                # It goes on where it was stopped.
                run.state, run.error, run.finished_at = State.QUEUED, "", None
                run.save(update_fields=["state", "error", "finished_at"])
    except IntegrityError as error:
        raise FileRefused(_("Another import of the account is under way: wait until it is done."), code="busy") from error
    if kind != Kind.CHECK:
        record(actor=by, action=f"import.{kind}", target=fresh, kind=fresh.kind, name=fresh.name)
    _enqueue(run)
    return run


def _require_undoable(imported: Import) -> None:
    if imported.undone_at is not None:
        raise FileRefused(_("The import was undone already."), code="undone")
    if not imported.runs.filter(kind=Kind.RUN, reached__gt=0).exists():
        raise FileRefused(_("There is nothing to undo."), code="nothing")


@transaction.atomic
def cancel(*, run: ImportRun, by: Actor) -> None:
    """Stop it after the lot that is under way; what was taken in until then stays, and the run can go on. Raises ``FileRefused``."""
    require(by, Ability.IMPORT_PEOPLE)
    fresh = ImportRun.scoped().select_for_update().select_related("imported").get(pk=run.pk)
    if fresh.state not in ImportRun.UNFINISHED:
        raise FileRefused(_("It is over already."), code="over")
    fresh.cancel()
    record(actor=by, action="import.cancel", target=fresh.imported, kind=fresh.imported.kind, name=fresh.imported.name)


def _enqueue(run: ImportRun) -> None:
    from integrations.tasks import carry_out_import

    enqueue(carry_out_import, account_id=run.account_id, run_id=run.pk)


def carry_out(*, run_id: int) -> None:
    """Do the run's work, or go on with it. Safe to call any number of times; two workers do not take the same run."""
    from integrations.importing.undoing import undo_rows

    run = ImportRun.take(run_id)
    if run is None:
        return
    try:
        if run.kind == Kind.UNDO:
            undo_rows(run)
        else:
            _take_in(run)
    except Cancelled:
        ImportRun.scoped().filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())
    except FileRefused as refused:
        run.end(State.FAILED, refused.messages[0])
    except Exception as error:
        log.exception("import_failed", run=run.pk)
        run.end(State.FAILED, f"{type(error).__name__}: {error}")


@dataclass
class _Work:
    """One pass over the file, and what was counted on it."""

    run: ImportRun
    imported: Import
    reader: Reader
    seen: SeenBefore | None

    @property
    def is_check(self) -> bool:
        return self.run.kind == Kind.CHECK


def _take_in(run: ImportRun) -> None:
    imported = Import.scoped().select_related("uploaded_by__user").get(pk=run.imported_id)
    if run.kind == Kind.CHECK:
        # Nothing of a check is kept, so whoever goes on with it begins again.
        run.reached, run.figures = 0, {}
        run.rejected.all().delete()
    run.figures = {"counts": {}, "reasons": {}, "examples": {}, **run.figures}
    run.done = run.reached
    with local_copy(imported) as file, SeenBefore.only_for(run.kind == Kind.CHECK) as seen:
        work = _Work(run, imported, reader_of(imported), seen)
        rows = data_rows(imported, file)
        _pass_over(run, rows)
        while lot := list(islice(rows, MOST_TOGETHER)):
            _take_lot(work, lot)
    _finish(work)


def _pass_over(run: ImportRun, rows: Iterator[FileRow]) -> None:
    for number, _row in enumerate(islice(rows, run.reached), start=1):
        if number % BEAT_EVERY == 0:
            run.beat()


def _take_lot(work: _Work, lot: list[FileRow]) -> None:
    try:
        _retrying(work, lot)
    except (Cancelled, FileRefused):
        raise
    except Exception as error:
        if len(lot) == 1:
            log.exception("import_row_failed", run=work.run.pk, row=lot[0].number, error=type(error).__name__)
            _write_down(work, lot, [Taken(lot[0].number, REJECTED, reason=Reason.FAILED)], {})
            return
        for row in lot:
            _take_lot(work, [row])


def _retrying(work: _Work, lot: list[FileRow]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        before = work.run.reached, work.run.done, _copy(work.run.figures)
        try:
            if work.is_check:
                taken, refused = _rolled_back(work, lot)
                _write_down(work, lot, taken, refused)
            else:
                with transaction.atomic():
                    taken, refused = _read_and_take(work, lot)
                    _write_down(work, lot, taken, refused)
            return
        except (StillMoving, OperationalError):
            work.run.reached, work.run.done, work.run.figures = before
            if attempt == ATTEMPTS:
                raise
        except Exception:
            work.run.reached, work.run.done, work.run.figures = before
            raise


def _copy(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: {key: list(each) if isinstance(each, list) else each for key, each in part.items()} for name, part in figures.items()}


def _rolled_back(work: _Work, lot: list[FileRow]) -> tuple[list[Taken], dict[int, RowRefused]]:
    with transaction.atomic():
        found = _read_and_take(work, lot)
        transaction.set_rollback(True)
    return found


def _read_and_take(work: _Work, lot: list[FileRow]) -> tuple[list[Taken], dict[int, RowRefused]]:
    way = WAYS[work.imported.kind]
    said, refused = [], {}
    for row in lot:
        try:
            said.append(way.read(row, work.reader))
        except RowRefused as why:
            refused[row.number] = why
    taken = way.take(work.imported, said) if said else []
    if work.seen is not None:
        taken = work.seen.correct(said, taken)
    return taken, refused


def _write_down(work: _Work, lot: list[FileRow], taken: Iterable[Taken], refused: dict[int, RowRefused]) -> None:
    """Counts, examples and rejected rows of one lot, and how far the run is. Raises ``Cancelled``."""
    run, rows = work.run, {row.number: row for row in lot}
    outcomes = list(taken)
    why = {each.number: RowRefused(each.reason or Reason.FAILED) for each in outcomes if each.outcome == REJECTED} | refused
    counts = Counter(run.figures["counts"]) + Counter(each.outcome for each in outcomes) + Counter({REJECTED: len(refused)})
    reasons = Counter(run.figures["reasons"]) + Counter(str(each.reason) for each in why.values())
    for each in outcomes:
        examples = run.figures["examples"].setdefault(each.outcome, [])
        if each.outcome != REJECTED and len(examples) < MOST_EXAMPLES:
            examples.append({"row": each.number, "name": each.name, "contact": None if each.outcome == "created" else each.contact_id})
    run.figures |= {"counts": dict(counts), "reasons": dict(reasons)}
    room = MOST_REJECTED - (counts[REJECTED] - len(why))
    run.reached += len(lot)
    run.done = run.reached
    with transaction.atomic():
        RejectedRow.objects.bulk_create(
            RejectedRow(
                run=run,
                number=number,
                cells=[cell.replace("\x00", "")[:LONGEST_KEPT] for cell in rows[number].cells],
                reason=each.reason,
                column=each.column[:100],
            )
            for number, each in sorted(why.items())[: max(room, 0)]
        )
        run.beat("reached")


def _finish(work: _Work) -> None:
    run, imported = work.run, work.imported
    if run.kind == Kind.RUN:
        with transaction.atomic():
            run.total = run.done
            run.end(State.DONE)
            by = Actor.person(run.asked_by) if run.asked_by else SYSTEM
            record(actor=by, action="import.finish", target=imported, kind=imported.kind, name=imported.name, figures=run.figures["counts"])
            name, imported.file.name = str(imported.file.name), ""
            imported.save(update_fields=["file"])
            transaction.on_commit(lambda: imported.file.storage.delete(name))
        _look_for_duplicates(run)
        return
    run.total = run.done
    run.end(State.DONE)


def _look_for_duplicates(run: ImportRun) -> None:
    """Who of these people may be the same as somebody else is a search's work: one for all of them, instead of one for each."""
    counts = run.figures["counts"]
    if not (counts.get(Outcome.CREATED) or counts.get(Outcome.ATTACHED)) or not Account.objects.get(pk=run.account_id).unification_enabled:
        return
    searched = DeduplicationRun.scoped().filter(state=State.DONE).exists()
    ask_for_search(kind=DeduplicationRun.Kind.CHANGED if searched else DeduplicationRun.Kind.WHOLE)
