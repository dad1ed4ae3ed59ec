"""Consents from elsewhere: with proof they count, and they lift no opt-out."""

from accounts.models import Account, Membership
from consent.models import ConsentEvent
from contacts.matching import take_record
from contacts.models import Source
from tests.contacts.stories import at, claim
from tests.integrations.importing.files import counts, does, imported

LIST = """Correo;Finalidad;Canal;Suscrito;Fecha;Prueba
ana@ejemplo.cl;marketing;correo;Sí;2025-03-31 10:00;formulario web
luis@ejemplo.cl;marketing;correo;Sí;2025-03-31;
ana@ejemplo.cl;marketing;correo;quizás;2025-03-31;
nadie@ejemplo.cl;marketing;correo;Sí;2025-03-31;formulario
eva@ejemplo.cl;marketing;correo;No;;
"""


def test_a_list_is_checked_taken_in_and_known_again(scoped: Account, supervisor: Membership) -> None:
    for name in ("ana", "luis", "eva"):
        take_record(source=Source.CRM, claim=claim(name=name, email=f"{name}@ejemplo.cl"), occurred_at=at(0), cause="crm")
    found = imported(LIST, supervisor, kind="consents")
    assert found.mapping == ["address", "purpose", "channel", "action", "at", "proof"]

    check, run = does("check", found, supervisor), does("run", found, supervisor)

    assert counts(run) == counts(check) == {"added": 2, "unproven": 1, "rejected": 2}
    assert run.figures["reasons"] == {"bad_word": 1, "not_taken": 1}
    assert sorted(ConsentEvent.scoped().values_list("action", flat=True)) == ["grant", "grant", "withdraw"]
    again = does("run", imported(LIST, supervisor, kind="consents"), supervisor)
    assert counts(again) == {"unchanged": 3, "rejected": 2}
    undo = does("undo", found, supervisor)
    assert counts(undo) == {"cannot": 3}
    assert ConsentEvent.scoped().count() == 3


def test_an_opt_out_stands(scoped: Account, supervisor: Membership) -> None:
    take_record(source=Source.CRM, claim=claim(name="Ana", email="ana@ejemplo.cl"), occurred_at=at(0), cause="crm")
    lines = LIST.splitlines()
    does("run", imported(f"{lines[0]}\nana@ejemplo.cl;marketing;correo;baja;2025-04-01;\n", supervisor, kind="consents"), supervisor)

    run = does("run", imported(f"{lines[0]}\n{lines[1]}\n", supervisor, kind="consents"), supervisor)

    assert counts(run) == {"held_back": 1}
