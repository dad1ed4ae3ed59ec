"""Whatever is wrong with a file, it is read row by row or refused with a reason, in bounded memory."""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.importing import csv_files, vcard_files, xlsx_files
from integrations.importing.columns import guess
from integrations.importing.encodings import find_encoding
from integrations.importing.rows import FileRefused, FileRow, Reason
from integrations.importing.sniffing import sniff
from integrations.importing.tables import data_rows, look_at
from integrations.models import Import
from tests.integrations.importing.files import with_part, workbook

PEOPLE = "Nombre;Correo;Ciudad\r\nMaría Pérez;maria@ejemplo.cl;Ñuñoa\r\nJoão Gonçalves;joao@ejemplo.br;São Paulo\r\n"


def rows_of(content: bytes, *, delimiter: str = ";", encoding: str = "") -> list[FileRow]:
    file = io.BytesIO(content)
    return list(csv_files.read_rows(file, encoding=encoding or find_encoding(file), delimiter=delimiter))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "cp850", "mac_roman"])
def test_every_encoding_of_the_region_is_found(encoding: str) -> None:
    rows = rows_of(PEOPLE.encode(encoding))

    assert [row.cells for row in rows] == [tuple(line.split(";")) for line in PEOPLE.splitlines()]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_every_delimiter_is_found_though_other_signs_stand_in_the_cells(delimiter: str) -> None:
    other = "," if delimiter != "," else ";"
    lines = [["Nombre", "Nota"], ["Ana", f"uno{other} dos"], ["Luis", f"a{other}b{other}c"]]
    content = "\n".join(delimiter.join(line) for line in lines).encode()

    assert csv_files.find_delimiter(io.BytesIO(content), encoding="utf-8") == delimiter


@pytest.mark.parametrize(
    ("above", "header"),
    [
        ("Listado de clientes;;\nGenerado el;25-03-2026;\n;;\n", ["Nombre", "Correo", "Celular"]),
        ("sep=;\n", ["Nombre", "Correo", "Celular"]),
        # Whoever stands there with as many cells is a row.
        ("Ana;Soto;Arica\n", ["Ana", "Soto", "Arica"]),
    ],
)
def test_what_stands_above_the_header_is_passed_over(above: str, header: list[str]) -> None:
    file = io.BytesIO(f"{above}Nombre;Correo;Celular\nAna;ana@ejemplo.cl;911112222\n".encode())

    found = look_at(file, format="csv", region="CL")
    imported = Import(format="csv", encoding=found["encoding"], delimiter=found["delimiter"], has_header=found["has_header"])

    assert found["headings"] == header
    rows = [row.cells for row in data_rows(imported, file)]
    assert rows[-1] == ("Ana", "ana@ejemplo.cl", "911112222")
    assert len(rows) == (1 if header[0] == "Nombre" else 2)


def test_a_file_of_nothing_but_blanks_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        look_at(io.BytesIO(b"\r\n   \r\n"), format="csv", region="CL")
    assert refused.value.code == "empty"


def test_of_two_columns_with_one_heading_the_first_is_taken() -> None:
    assert guess(kind="contacts", headings=["Nombre", "Nombre", "Correo"], sample=[], region="CL") == ["name", "", "email"]


