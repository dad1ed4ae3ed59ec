"""Files as people export them, and short words to import one."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from accounts.actors import Actor
from accounts.models import Membership
from integrations.importing.running import ask, carry_out
from integrations.importing.uploading import upload
from integrations.models import Import, ImportRun


def uploaded(content: bytes | str, name: str = "clientes.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def with_part(book: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one of its parts replaced or added."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, content)
    return packed.getvalue()


def imported(content: bytes | str, by: Membership, *, name: str = "clientes.csv", kind: str = "contacts") -> Import:
    return upload(file=uploaded(content, name), kind=kind, by=Actor.person(by))


def does(what: str, found: Import, by: Membership) -> ImportRun:
    """Check, run or undo the import, at once."""
    run = ask(imported=found, kind=what, by=Actor.person(by))
    carry_out(run_id=run.pk)
    return ImportRun.scoped().get(pk=run.pk)


def counts(run: ImportRun) -> dict[str, int]:
    return dict(run.figures["counts"])
