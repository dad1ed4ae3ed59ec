"""What an audit entry says beside its action: words, never keys."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from accounts import changing_settings
from accounts.actors import SYSTEM
from accounts.audit_details import DETAIL_WORDS, UNSEEN, in_lines
from accounts.auditing import record
from accounts.models import Account, Membership
from accounts.setting_words import SETTING_WORDS
from integrations.connecting import channel_setting_words


def lines(action: str, *, members: dict[int, str] | None = None, **detail: Any) -> list[str]:
    with translation.override("es"):
        return in_lines(record(actor=SYSTEM, action=action, **detail), members=members or {})


def test_a_changed_setting_is_called_as_on_its_form(scoped: Account) -> None:
    changed = {"reopen_within_hours": [72, 5], "conversation_per_channel": [False, True], "name_conflict": ["join_and_warn", "suggest"]}

    assert lines("account.change", changed=changed) == [
        "Reabrir una conversación resuelta dentro de (horas): 72 → 5",
        "Mantener una conversación por canal: no → sí",
        "Cuando un correo o teléfono trae dos nombres: Unir y avisar al agente → Mantener separados y sugerir",
    ]


def test_the_settings_of_a_channel_are_not_taken_for_those_of_the_account(scoped: Account) -> None:
    words = channel_setting_words()
    with translation.override("es"):
        expected = [f"Cambió: Nombre, {words['smtp_host']}"]
        assert str(words["name"]) == "Nombre" != str(SETTING_WORDS["name"])

    assert lines("channel.update", changed=["name", "smtp_host"]) == expected


def test_members_have_names_and_kinds_words(scoped: Account, admin: Membership) -> None:
    assert lines("conversation.assign", members={admin.pk: "Ana"}, to=admin.pk) == ["Asignada a: Ana"]
    assert lines("token.create", members={admin.pk: "Ana"}, name="", hint="hilo_A", member=str(admin.pk)) == [
        "Empieza con: hilo_A",
        "Miembro: Ana",
    ]
    assert lines("member.role", role=["agent", "supervisor"]) == ["Rol: Agente → Supervisor"]
    assert lines("channel.connect", kind="webchat", name="Sitio") == ["Tipo: Chat web", "Nombre: Sitio"]
    assert lines("contact.correct", field="city", old=None, new="Lima") == ["Campo: Ciudad", "Después: Lima"]


def test_numbers_that_lead_nowhere_stay_out(scoped: Account) -> None:
    assert lines("contact.merge", event=5, cause="deduplication", emptied=[7, 9]) == [
        "Causa: búsqueda de duplicados",
        "Contactos que se le unieron: 7, 9",
    ]
    assert lines("suggestion.accept", decision=3, contacts=[1, 2], probability=0.9949) == ["Contactos: 1, 2", "Probabilidad: 99 %"]
    assert lines("unification.finish", kind="on", state="done", figures={"contacts_before": 9, "contacts_after": 7, "failed": 0}) == [
        "Tipo: Activando",
        "Estado: Terminada",
        "Contactos antes: 9",
        "Contactos después: 7",
    ]


def _details_recorded() -> Iterator[tuple[str, str]]:
    for room in ("accounts", "contacts", "consent", "inbox", "integrations"):
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "record":
                    names = [keyword.arg for keyword in node.keywords if keyword.arg]
                    # The ledger of consent has a function of the same name; it names no actor.
                    if {"actor", "action"} <= set(names):
                        yield from ((name, path.name) for name in names if name not in {"actor", "action", "target"})


def test_every_detail_has_words() -> None:
    found = dict(_details_recorded())

    assert {"cause", "emptied", "changed"} <= found.keys()
    assert found.keys() - DETAIL_WORDS.keys() - UNSEEN - {"changed", "figures"} == set()


@pytest.mark.parametrize("setting", changing_settings.EDITABLE)
def test_every_setting_has_words(setting: str) -> None:
    assert setting in SETTING_WORDS
