"""Words by which people stop and start messages, in four languages: data, since providers know the English ones only. Pure."""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

WORDS = Path(__file__).parent / "data" / "opt_words.json"
# A longer message is read for its sense only, and what stands far below its beginning is a quotation or a signature.
LONGEST_READ = 2000


class Sense(StrEnum):
    """What a message says about being written to."""

    STOP = "stop"  # it is a stop word
    STOP_MARKETING = "stop_marketing"  # it says so in other words, and clearly
    ASK = "ask"  # a stop word that may mean the order
    HINT = "hint"  # somebody should look
    START = "start"
    HELP = "help"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Heard:
    """``word`` is the word or the words that were recognised, folded; ``language`` where it belongs to one."""

    sense: Sense
    word: str = ""
    language: str = ""


@cache
def _data() -> Any:
    return json.loads(WORDS.read_text())


@cache
def _exact() -> dict[str, Heard]:
    found: dict[str, Heard] = {}
    for sense in (Sense.STOP, Sense.START, Sense.HELP):
        for language, words in _data()[str(sense)].items():
            for word in words:
                known = found.setdefault(fold(word), Heard(sense, fold(word), language))
                if known.language != language:
                    found[known.word] = replace(known, language="")
    return found


@cache
def _clear() -> list[tuple[str, re.Pattern[str]]]:
    return [(language, re.compile(rf"\b(?:{pattern})\b")) for language, patterns in _data()["clear"].items() for pattern in patterns]


@cache
def _any_of(name: str) -> re.Pattern[str]:
    listed = _data()[name]
    words = listed if isinstance(listed, list) else [word for words in listed.values() for word in words]
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})s?\b")


# What turns the sense of a clear phrase round, or makes it a question or a condition.
_TURNED = re.compile(
    r"\b(?:no (?:quiero|deseo|quisiera|necesito) (?:darme|que me den)|nao (?:quero|desejo) me|(?:do not|don t|dont) unsubscribe"
    r"|si no|if you do not|como (?:me|puedo|hago)|how (?:do|can))\b"
)


def fold(text: str) -> str:
    """Lower case, without accents, punctuation and signs; one space between words."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[\W_]+", " ", letters).split())


def speaks_of_order(text: str) -> bool:
    """Whether the text is about an order, a booking or a delivery."""
    return _any_of("order").search(fold(text[:LONGEST_READ])) is not None


def read(text: str, *, about_order: Callable[[], bool]) -> Heard:
    """What a message says about being written to. ``about_order``: an order is being talked about, where "cancel" means that one."""
    folded = fold(text[:LONGEST_READ])
    exact = _exact().get(folded)
    if exact is not None:
        if exact.sense is Sense.STOP and folded in {fold(word) for word in _data()["ambiguous"]} and about_order():
            return Heard(Sense.ASK, exact.word, exact.language)
        return exact
    for language, pattern in _clear():
        if (match := pattern.search(folded)) is not None:
            sense = Sense.HINT if _TURNED.search(folded) or "?" in text else Sense.STOP_MARKETING
            return Heard(sense, match.group(), language)
    hint = _any_of("hint").search(folded)
    return Heard(Sense.HINT, hint.group()) if hint else Heard(Sense.NOTHING)
