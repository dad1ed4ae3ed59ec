"""Names are compared, never corrected: what is shown is what was given."""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from rapidfuzz.distance import DamerauLevenshtein

PARTICLES = frozenset({"de", "del", "la", "las", "los", "da", "das", "do", "dos", "di", "van", "von", "y", "e"})
TITLES = frozenset({"sr", "sra", "srta", "don", "dona", "dr", "dra", "ing", "lic", "prof", "mr", "mrs", "ms"})
PLACEHOLDERS = frozenset(
    {
        *("anonimo", "anonima", "anonymous", "cliente", "customer", "desconocido", "guest", "invitado", "invitada"),
        *("n a", "na", "nombre", "ninguno", "none", "null", "prueba", "sin nombre", "test", "unknown", "user", "usuario"),
        *("visitante", "visitor", "whatsapp", "yo", "contacto", "name", "no name"),
    }
)
DATA = Path(__file__).parent / "data" / "given_names.txt"


@lru_cache(maxsize=50_000)
def fold_name(name: str) -> str:
    """Lower case without accents or punctuation; ``Pérez, María`` becomes ``maria perez``."""
    name = unicodedata.normalize("NFKC", name)
    if name.count(",") == 1:
        last, first = name.split(",")
        name = f"{first} {last}"
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return " ".join(_WORDS.findall(_without_marks(decomposed).replace("'", "").replace("’", "")))


_WORDS = re.compile(r"[^\W\d_]+")
_MARKS_OF_LATIN = re.compile("[\u0300-\u034e\u0350-\u036f]+")
_LATIN = re.compile("[\x00-\u034e\u0350-\u036f]*")


def _without_marks(decomposed: str) -> str:
    """Without accents and other combining marks."""
    if decomposed.isascii():
        return decomposed
    if _LATIN.fullmatch(decomposed):
        return _MARKS_OF_LATIN.sub("", decomposed)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def is_placeholder(name: str) -> bool:
    """Whether the name names nobody: empty, only signs or digits, or a word such as "cliente"."""
    folded = fold_name(name)
    return len(folded) < 2 or folded in PLACEHOLDERS


def names_conflict(a: str, b: str) -> bool:
    """Whether two given names cannot be one person's, after nicknames, initials, typos and placeholders.

    Surnames never decide: they change, are left out, and relatives share them.
    """
    if is_placeholder(a) or is_placeholder(b):
        return False
    one, two = _tokens(a), _tokens(b)
    if not one or not two:
        return False
    short, long = sorted((one, two), key=len)
    if set(short) <= set(long):
        return False
    # A first name may be the other's second given name (Juan Carlos, Carlos); two second words may be one surname.
    return not (any(_one_name(one[0], name) for name in _given(two)) or any(_one_name(two[0], name) for name in _given(one)))


def _tokens(name: str) -> list[str]:
    return name_tokens(fold_name(name))


def name_tokens(folded: str) -> list[str]:
    """The words of a folded name that name somebody. A single letter in front is an initial: E. Soto, Y. Soto."""
    tokens = folded.split()
    if len(tokens) == 1:
        return _unglued(folded)
    return [
        token for place, token in enumerate(tokens) if (token not in PARTICLES or (place == 0 and len(token) == 1)) and token not in TITLES
    ]


@lru_cache(maxsize=50_000)
def _unglued(word: str) -> list[str]:
    """A given name and a surname written as one word, as user names are: elenaalvarez."""
    groups = _groups()
    if word not in groups:
        for length in range(len(word) - 4, 3, -1):
            if word[:length] in groups.get(word[:length], _NONE):
                return [word[:length], word[length:]]
    return [] if word in PARTICLES or word in TITLES else [word]


def _given(tokens: list[str]) -> list[str]:
    """The tokens that can be given names: the first, and the second where it is known as one or surnames follow."""
    if len(tokens) >= 3 or (len(tokens) == 2 and tokens[1] in _groups()):
        return tokens[:2]
    return tokens[:1]


def _one_name(a: str, b: str) -> bool:
    if a == b:
        return True
    groups = _groups()
    mine, theirs = groups.get(a, _NONE), groups.get(b, _NONE)
    if 1 in (len(a), len(b)):
        initial, name, formal = (a, b, theirs) if len(a) == 1 else (b, a, mine)
        return any(one[0] == initial for one in (name, *formal, *near_names(name)))
    if mine & theirs:
        return True
    short, long = sorted((_root(a), _root(b)), key=len)
    if (short, long) != tuple(sorted((a, b), key=len)) and long.startswith(short):
        return True
    if mine and theirs:
        return False
    short, long = sorted((a, b), key=len)
    if len(short) >= 3 and short not in groups and long.startswith(short):
        return True
    near, far = near_names(a), near_names(b)
    return _typo(short, long) or bool(near & theirs or mine & far or near & far)


_NONE: frozenset[str] = frozenset()


def formal_names(given: str) -> frozenset[str]:
    """The formal names that a folded given name or nickname can stand for; empty where it is not known."""
    return _groups().get(given, _NONE)


@lru_cache(maxsize=50_000)
def near_names(given: str) -> frozenset[str]:
    """The formal names of what an unknown given name may be a typo of: gadalupe, chraly. Empty where it is known."""
    if len(given) < 4 or given in _groups():
        return _NONE
    found: set[str] = set()
    for name, formal in _by_initial().get(given[0], ()):
        if abs(len(name) - len(given)) > 1 or len(name) < 4 or given[:-1] == name[:-1] or name in (given[:-1], f"{given}a", f"{given}o"):
            continue
        # Of four letters one is a quarter of the name: there only two in the wrong order are a slip.
        if (len(given) > 4 or sorted(given) == sorted(name)) and DamerauLevenshtein.distance(given, name, score_cutoff=1) <= 1:
            found |= formal
    return frozenset(found)


@cache
def _by_initial() -> dict[str, list[tuple[str, frozenset[str]]]]:
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for name, formal in _groups().items():
        found.setdefault(name[0], []).append((name, formal))
    return found


def _root(name: str) -> str:
    """Without the diminutive: anita → an, pedrito → pedr, carmencita → carmen."""
    return re.sub(r"(c?it[oa]s?|inh[oa]|ill[oa])$", "", name) if len(name) >= 5 else name


def _typo(short: str, long: str) -> bool:
    # María and Mario, Daniel and Daniela are one letter apart and two persons.
    if short[:-1] == long[:-1] or long in (f"{short}a", f"{short}o"):
        return False
    allowed = 2 if len(short) >= 8 else 1
    return len(short) >= 4 and DamerauLevenshtein.distance(short, long, score_cutoff=allowed) <= allowed


@cache
def _groups() -> dict[str, frozenset[str]]:
    """Given name or nickname → the formal names that it can stand for."""
    groups: dict[str, set[str]] = {}
    for line in DATA.read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if not line:
            continue
        formal, _, nicknames = line.partition(":")
        for name in (formal.strip(), *nicknames.split()):
            groups.setdefault(name, set()).add(formal.strip())
    return {name: frozenset(formals) for name, formals in groups.items()}
