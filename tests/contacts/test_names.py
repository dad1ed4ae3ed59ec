"""Given names that can be one person's, and those that cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.names import fold_name, is_placeholder, names_conflict

ONE_PERSON = [
    ("Pepe", "José Díaz"),
    ("Paco Lara", "Francisco Lara"),
    ("Tere", "Teresa Gómez"),
    ("Beto", "Roberto"),
    ("Beto", "Alberto"),
    ("M. Pérez", "María Pérez"),
    ("Juan Carlos Díaz", "Carlos Díaz"),
    ("PEREZ MARIA", "María Pérez"),
    ("González, Ana", "Ana"),
    ("Anita", "Ana"),
    ("Fransisco Rojas", "Francisco"),
    ("María Soto", "María González"),
    ("Sra. Ana Soto", "Ana"),
    ("Cliente", "Ana"),
    ("😀", "Ana"),
    ("", "Ana"),
    ("Juan Rojas", "Juan Rojas"),
]
TWO_PEOPLE = [
    ("María Pérez", "José Pérez"),
    ("María Pérez Soto", "José Pérez Soto"),
    ("Mario", "María"),
    ("Daniel", "Daniela"),
    ("Luis", "Luisa"),
    ("Ana", "Eva"),
    ("Pepe", "Paco"),
    ("Carlos Díaz", "Carla Díaz"),
]


@pytest.mark.parametrize(("a", "b"), ONE_PERSON)
def test_these_may_be_one_person(a: str, b: str) -> None:
    assert not names_conflict(a, b)
    assert not names_conflict(b, a)


@pytest.mark.parametrize(("a", "b"), TWO_PEOPLE)
def test_these_cannot_be_one_person(a: str, b: str) -> None:
    assert names_conflict(a, b)
    assert names_conflict(b, a)


@given(st.text(max_size=40), st.text(max_size=40))
def test_comparing_is_symmetric_and_nobody_conflicts_with_themselves(a: str, b: str) -> None:
    assert names_conflict(a, b) == names_conflict(b, a)
    assert not names_conflict(a, a)


@pytest.mark.parametrize(
    ("name", "folded"), [("Pérez, María José", "maria jose perez"), ("  O’Higgins ", "ohiggins"), ("ＡＮＡ", "ana"), ("Ñuñez 2", "nunez")]
)
def test_names_are_folded_in_one_way(name: str, folded: str) -> None:
    assert fold_name(name) == folded


@pytest.mark.parametrize("name", ["", ".", "123", "Usuario", "SIN NOMBRE", "😀😀", "x"])
def test_these_name_nobody(name: str) -> None:
    assert is_placeholder(name)
