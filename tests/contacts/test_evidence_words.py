"""The evidence in words, in both languages, with bars that fit their scale."""

import pytest
from django.utils import translation

from contacts.evidence_words import COMPARISONS, SENTENCES, lines_of, odds_in_words, reopening_of, sentence_of
from contacts.suggestion_queries import percent
from tests.contacts.pairs import EVIDENCE, piece


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_comparison_has_words_in_both_languages(language: str) -> None:
    with translation.override(language):
        words = [str(text) for text in (*SENTENCES.values(), *COMPARISONS.values())]
    assert all(words)
    assert len(set(map(str, SENTENCES.values()))) == len(SENTENCES)


def test_the_bars_and_the_starting_point_add_up_to_the_weight() -> None:
    lines = lines_of(EVIDENCE, 4.0)
    assert sum(line.bits for line in lines) == pytest.approx(4.0)
    assert lines[-1].comparison == "start"
    assert [line.speaks_for for line in lines] == [True, True, True, False, False]
    assert all(line.x + line.width == 50 or line.x == 50 for line in lines)


@pytest.mark.parametrize(("bits", "x", "width"), [(12, 50, 25), (-12, 25, 25), (99, 50, 50), (-99, 0, 50), (0, 50, 0)])
def test_a_bar_stays_on_its_scale(bits: float, x: float, width: float) -> None:
    (line,) = lines_of([piece("phone", "own", bits)], None)
    assert (line.x, line.width) == (x, width)


def test_what_nobody_named_shows_its_own_name() -> None:
    assert sentence_of({"comparison": "shoe_size", "level": "half_a_size"}) == "Shoe size: half a size"
    with translation.override("es"):
        assert sentence_of({"comparison": "phone", "level": "brand_new"}) == "Teléfono: brand new"
    assert sentence_of({}) == ""


def test_evidence_that_is_not_as_expected_is_shown_all_the_same() -> None:
    lines = lines_of([{"comparison": "phone"}, {"bits": None, "left": None, "right": 3}], None)
    assert [(line.bits, line.detail) for line in lines] == [(0.0, ""), (0.0, "3")]
    assert reopening_of([{"comparison": "reopened", "left": "nada"}]) != ""


@pytest.mark.parametrize(("probability", "shown"), [(1.0, 99.9), (0.99999, 99.9), (0.9951, 99.5), (0.949, 94.0), (0.0, 0.0), (None, None)])
def test_nobody_is_ever_a_hundred_per_cent_sure(probability: float | None, shown: float | None) -> None:
    assert percent(probability) == shown


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (1.0, "casi con certeza una persona"),
        (0.9, "acertarían unas 9 de cada 10"),
        (0.5, "tan probable una persona como dos"),
        (0.1, "más bien dos personas"),
    ],
)
def test_the_odds_as_a_person_would_say_them(probability: float, words: str) -> None:
    with translation.override("es"):
        assert odds_in_words(probability) == words
