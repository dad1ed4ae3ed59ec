"""An import of contacts from the upload to the undo."""

from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Membership
from contacts.claims import Address
from contacts.correcting import correct_field
from contacts.erasing import erase
from contacts.matching import recognise, take_record
from contacts.models import Contact, Identifier, MergeEvent, Profile, Source
from contacts.queries import visible_contacts
from integrations.importing import running
from integrations.importing.keeping import forget_old, rejected_lines
from integrations.importing.rows import FileRefused
from integrations.importing.uploading import choose_mapping
from integrations.models import Connection, Import, ImportedRow, ImportRun, RejectedRow, SyncOutbox, WebhookEvent, WebhookSubscription
from tests.conftest import make_channel
from tests.contacts.stories import at, claim, person
from tests.integrations.importing.files import counts, does, imported, uploaded, workbook

PEOPLE = """Código;Nombre;Correo electrónico;Celular;Ciudad
A1;María Pérez;maria@ejemplo.cl;9 1111 2222;Ñuñoa
A2;Juan Soto;juan@ejemplo.cl;5,69812E+11;Maipú
A3;Rosa Díaz;rosa(arroba)ejemplo.cl;;Talca
A4;;;;
A5;Pedro Rojas;;56981234567.0;Arica
"""


def people() -> list[tuple[str, tuple[str, ...]]]:
    """Everybody with their addresses, as the directory shows them."""
    return sorted(
        (contact.name, tuple(sorted(Identifier.scoped().filter(profile__contact=contact, valid_to=None).values_list("value", flat=True))))
        for contact in visible_contacts()
    )


def everything() -> dict[str, Any]:
    """The whole state of the people, without ids."""
    return {
        "people": people(),
        "contacts": Contact.scoped().count(),
        "profiles": Profile.scoped().count(),
        "history": (Profile.history.count(), Identifier.history.count(), Contact.history.count()),
    }


def test_columns_are_guessed(scoped: Account, supervisor: Membership) -> None:
    found = imported(PEOPLE, supervisor)

    assert (found.format, found.delimiter, found.has_header) == ("csv", ";", True)
    assert found.mapping == ["external_id", "name", "email", "phone", "city"]


@pytest.mark.parametrize(
    ("header", "row", "mapping"),
    [
        ("First Name,Last Name,E-mail,Mobile", "Ana,Soto,ana@ejemplo.cl,+56911112222", ["given_name", "surname", "email", "phone"]),
        (
            "Nome,Sobrenome,E-mail,Celular,CPF",
            "Ana,Lima,ana@x.br,+5511912345678,529.982.247-25",
            ["given_name", "surname", "email", "phone", "national_id"],
        ),
        ("Cliente,Dato 1,Dato 2", "Ana Soto,ana@ejemplo.cl,+56 9 1111 2222", ["name", "email", "phone"]),
        ("Nombre,Teléfono 1,Teléfono 2,Notas", "Ana,911112222,922223333,cliente desde 2020", ["name", "phone", "phone", ""]),
    ],
)
def test_headings_in_three_languages_and_values_without_any(
    scoped: Account, supervisor: Membership, header: str, row: str, mapping: list[str]
) -> None:
    assert imported(f"{header}\n{row}\n", supervisor).mapping == mapping


def test_a_file_without_a_header_is_read_from_its_first_row(scoped: Account, supervisor: Membership) -> None:
    found = imported("Ana Soto;ana@ejemplo.cl\nLuis Díaz;luis@ejemplo.cl\n", supervisor)
    choose_mapping(imported=found, mapping=["name", "email"], by=person(supervisor))

    does("run", found, supervisor)

    assert [name for name, _addresses in people()] == ["Ana Soto", "Luis Díaz"]


def test_a_check_says_what_a_run_will_do_and_writes_nothing(scoped: Account, supervisor: Membership) -> None:
    found = imported(PEOPLE, supervisor)
    before = everything()

    check = does("check", found, supervisor)

    assert everything() == before
    assert not ImportedRow.scoped().exists()
    run = does("run", found, supervisor)
    assert counts(run) == counts(check) == {"created": 2, "rejected": 3}
    assert run.figures["reasons"] == check.figures["reasons"] == {"shortened_number": 1, "bad_email": 1, "nothing_to_know": 1}
    assert people() == [("María Pérez", ("+56911112222", "maria@ejemplo.cl")), ("Pedro Rojas", ("+56981234567",))]
    assert (run.state, run.done, run.total) == ("done", 5, 5)


