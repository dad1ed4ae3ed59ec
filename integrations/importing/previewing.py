"""The first rows of a file as they will be read."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Account
from accounts.scope import current_account_id
from consent.fingerprints import account_key
from contacts.names import fold_name
from integrations.importing.reading_people import PersonRow, Reader, read_person
from integrations.importing.rows import WORDS, FileRow, RowRefused
from integrations.importing.tables import data_rows, local_copy
from integrations.models.imports import Import

ROWS = 8


@dataclass(frozen=True)
class PreviewRow:
    """``read`` says in pairs (what, value) what the row says; ``why`` why it is refused, and ``column`` because of which one."""

    number: int
    cells: list[str]
    read: list[tuple[str, str]]
    why: Any = ""
    column: str = ""


def reader_of(imported: Import) -> Reader:
    account = Account.objects.get(pk=current_account_id())
    return Reader(
        kind=imported.kind,
        headings=imported.headings,
        mapping=imported.mapping,
        region=account.default_region,
        zone=ZoneInfo(account.timezone),
        at=imported.uploaded_at,
        secret=account_key(),
        source=fold_name(imported.source),
    )


def preview(imported: Import, *, read: Callable[[FileRow, Reader], Any], limit: int = ROWS) -> list[PreviewRow]:
    """The first rows; ``read`` is the reader of the import's kind."""
    reader = reader_of(imported)
    width = len(imported.headings)
    shown = []
    with local_copy(imported) as file:
        for row in islice(data_rows(imported, file), limit):
            cells = [cell[:80] for cell in row.cells[:width]] + [""] * (width - len(row.cells))
            try:
                said = read(row, reader)
            except RowRefused as refused:
                shown.append(PreviewRow(row.number, cells, [], WORDS[refused.reason], refused.column))
            else:
                shown.append(PreviewRow(row.number, cells, in_words(said)))
    return shown


def in_words(said: Any) -> list[tuple[str, str]]:
    """What a row that was read says, as kinds and values."""
    if isinstance(said, PersonRow):
        return [("name", said.claim.given.get("name", ""))] + [(each.kind, each.raw) for each in said.claim.identifiers]
    return [(name, str(value)) for name, value in said.shown()]


__all__ = ["PreviewRow", "in_words", "preview", "read_person", "reader_of"]
