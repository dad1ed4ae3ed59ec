"""What a file is, by what is in it. Its name and the browser's word for its type say nothing."""

import zipfile
from typing import IO

from django.utils.translation import gettext as _

from integrations.importing.rows import FileRefused
from integrations.models.imports import Import

Format = Import.Format
FIRST = 4096
# Compound files: Excel before 2007, and every workbook with a password.
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Beginnings of files that are often taken for another.
KNOWN = (
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"SQLite format 3", "SQLite"),
    (b"PAR1", "Parquet"),
    (b"{\\rtf", "RTF"),
)
MACROS = "vbaProject.bin"


def sniff(file: IO[bytes]) -> Format:
    """The format of the file, which is left at its beginning. Raises ``FileRefused`` for one that is none of ours."""
    file.seek(0)
    first = file.read(FIRST)
    file.seek(0)
    if not first:
        raise FileRefused(_("The file is empty."), code="empty")
    if first.startswith(OLD_EXCEL):
        raise FileRefused(
            _("This is a workbook of Excel before 2007, or one with a password. Save it as .xlsx without a password."), code="old_excel"
        )
    for beginning, name in KNOWN:
        if first.startswith(beginning):
            raise FileRefused(_("This is a %(kind)s file. CSV, Excel (.xlsx) and vCard are read.") % {"kind": name}, code="other_format")
    if first.startswith(b"PK"):
        return _in_archive(file)
    start = first.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\x00", b"")[:200].lower()
    if start.startswith(b"begin:vcard"):
        return Format.VCARD
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        raise FileRefused(_("This is a web page or XML with another ending. Save it as .xlsx or CSV."), code="markup")
    if _is_binary(first):
        raise FileRefused(_("This is no text. CSV, Excel (.xlsx) and vCard are read."), code="other_format")
    return Format.CSV


def _in_archive(file: IO[bytes]) -> Format:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise FileRefused(_("The file is damaged: it was cut off on its way, or it is no workbook."), code="damaged") from error
    finally:
        file.seek(0)
    if any(name.endswith(MACROS) for name in names):
        raise FileRefused(_("The workbook has macros. Save it as .xlsx, which has none."), code="macros")
    if "xl/workbook.xml" not in names:
        raise FileRefused(_("This archive is no Excel workbook. CSV, Excel (.xlsx) and vCard are read."), code="other_format")
    return Format.XLSX


def _is_binary(first: bytes) -> bool:
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    zeros = first.count(0)
    if zeros > len(first) // 4:
        # UTF-16 without a mark: every other byte of plain text is nought.
        return not (first[1::2].count(0) > len(first) // 3 or first[::2].count(0) > len(first) // 3)
    control = sum(byte < 32 and byte not in b"\t\r\n\x0c\x1b" for byte in first)
    return (zeros > 0 and control > len(first) // 50) or control > len(first) // 10
