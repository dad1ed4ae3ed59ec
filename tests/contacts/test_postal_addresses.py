"""Addresses split, abbreviations folded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.postal_addresses import PostalAddress, fold_street, split_address


@pytest.mark.parametrize(
    "text",
    [
        "Av. Providencia 1234, depto 56, Santiago, RM, Chile",
        "avenida providencia n.º 1234 dpto. 56, Santiago, RM, Chile",
        "AVDA PROVIDENCIA Nº 1234, Depto. 56, SANTIAGO, RM, Chile",
        "Avenida Providencia #1234, departamento 56, Santiago, RM, Chile",
    ],
)
def test_one_address_in_many_spellings(text: str) -> None:
    assert split_address(text) == PostalAddress("avenida providencia", "1234", "56", "santiago", "rm", "", "CL")


@pytest.mark.parametrize(
    ("text", "street", "number"),
    [
        ("Cra. 7 # 12-34, Bogotá", "carrera 7", "12-34"),
        ("Carrera 7 No. 12-34, Bogotá", "carrera 7", "12-34"),
        ("Calle Mayor, 5, 28013 Madrid", "mayor", "5"),
        ("C/ Mayor 5, 28013 Madrid", "mayor", "5"),
        ("Rua Augusta 100, 01305-000, São Paulo", "augusta", "100"),
    ],
)
def test_street_and_number(text: str, street: str, number: str) -> None:
    found = split_address(text)
    assert (found.street, found.number) == (street, number)


def test_the_postcode_and_the_city_of_one_piece() -> None:
    found = split_address("C/ Mayor 5, 28013 Madrid")
    assert (found.postcode, found.city, found.key) == ("28013", "madrid", "mayor|5|28013")


def test_flats_of_one_house_have_one_key_and_a_village_has_none() -> None:
    assert split_address("Av. Sur 1, depto 2, Lima").key == split_address("Avenida Sur 1, depto 3, Lima").key != ""
    assert split_address("Lima").key == ""


@given(st.text(max_size=80))
def test_whatever_the_text_nothing_is_raised_and_folding_is_done_once(text: str) -> None:
    split_address(text)
    once = fold_street(text)
    assert fold_street(once) == once