@pytest.mark.parametrize("birthday", ["BDAY:--0203", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-03"])
def test_a_birthday_without_its_year_costs_nobody_the_card(birthday: str) -> None:
    card = f"BEGIN:VCARD\nVERSION:4.0\nFN:Ana\n{birthday}\nEND:VCARD\n"

    header, row = vcard_files.read_rows(io.BytesIO(card.encode()), encoding="utf-8")

    assert (dict(zip(header.cells, row.cells, strict=True))["date_of_birth"], row.problem) == ("", None)


def test_a_line_break_within_quotes_is_part_of_the_cell_and_lines_count_on() -> None:
    rows = rows_of(b'a;b\n"uno\ndos";2\nx;y\n')

    assert [(row.number, row.cells) for row in rows] == [(1, ("a", "b")), (2, ("uno\ndos", "2")), (4, ("x", "y"))]


def test_a_quotation_mark_that_is_never_closed_costs_one_row() -> None:
    rows = rows_of(b'a;b\n1;2\nx;"abierta\n3;4\n5;6\n')

    assert [(row.number, row.problem) for row in rows] == [(1, None), (2, None), (3, Reason.BROKEN_QUOTES), (4, None), (5, None)]
    assert rows[3].cells == ("3", "4")


def test_text_behind_a_closed_quotation_mark_is_refused() -> None:
    assert [row.problem for row in rows_of(b'a;b\n"uno"dos;2\n3;4\n')] == [None, Reason.BROKEN_QUOTES, None]


class _Endless(io.RawIOBase):
    """A file whose second line is one cell of many bytes; nobody holds it."""

    def __init__(self, size: int) -> None:
        self._parts = self._all(size)
        self._rest = b""

    def _all(self, size: int) -> Iterator[bytes]:
        yield b"nombre;correo\n"
        for _ in range(size >> 20):
            yield b"x" * (1 << 20)
        yield b"\nAna;ana@ejemplo.cl\n"

    def seek(self, place: int, whence: int = 0) -> int:
        return 0

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (part := next(self._parts, b"")):
            self._rest += part
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def test_a_cell_of_two_gigabytes_is_passed_over_in_a_few_megabytes() -> None:
    # The size of the cell does not matter to the memory; a quarter of it keeps the test short.
    tracemalloc.start()
    rows: list[Any] = list(csv_files.read_rows(_Endless(512 << 20), encoding="utf-8", delimiter=";"))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [(row.number, row.problem) for row in rows] == [(1, None), (2, Reason.TOO_LONG), (3, None)]
    assert rows[2].cells == ("Ana", "ana@ejemplo.cl")
    assert peak < 30 << 20


def test_a_long_cell_within_a_line_is_refused() -> None:
    rows = rows_of(b"a;b\n" + b"x" * 200_000 + b";2\n3;4\n")

    assert [row.problem for row in rows] == [None, Reason.TOO_LONG, None]


def test_bytes_that_are_no_text_refuse_their_row_only() -> None:
    rows = rows_of(b"a;b\n\x00;2\n\xff\xfe;2\n3;4\n", encoding="utf-8")

    assert [row.problem for row in rows] == [None, Reason.BROKEN_TEXT, Reason.BROKEN_TEXT, None]


def test_a_workbook_is_read_as_people_see_it() -> None:
    import datetime as dt

    book = workbook(
        [
            ["Nombre", "Teléfono", "Nacimiento", "Total"],
            ["Ana", 56981234567.0, dt.datetime(1990, 3, 25), "=1+1"],
            [None, None, None, None],
            ["Luis", "+56 9 1111 2222", dt.datetime(2026, 3, 2, 9, 30), 2.5],
        ]
    )

    rows = list(xlsx_files.read_rows(io.BytesIO(book)))

    assert rows[1].cells == ("Ana", "56981234567", "1990-03-25")
    assert rows[2].cells == ()
    assert rows[3] == FileRow(4, ("Luis", "+56 9 1111 2222", "2026-03-02 09:30:00", "2.5"))


def test_what_stands_behind_a_long_gap_is_read_too() -> None:
    sheet = b"".join(
        [
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>',
            *(b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>x</t></is></c></row>' % (row, row) for row in (1, 3000)),
            b"</sheetData></worksheet>",
        ]
    )
    rows = list(xlsx_files.read_rows(io.BytesIO(with_part(workbook([["x"]]), "xl/worksheets/sheet1.xml", sheet))))
    assert [row.number for row in rows if row.cells] == [1, 3000]


def test_of_a_formula_the_value_is_taken_that_was_last_computed() -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        b'<c r="A1" t="str"><f>CONCATENATE("Ana"," ","Soto")</f><v>Ana Soto</v></c>'
        b'<c r="B1" t="e"><f>1/0</f><v>#DIV/0!</v></c></row></sheetData></worksheet>'
    )

    rows = list(xlsx_files.read_rows(io.BytesIO(with_part(workbook([["x"]]), "xl/worksheets/sheet1.xml", sheet))))

    assert rows[0].cells[0] == "Ana Soto"
    assert rows[0].problem == Reason.EXCEL_ERROR


def refusal(content: bytes) -> str:
    with pytest.raises(FileRefused) as refused:
        if sniff(io.BytesIO(content)) == "xlsx":
            xlsx_files.check_workbook(io.BytesIO(content))
    return str(refused.value.code)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = with_part(workbook([["x"]]), "xl/worksheets/sheet1.xml", b" " * (100 << 20))
    assert len(bomb) < 1 << 20
    tracemalloc.start()

    assert refusal(bomb) == "bomb"

    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    bomb = bytearray(with_part(workbook([["x"]]), "xl/worksheets/sheet1.xml", b" " * (20 << 20)))
    real = struct.pack("<I", 20 << 20)
    while (place := bomb.find(real)) >= 0:
        bomb[place : place + 4] = struct.pack("<I", 1000)

    assert refusal(bytes(bomb)) == "damaged"


def test_an_endless_cell_of_a_workbook_is_refused() -> None:
    text = b"<sst><si><t>" + bytes(range(97, 123)) * 20_000 + b"</t></si></sst>"

    assert refusal(with_part(workbook([["x"]]), "xl/sharedStrings.xml", text)) in ("long_cell", "bomb")


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        (SHEET, b"</sheetData>", b"<row"),
        (SHEET, b'r="A1"', b'r="ZZZZZZ1"'),
        (SHEET, b'<row r="2"', b'<row r="two"'),
        (SHEET, b't="inlineStr"><is><t>Ana</t></is>', b't="s"><v>99</v>'),
        ("[Content_Types].xml", b"spreadsheetml", b"nothing"),
    ],
)
def test_a_workbook_that_is_broken_inside_is_refused(part: str, before: bytes, after: bytes) -> None:
    """What the library says only when the broken row is read, and in whatever error."""
    book = workbook([("nombre",), ("Ana",)])
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        whole = archive.read(part)
    assert before in whole
    with pytest.raises(FileRefused, match="dañado"):
        list(xlsx_files.read_rows(io.BytesIO(with_part(book, part, whole.replace(before, after)))))


