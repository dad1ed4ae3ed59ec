"""What an import keeps about people besides the profiles, and when it goes: by itself after some days, or with the person."""

import csv
import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.redacting import ERASED, redact_audit, redact_json
from contacts.erasers import Person, Report
from contacts.searching import plain
from integrations.importing.rows import WORDS, Reason
from integrations.models.imports import Import, ImportedRow, ImportRun, RejectedRow

KEPT = timedelta(days=30)
# A file that nobody ran.
WAITS = timedelta(days=7)
SHORTEST = 4


def forget_old() -> int:
    """Rejected rows of a month ago, and files that were uploaded a week ago and are not being read. Returns how many rows went."""
    now = timezone.now()
    busy = ImportRun.unfinished().values("imported")
    for imported in Import.scoped().filter(uploaded_at__lt=now - WAITS).exclude(file="").exclude(pk__in=busy):
        imported.file.delete(save=True)
    return RejectedRow.scoped().filter(run__created_at__lt=now - KEPT).delete()[0]


def forget_person(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``: rejected rows that name the person, examples, what an undo would have put back, and files.

    The marks of their rows stay: they are keyed hashes, and by them the same file does not bring the person back.
    """
    report.removed["import_rows"] += ImportedRow.scoped().filter(profile__in=person.profile_ids).exclude(before=None).update(before=None)
    words = {plain(word) for word in person.values | person.names if len(word) >= SHORTEST}
    digits = {number for word in person.values if len(number := re.sub(r"\D", "", word)) >= 7}
    named = [row.pk for row in RejectedRow.scoped().only("cells").iterator() if _names(row.cells, words, digits)]
    report.removed["rejected_rows"] += RejectedRow.scoped().filter(pk__in=named).delete()[0]
    report.removed["mentions"] += redact_json(ImportRun.scoped(), "figures", person.values | person.names)
    _forget_files(words, report)


def _forget_files(words: Collection[str], report: Report) -> None:
    """Every file that waits, whoever it names: it can be uploaded again. One that is being taken in goes with the end of its run."""
    running = ImportRun.unfinished().filter(kind=ImportRun.Kind.RUN).values("imported")
    for imported in Import.scoped().exclude(file="").exclude(pk__in=running):
        transaction.on_commit(partial(imported.file.storage.delete, str(imported.file.name)))
        report.removed["uploaded_files"] += Import.scoped().filter(pk=imported.pk).update(file="")
    # What a file was called, and the first row of one that was taken for its headings.
    for imported in Import.scoped():
        shown = plain("\n".join([imported.name, *map(str, imported.headings)]))
        if any(word in shown for word in words):
            Import.scoped().filter(pk=imported.pk).update(name=ERASED, headings=[ERASED] * len(imported.headings))
            redact_audit(words=(), targets={"import": [imported.pk]})


def _names(cells: list[str], words: set[str], digits: set[str]) -> bool:
    text = plain("\n".join(cells))
    if any(word in text for word in words):
        return True
    numbers = [re.sub(r"\D", "", cell) for cell in cells]
    return any(len(number) >= 7 and (number in known or known in number) for number in numbers for known in digits)


class _Line:
    """What csv writes is handed on instead of kept."""

    def write(self, text: str) -> str:
        return text


def rejected_lines(run: ImportRun) -> Iterator[bytes]:
    """The rejected rows as CSV that can be put right and imported again: the original columns, then where and why."""
    writer = csv.writer(_Line(), delimiter=";" if run.imported.delimiter == ";" else ",")
    yield "\ufeff".encode() + str(writer.writerow([*run.imported.headings, "hilo_row", "hilo_reason"])).encode()
    width = len(run.imported.headings)
    for row in run.rejected.order_by("number").iterator():
        cells = [str(cell) for cell in row.cells[:width]] + [""] * (width - len(row.cells))
        why = str(WORDS[Reason(row.reason)]) + (f" ({row.column})" if row.column else "")
        yield str(writer.writerow([*cells, row.number, why])).encode()
