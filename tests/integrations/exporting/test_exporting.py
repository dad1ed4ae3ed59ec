"""What leaves as a file: complete, harmless in a spreadsheet, readable again, for a while and for administrators."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from accounts.models import Account, AuditEntry, Membership
from contacts.erasing import erase
from contacts.matching import take_record
from contacts.models import Contact, Identifier, Profile, Source
from integrations.exporting.cells import guarded
from integrations.exporting.running import ask, carry_out, forget_expired, key_of, link_to, open_file
from integrations.importing.cells import FORMULA_SIGNS, NOTHING, plain
from integrations.models import Export
from tests.contacts.stories import at, claim, person
from tests.integrations.importing.files import counts, does, imported


def told(**said: Any) -> Profile:
    return take_record(source=Source.CRM, claim=claim(**said), occurred_at=at(0), cause="crm").profile


@pytest.fixture
def people(scoped: Account) -> None:
    told(name="María Pérez", email="maria@ejemplo.cl", phone="+56911112222", city="Ñuñoa")
    told(name='=HYPERLINK("http://malo")', email="otro@ejemplo.cl", company="-2+3")
    told(name='\'=Raro, "Juan"; y\nsalto', phone="+56922223333")


def exported(by: Membership, *, format: str = "csv", kind: str = "contacts", **filters: str) -> bytes:
    export = ask(kind=kind, format=format, by=person(by), **filters)
    carry_out(run_id=export.pk)
    export.refresh_from_db()
    assert (export.state, export.error) == ("done", "")
    with default_storage.open(export.file) as file:
        return file.read()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_no_cell_of_a_text_file_is_a_formula(people: None, admin: Membership) -> None:
    rows = rows_of(exported(admin))

    assert [row["name"] for row in rows] == ["María Pérez", '\'=HYPERLINK("http://malo")', "''=Raro, \"Juan\"; y\nsalto"]
    assert rows[0]["phone"] == "+56911112222"
    assert rows[1]["company"] == "'-2+3"


def test_no_cell_of_a_workbook_is_a_formula(people: None, admin: Membership) -> None:
    book = load_workbook(io.BytesIO(exported(admin, format="xlsx")))
    cells = [cell for row in book.active.iter_rows() for cell in row if cell.value is not None]

    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert '\'=HYPERLINK("http://malo")' in [cell.value for cell in cells]


@given(st.one_of(st.text("'=+-@\t\ra1", max_size=6), st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)))
def test_an_import_takes_the_sign_away_again(text: str) -> None:
    written = guarded(text)

    assert not written.startswith(FORMULA_SIGNS) or written.removeprefix("+").replace("; +", "").isdigit()
    if text == text.strip() and text.casefold() not in NOTHING:
        assert plain(written) == text


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_what_was_exported_changes_nothing_when_it_is_imported(people: None, admin: Membership, format: str) -> None:
    before = list(Profile.scoped().values_list("given", "later")), Identifier.scoped().count(), Contact.scoped().count()

    found = imported(exported(admin, format=format), admin, name="export")
    run = does("run", found, admin)

    assert counts(run) == {"unchanged": 3}
    assert (list(Profile.scoped().values_list("given", "later")), Identifier.scoped().count(), Contact.scoped().count()) == before


def test_a_row_that_was_changed_in_the_spreadsheet_is_taken_in(people: None, admin: Membership) -> None:
    content = exported(admin).decode("utf-8-sig").replace("Ñuñoa", "Talca")

    run = does("run", imported(content, admin), admin)

    assert counts(run) == {"unchanged": 2, "attached": 1}
    assert Contact.scoped().get(name="María Pérez").fields["city"]["value"] == "Talca"


def test_cards_come_back_as_the_people_they_are(people: None, admin: Membership, other_account: Account) -> None:
    from accounts.roles import Role
    from accounts.scope import account_scope
    from tests.conftest import make_member

    cards = exported(admin, format="vcard")
    assert cards.count(b"BEGIN:VCARD") == 3
    someone = make_member(other_account, Role.ADMIN)
    with account_scope(other_account):
        run = does("run", imported(cards, someone, name="a.vcf"), someone)

        assert counts(run) == {"created": 3}
        names = set(Contact.scoped().values_list("name", flat=True))
        assert {"María Pérez", '=HYPERLINK("http://malo")'} < names
        assert Identifier.scoped().filter(kind="phone", value="+56922223333").exists()


def test_lines_of_json_and_parquet_hold_types(people: None, admin: Membership) -> None:
    lines = [json.loads(line) for line in exported(admin, format="jsonl").splitlines()]
    table = pq.read_table(io.BytesIO(exported(admin, format="parquet"))).to_pylist()

    assert lines[0]["email"] == table[0]["email"] == ["maria@ejemplo.cl"]
    assert lines[1]["name"] == table[1]["name"] == '=HYPERLINK("http://malo")'
    assert table[0]["since"] == at(0)
    assert lines[0]["since"] == "2026-03-02T09:00:00Z"


def test_it_is_filtered_like_the_directory(people: None, admin: Membership) -> None:
    assert [row["name"] for row in rows_of(exported(admin, q="maria"))] == ["María Pérez"]
    with pytest.raises(ValidationError):
        exported(admin, fix="nada")


def test_conversations_and_consents_leave_too(scoped: Account, admin: Membership) -> None:
    from tests.conftest import make_channel

    channel = make_channel(scoped, "whatsapp")
    from contacts.claims import Address
    from inbox.adapters import InboundMessage
    from inbox.receiving import receive

    receive(
        channel=channel,
        inbound=InboundMessage(
            provider_id="w1", sender=Address("whatsapp", "56911112222"), occurred_at=at(0), claim=claim(name="Ana"), body="=1+1 hola"
        ),
    )
    row = rows_of(exported(admin, kind="conversations"))[0]

    assert (row["message_id"], row["body"], row["direction"], row["channel"], row["name"]) == ("w1", "'=1+1 hola", "in", "whatsapp", "Ana")
    assert rows_of(exported(admin, kind="consents")) == []


def test_reading_costs_the_same_for_two_and_for_many(scoped: Account, django_assert_num_queries: Any) -> None:
    from integrations.exporting.tables import TABLES

    def queries(count: int, first: int) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        for number in range(first, first + count):
            told(name=f"P{number}", email=f"p{number}@ejemplo.cl")
        with CaptureQueriesContext(connection) as counted:
            assert sum(len(lot) for lot in TABLES["contacts"].rows({})) == first + count
        return len(counted)

    assert queries(2, 0) == queries(18, 2)


def test_the_link_opens_one_file_for_a_day_to_administrators(
    people: None, account: Account, admin: Membership, admin_client: Client, supervisor_client: Client, outsider_client: Client
) -> None:
    exported(admin)
    export = Export.scoped().get()
    link = link_to(export, account)

    assert admin_client.get(link).status_code == 200
    answer = admin_client.post(link)
    assert b"Mar\xc3\xada" in b"".join(answer.streaming_content)
    assert "attachment" in answer["Content-Disposition"]
    assert supervisor_client.post(link).status_code == 403
    assert outsider_client.post(link).status_code == 404
    assert Client().post(link).status_code == 302
    other = ask(kind="contacts", format="csv", by=person(admin))
    wrong = reverse("integrations:export_file", args=[account.slug, export.pk]) + f"?key={key_of(other)}"
    assert admin_client.post(wrong).status_code == 410
    assert AuditEntry.objects.filter(action="export.download").count() == 1
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert admin_client.post(link).status_code == 410


def test_the_file_is_taken_away_when_its_time_is_over(people: None, admin: Membership) -> None:
    exported(admin)
    name = Export.scoped().get().file
    Export.scoped().update(expires_at=timezone.now())

    assert forget_expired() == 1

    assert not default_storage.exists(name)
    assert Export.scoped().get().file == ""


def test_an_erasure_takes_the_files_away(people: None, admin: Membership) -> None:
    exported(admin, q="maria")
    name = Export.scoped().get().file

    erase(profiles=list(Profile.scoped().filter(given__name="María Pérez")), by=person(admin))

    assert not default_storage.exists(name)
    assert Export.scoped().get().filters == {}
    assert b"Mar\xc3\xada" not in exported(admin)


def test_supervisors_export_nothing(people: None, supervisor: Membership, admin: Membership) -> None:
    with pytest.raises(PermissionDenied):
        ask(kind="contacts", format="csv", by=person(supervisor))
    exported(admin)
    export = Export.scoped().get()
    with pytest.raises(PermissionDenied):
        open_file(export=export, key=key_of(export), by=person(supervisor))

    assert Export.scoped().count() == 1


def test_whoever_sees_addresses_masked_exports_nothing(people: None, scoped: Account, admin: Membership) -> None:
    exported(admin)
    export = Export.scoped().get()
    scoped.masking = {"admin": "on_request"}
    scoped.save()
    masked = Membership.scoped().get(pk=admin.pk)

    with pytest.raises(PermissionDenied):
        ask(kind="contacts", format="csv", by=person(masked))
    with pytest.raises(PermissionDenied):
        open_file(export=export, key=key_of(export), by=person(masked))

    assert Export.scoped().count() == 1
