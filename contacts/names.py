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
    return [token for token in fold_name(name).split() if token not in PARTICLES and token not in TITLES]


def _given(tokens: list[str]) -> list[str]:
    """The tokens that can be given names: the first, and the second where it is known as one or surnames follow."""
    if len(tokens) >= 3 or (len(tokens) == 2 and tokens[1] in _groups()):
        return tokens[:2]
    return tokens[:1]


def _one_name(a: str, b: str) -> bool:
    if a == b or (1 in (len(a), len(b)) and a[0] == b[0]):
        return True
    groups = _groups()
    if groups.get(a, _NONE) & groups.get(b, _NONE):
        return True
    short, long = sorted((_root(a), _root(b)), key=len)
    if (short, long) != tuple(sorted((a, b), key=len)) and long.startswith(short):
        return True
    if a in groups and b in groups:
        return False
    short, long = sorted((a, b), key=len)
    if len(short) >= 3 and short not in groups and long.startswith(short):
        return True
    return _typo(short, long)


_NONE: frozenset[str] = frozenset()


def formal_names(given: str) -> frozenset[str]:
    """The formal names that a folded given name or nickname can stand for; empty where it is not known."""
    return _groups().get(given, _NONE)


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