def test_rejected_rows_come_back_as_a_file_with_reasons(scoped: Account, supervisor: Membership) -> None:
    run = does("run", imported(PEOPLE, supervisor), supervisor)

    lines = b"".join(rejected_lines(run)).decode("utf-8-sig").splitlines()

    assert lines[0] == "Código;Nombre;Correo electrónico;Celular;Ciudad;hilo_row;hilo_reason"
    assert lines[1].startswith("A2;Juan Soto;juan@ejemplo.cl;5,69812E+11;Maipú;3;")
    assert "Celular" in lines[1]
    assert len(lines) == 4


def test_the_same_file_again_changes_nothing(scoped: Account, supervisor: Membership) -> None:
    does("run", imported(PEOPLE, supervisor), supervisor)
    before = everything()

    again = imported(PEOPLE, supervisor)
    check, run = does("check", again, supervisor), does("run", again, supervisor)

    assert counts(run) == counts(check) == {"unchanged": 2, "rejected": 3}
    assert everything() == before


def test_without_an_id_the_whole_row_is_the_key(scoped: Account, supervisor: Membership) -> None:
    content = "Nombre;Correo\nAna;ana@ejemplo.cl\n"
    does("run", imported(content, supervisor), supervisor)

    run = does("run", imported(content + "Luis;luis@ejemplo.cl\nLuis;luis@ejemplo.cl\n", supervisor), supervisor)

    assert counts(run) == {"unchanged": 2, "created": 1}


def test_a_changed_row_is_a_later_version_of_its_record_and_its_undo_puts_back(scoped: Account, supervisor: Membership) -> None:
    does("run", imported("id;nombre;correo\n7;Ana;ana@ejemplo.cl\n", supervisor), supervisor)
    before = people()
    change = imported("id;nombre;correo\n7;Ana Soto;ana@nuevo.cl\n", supervisor)

    run = does("run", change, supervisor)

    assert counts(run) == {"updated": 1}
    assert people() == [("Ana Soto", ("ana@nuevo.cl",))]
    undo = does("undo", change, supervisor)
    assert people() == before
    assert counts(undo)["put_back"] == 3


def test_an_undo_leaves_what_changed_since_and_says_so(scoped: Account, supervisor: Membership) -> None:
    does("run", imported("id;nombre;ciudad\n7;Ana;Talca\n", supervisor), supervisor)
    change = imported("id;nombre;ciudad\n7;Ana Soto;Arica\n", supervisor)
    does("run", change, supervisor)
    does("run", imported("id;nombre;ciudad\n7;Ana Soto;Iquique\n", supervisor), supervisor)

    undo = does("undo", change, supervisor)

    fields = Contact.scoped().get().fields
    assert (fields["name"]["value"], fields["city"]["value"]) == ("Ana", "Iquique")
    assert counts(undo) == {"put_back": 1, "changed_since": 1}


def test_an_id_twice_in_one_file_is_refused(scoped: Account, supervisor: Membership) -> None:
    found = imported("id;nombre\n7;Ana\n7;Luis\n", supervisor)

    check, run = does("check", found, supervisor), does("run", found, supervisor)

    assert counts(run) == counts(check) == {"created": 1, "rejected": 1}
    assert run.figures["reasons"] == {"key_twice": 1}