def test_a_quoted_line_of_a_card_goes_on_behind_its_sign() -> None:
    name = "FN;CHARSET=%s;ENCODING=QUOTED-PRINTABLE:Jos=C3=A9 =\r\nP=C3=A9rez\r\n"
    card = f"BEGIN:VCARD\r\nVERSION:2.1\r\n{name}TEL:+56911112222\r\nEND:VCARD\r\n"
    content = (card % "UTF-8" + card % "nonsense" + card % "UTF-8").encode()
    rows = list(vcard_files.read_rows(io.BytesIO(content), encoding="utf-8"))[1:]
    assert [(row.cells[1], row.problem) for row in (rows[0], rows[2])] == [("José Pérez", None)] * 2
    assert rows[1].problem == Reason.BROKEN_CARD


def test_entities_are_refused() -> None:
    laughs = b'<!DOCTYPE x [<!ENTITY a "ja"><!ENTITY b "&a;&a;">]><sst/>'

    assert refusal(with_part(workbook([["x"]]), "xl/sharedStrings.xml", laughs)) == "entities"


def _archive(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, b"x")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "old_excel"),
        (b"%PDF-1.7 ...", "other_format"),
        (b"<!DOCTYPE html><table><tr><td>Ana", "markup"),
        (bytes(range(256)) * 8, "other_format"),
        (b"PK\x03\x04cut off", "damaged"),
        (_archive("hola.txt"), "other_format"),
        (with_part(workbook([["x"]]), "xl/vbaProject.bin", b"x"), "macros"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_with_a_reason(content: bytes, code: str) -> None:
    assert refusal(content) == code


def test_the_content_counts_not_the_name() -> None:
    assert sniff(io.BytesIO(workbook([["x"]]))) == "xlsx"
    assert sniff(io.BytesIO(b"BEGIN:VCARD\r\n")) == "vcard"
    assert sniff(io.BytesIO("nombre;correo".encode("utf-16"))) == "csv"


CARDS = """BEGIN:VCARD
VERSION:3.0
FN:María José Pérez
N:Pérez;María José;;;
EMAIL;TYPE=HOME:maria@ejemplo.cl
EMAIL;TYPE=WORK:mjp@empresa.cl
TEL;TYPE=CELL:+56 9 1111 2222
ORG:Empresa Limitada;Ventas
ADR:;;Los Olmos 12;Ñuñoa;;7750000;Chile
BDAY:1990-03-25
PHOTO;ENCODING=b:AAAA
 BBBB
END:VCARD
BEGIN:VCARD
esto no es una tarjeta
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Luis Soto
TEL;VALUE=uri:tel:+56922223333
END:VCARD
"""


def test_cards_are_read_and_a_broken_one_spoils_no_other() -> None:
    rows = list(vcard_files.read_rows(io.BytesIO(CARDS.replace("\n", "\r\n").encode()), encoding="utf-8"))

    first = dict(zip(vcard_files.HEADER, rows[1].cells, strict=True))
    assert first["name"] == "María José Pérez"
    assert first["email"] == "maria@ejemplo.cl; mjp@empresa.cl"
    assert (first["company"], first["street"], first["city"], first["postcode"]) == ("Empresa Limitada", "Los Olmos 12", "Ñuñoa", "7750000")
    assert first["date_of_birth"] == "1990-03-25"
    assert rows[2].problem == Reason.BROKEN_CARD
    assert rows[3].cells[1:4] == ("Luis Soto", "", "+56922223333")
