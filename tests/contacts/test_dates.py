"""Dates without a guess."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.dates import read_date


@pytest.mark.parametrize(
    "text", ["1990-03-25", "25/3/1990", "25-03-1990", "3/25/1990", "25 de marzo de 1990", "March 25th, 1990", "25-mar-1990", "19900325"]
)
def test_one_day_in_many_spellings(text: str) -> None:
    assert read_date(text) == date(1990, 3, 25)


def test_the_same_number_twice_is_no_question() -> None:
    assert read_date("05/05/1990") == date(1990, 5, 5)


@pytest.mark.parametrize("text", ["03/04/1990", "3-4-1990", "25/03/90", "31/02/1990", "hoy", "", "1990", "13/13/1990", "0001-01-01"])
def test_what_could_be_two_days_or_none_is_not_read(text: str) -> None:
    assert read_date(text) is None


@given(st.text(max_size=30))
def test_whatever_the_text_nothing_is_raised(text: str) -> None:
    read_date(text)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_iso_is_always_read(day: date) -> None:
    assert read_date(day.isoformat()) == day