def test_rows_of_one_person_join_in_unified_mode_in_the_check_too(
    scoped: Account, supervisor: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_TOGETHER", 2)
    rows = ["nombre;correo", *(f"Ana {n};ana@ejemplo.cl" for n in ("Soto", "Soto R", "Soto Rojas")), "Luis;luis@ejemplo.cl"]
    found = imported("\n".join(rows), supervisor)

    check, run = does("check", found, supervisor), does("run", found, supervisor)

    assert counts(run) == counts(check) == {"created": 2, "attached": 2}
    assert len(people()) == 2


def test_a_row_that_links_two_people_joins_them_and_the_undo_parts_them(scoped: Account, supervisor: Membership) -> None:
    take_record(source=Source.CRM, claim=claim(name="Ana", email="ana@ejemplo.cl"), occurred_at=at(0), cause="crm")
    take_record(source=Source.CRM, claim=claim(name="Ana Soto", phone="+56911112222"), occurred_at=at(0), cause="crm")
    before = people()
    found = imported("nombre;correo;celular\nAna Soto;ana@ejemplo.cl;911112222\n", supervisor)
    assert counts(does("run", found, supervisor)) == {"merged": 1}
    assert len(people()) == 1

    undo = does("undo", found, supervisor)

    assert people() == before
    assert counts(undo) == {"separated": 1, "removed": 1}
    assert Profile.scoped().count() == 2
    # Nobody said that they are different people: the same file joins them again.
    assert counts(does("run", imported("nombre;correo;celular\nAna Soto;ana@ejemplo.cl;911112222\n", supervisor), supervisor)) == {
        "merged": 1
    }


def test_an_undo_takes_back_whoever_others_only_heard_of(scoped: Account, supervisor: Membership) -> None:
    Connection.objects.create(kind="rest", name="Tienda", creates_there=True, paused=True)
    WebhookSubscription.objects.create(name="Panel", url="https://panel.example", events=["contact.created", "contact.erased"])
    before = everything()
    found = imported(PEOPLE, supervisor)
    does("run", found, supervisor)
    assert SyncOutbox.scoped().count() == 2

    undo = does("undo", found, supervisor)

    assert counts(undo) == {"removed": 2}
    assert (everything(), SyncOutbox.scoped().count()) == (before, 0)
    assert [event.type for event in WebhookEvent.scoped()] == ["contact.erased", "contact.erased"]


def test_an_undo_leaves_everything_as_it_was_before(scoped: Account, supervisor: Membership) -> None:
    take_record(source=Source.CRM, claim=claim(name="María", email="maria@ejemplo.cl"), occurred_at=at(0), cause="crm")
    before = people(), Contact.scoped().count(), Profile.scoped().count(), Identifier.scoped().count()
    found = imported(PEOPLE, supervisor)
    does("run", found, supervisor)

    undo = does("undo", found, supervisor)

    assert (people(), Contact.scoped().count(), Profile.scoped().count(), Identifier.scoped().count()) == before
    assert counts(undo) == {"removed": 2}
    assert Profile.history.count() == 1
    with pytest.raises(FileRefused):
        does("undo", found, supervisor)
    assert counts(does("run", imported(PEOPLE, supervisor), supervisor)) == {"attached": 1, "created": 1, "rejected": 3}


def test_what_people_wrote_meanwhile_stays(scoped: Account, supervisor: Membership) -> None:
    from datetime import timedelta

    from django.utils import timezone

    found = imported("nombre;celular\nAna;911112222\nLuis;922223333\nEva;933334444\n", supervisor)
    does("run", found, supervisor)
    whatsapp = make_channel(scoped, "whatsapp")
    later = timezone.now() + timedelta(minutes=1)
    wrote = recognise(channel=whatsapp, address=Address("whatsapp", "56911112222"), claim=claim(name="Anita"), occurred_at=later)
    luis = visible_contacts().get(name="Luis")
    correct_field(contact=luis, field="city", value="Talca", by=person(supervisor))

    undo = does("undo", found, supervisor)

    assert counts(undo) == {"removed": 2, "kept": 1}
    # Ana's import is gone; who wrote since stays in the contact with its old number.
    assert [name for name, _values in people()] == ["Anita", "Luis"]
    assert Contact.scoped().get(pk=wrote.profile.contact_id).name == "Anita"


def test_a_worker_that_dies_is_gone_on_with(scoped: Account, supervisor: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_TOGETHER", 2)
    content = "id;nombre\n" + "".join(f"{n};Persona {n}\n" for n in range(7))
    found = imported(content, supervisor)
    run = running.ask(imported=found, kind="run", by=person(supervisor))
    real = running._take_lot

    def dies(work: Any, lot: Any) -> None:
        if work.run.reached >= 4:
            raise KeyboardInterrupt
        real(work, lot)

    with patch.object(running, "_take_lot", dies), pytest.raises(KeyboardInterrupt):
        running.carry_out(run_id=run.pk)
    assert (Profile.scoped().count(), ImportRun.scoped().get().reached) == (4, 4)
    ImportRun.scoped().update(beat_at=at(0))

    running.carry_out(run_id=run.pk)

    ended = ImportRun.scoped().get()
    assert (ended.state, counts(ended)) == ("done", {"created": 7})
    assert Profile.scoped().count() == 7


def test_a_cancelled_run_keeps_what_it_did_and_can_go_on(scoped: Account, supervisor: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_TOGETHER", 2)
    found = imported("id;nombre;correo\n" + "".join(f"{n};P{n};p{n}@ejemplo.cl\n" for n in range(6)), supervisor)
    run = running.ask(imported=found, kind="run", by=person(supervisor))
    real = running._take_lot

    def cancels(work: Any, lot: Any) -> None:
        real(work, lot)
        running.cancel(run=run, by=person(supervisor))

    with patch.object(running, "_take_lot", cancels):
        running.carry_out(run_id=run.pk)
    assert (ImportRun.scoped().get().state, Profile.scoped().count()) == ("cancelled", 2)

    again = does("run", found, supervisor)

    assert again.pk == run.pk
    assert (again.state, counts(again), Profile.scoped().count()) == ("done", {"created": 6}, 6)


def test_a_row_that_breaks_the_store_costs_itself_only(scoped: Account, supervisor: Membership) -> None:
    found = imported("nombre;correo\nAna;ana@ejemplo.cl\nLuis;luis@ejemplo.cl\n", supervisor)
    real = running.WAYS["contacts"].take

    def breaks(what: Import, rows: Any) -> Any:
        if any(row.claim.given["name"] == "Ana" for row in rows):
            raise RuntimeError("broken")
        return real(what, rows)

    with patch.dict(running.WAYS, {"contacts": running.WAYS["contacts"].__class__(running.WAYS["contacts"].read, breaks)}):
        run = does("run", found, supervisor)

    assert counts(run) == {"created": 1, "rejected": 1}
    assert run.figures["reasons"] == {"failed": 1}


def test_a_deadlock_is_tried_again(scoped: Account, supervisor: Membership) -> None:
    found = imported("nombre;correo\nAna;ana@ejemplo.cl\n", supervisor)
    way = running.WAYS["contacts"]
    calls = []

    def once(what: Import, rows: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("deadlock detected")
        return way.take(what, rows)

    with patch.dict(running.WAYS, {"contacts": way.__class__(way.read, once)}):
        run = does("run", found, supervisor)

    assert (counts(run), len(calls)) == ({"created": 1}, 2)


def test_one_import_at_a_time(scoped: Account, supervisor: Membership) -> None:
    first, second = imported(PEOPLE, supervisor), imported(PEOPLE, supervisor)
    running.ask(imported=first, kind="check", by=person(supervisor))

    with pytest.raises(FileRefused) as refused:
        running.ask(imported=second, kind="check", by=person(supervisor))

    assert refused.value.code == "busy"


def test_agents_import_nothing(scoped: Account, supervisor: Membership, agent: Membership) -> None:
    found = imported(PEOPLE, supervisor)

    with pytest.raises(PermissionDenied):
        imported(PEOPLE, agent)
    with pytest.raises(PermissionDenied):
        running.ask(imported=found, kind="run", by=person(agent))

    assert Import.scoped().count() == 1
    assert not ImportRun.scoped().exists()


@pytest.mark.parametrize(
    "mapping",
    [["name"], ["name", "name", "email", "phone", "city"], ["", "", "", "", "city"], ["nada", "name", "email", "phone", "city"]],
)
def test_a_mapping_that_makes_no_sense_is_refused(scoped: Account, supervisor: Membership, mapping: list[str]) -> None:
    found = imported(PEOPLE, supervisor)

    with pytest.raises(FileRefused):
        choose_mapping(imported=found, mapping=mapping, by=person(supervisor))

    assert Import.scoped().get().mapping == found.mapping


@pytest.mark.parametrize("encoding", ["-1", "base64", "x" * 20])
def test_an_encoding_that_nobody_offers_is_refused(scoped: Account, supervisor: Membership, encoding: str) -> None:
    found = imported(PEOPLE, supervisor)

    with pytest.raises(FileRefused) as refused:
        choose_mapping(imported=found, mapping=found.mapping, by=person(supervisor), encoding=encoding)
    assert refused.value.code == "encoding"
    assert Import.scoped().get().encoding == found.encoding


def test_a_file_that_is_too_large_is_not_kept(scoped: Account, supervisor: Membership, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 10

    with pytest.raises(FileRefused):
        imported(PEOPLE, supervisor)

    assert not Import.scoped().exists()


def test_a_workbook_is_imported_like_a_text(scoped: Account, supervisor: Membership) -> None:
    book = workbook([["Nombre", "Celular", "Fecha de nacimiento"], ["Ana", 56911112222, 32957], ["Luis", "1.2E+11", "03/04/1990"]])

    run = does("run", imported(book, supervisor, name="clientes.csv"), supervisor)

    assert run.figures["reasons"] == {"shortened_number": 1}
    assert Contact.scoped().get().fields["date_of_birth"]["value"] == "1990-03-25"


def test_an_erased_person_stays_erased(scoped: Account, supervisor: Membership, admin: Membership) -> None:
    found = imported(PEOPLE, supervisor)
    run = does("run", found, supervisor)
    rejected = RejectedRow.scoped().get(run=run, reason="shortened_number")
    assert "Juan Soto" in rejected.cells
    maria = visible_contacts().get(name="María Pérez")

    erase(profiles=list(maria.profiles.all()), by=person(admin))

    run = does("run", imported(PEOPLE, supervisor), supervisor)
    assert run.figures["reasons"]["erased"] == 1
    run = does("run", imported("nombre;correo\nMaría P;MARIA@ejemplo.cl\n", supervisor), supervisor)
    assert counts(run) == {"rejected": 1}
    assert run.figures["reasons"] == {"erased": 1}
    assert not visible_contacts().filter(name__startswith="María").exists()


def test_rejected_rows_of_a_person_go_with_the_person_and_others_after_a_month(
    scoped: Account, supervisor: Membership, admin: Membership
) -> None:
    content = "nombre;correo;nacimiento\nAna Soto;ana@ejemplo.cl;03/04/1990\nOtra;otra@ejemplo.cl;03/04/1990\n"
    found = imported(content, supervisor)
    choose_mapping(imported=found, mapping=["name", "email", "date_of_birth"], by=person(supervisor))
    does("run", found, supervisor)
    ana = take_record(source=Source.CRM, claim=claim(name="Ana Soto", email="Ana@Ejemplo.cl"), occurred_at=at(0), cause="crm")

    erase(profiles=[ana.profile], by=person(admin))

    assert [row.cells[0] for row in RejectedRow.scoped()] == ["Otra"]
    ImportRun.scoped().update(created_at=at(0))
    forget_old()
    assert not RejectedRow.scoped().exists()


def test_the_file_is_gone_once_it_was_run_and_the_audit_tells(
    scoped: Account, supervisor: Membership, django_capture_on_commit_callbacks: Any
) -> None:
    found = imported(PEOPLE, supervisor)
    storage, name = found.file.storage, found.file.name
    assert storage.exists(name)

    with django_capture_on_commit_callbacks(execute=True):
        does("run", found, supervisor)

    assert not storage.exists(name)
    assert Import.scoped().get().file.name == ""
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert [action for action in actions if action.startswith("import.")] == ["import.upload", "import.run", "import.finish"]
    with pytest.raises(FileRefused):
        running.ask(imported=found, kind="run", by=Actor.person(supervisor))


def test_in_standard_mode_nobody_is_joined(standard_account: Account) -> None:
    from accounts.roles import Role
    from accounts.scope import account_scope
    from tests.conftest import make_member

    someone = make_member(standard_account, Role.SUPERVISOR)
    with account_scope(standard_account):
        found = imported("nombre;correo\nAna;a@ejemplo.cl\nEva;a@ejemplo.cl\n", someone)
        check, run = does("check", found, someone), does("run", found, someone)

        assert counts(run) == counts(check) == {"created": 2}
        assert not MergeEvent.scoped().exists()


def test_uploaded_names_lead_nowhere(scoped: Account, supervisor: Membership) -> None:
    found = imported(uploaded("x").read() + b";y\n1;2\n", supervisor, name="../../etc/passwd")

    assert found.name == "passwd"
    assert found.file.name.startswith(f"imports/{scoped.pk}/")
