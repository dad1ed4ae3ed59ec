"""How two records are compared: each comparison's levels, in SQL for the engine and in Python for one pair at once.

A level's condition is written twice on purpose: Splink runs the SQL over millions of pairs, the scorer runs the Python while a
message waits; a test holds them equal. The first level that holds is the pair's; ``None`` in a value gives no level at all.
``m`` and ``u`` are the shipped chances of the level among true and among random pairs. ``per_record`` gives ``u`` instead for
identifiers, which no random sample would see agree: wrong pairs per record of the account, whatever its size.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from contacts.deduplication.records import Record

Condition = Callable[[Record, Record], bool]
edits = DamerauLevenshtein.distance
likeness = JaroWinkler.similarity


@dataclass(frozen=True)
class Level:
    """``frequency``: the column whose term frequency weighs the agreement; ``fixed``: training leaves m and u alone."""

    name: str
    sql: str
    holds: Condition
    m: float
    u: float | None = None
    per_record: float | None = None
    frequency: str | None = None
    fixed: bool = False


@dataclass(frozen=True)
class Comparison:
    """``nothing``: when the pair has nothing to compare. The last level is everything else."""

    name: str
    nothing_sql: str
    nothing: Condition
    levels: tuple[Level, ...]

    def level_of(self, a: Record, b: Record) -> int | None:
        """The index of the level of the pair; ``None`` where there is nothing to compare."""
        if self.nothing(a, b):
            return None
        for index, level in enumerate(self.levels):
            if level.holds(a, b):
                return index
        raise AssertionError(f"{self.name} has no level for everything else")


def _either_missing(column: str) -> tuple[str, Condition]:
    return f"{column}_l is null or {column}_r is null", lambda a, b: getattr(a, column) is None or getattr(b, column) is None


def _otherwise(m: float, u: float, *, fixed: bool = False, name: str = "differs") -> Level:
    return Level(name, "ELSE", lambda a, b: True, m, u, fixed=fixed)


# Given names ------------------------------------------------------------------------------------------------------------------

# A letter more or less, but not the one that makes María of Mario or Daniela of Daniel, nor between two names that both exist.
_TYPO = (
    "(not (given_known_l and given_known_r) and least(length(given_l), length(given_r)) >= 4"
    " and left(given_l, -1) <> left(given_r, -1) and given_l || 'a' <> given_r and given_r || 'a' <> given_l"
    " and given_l || 'o' <> given_r and given_r || 'o' <> given_l"
    " and damerau_levenshtein(given_l, given_r) <= case when least(length(given_l), length(given_r)) >= 8 then 2 else 1 end)"
)


def _typo(a: Record, b: Record) -> bool:
    one, two = a.given or "", b.given or ""
    if (a.given_known and b.given_known) or min(len(one), len(two)) < 4 or one[:-1] == two[:-1]:
        return False
    if one in (f"{two}a", f"{two}o") or two in (f"{one}a", f"{one}o"):
        return False
    return edits(one, two) <= (2 if min(len(one), len(two)) >= 8 else 1)


_FORMS = "(len(list_intersect(forms_l, forms_r)) > 0)"
# J. is José, and Pepe; Fer is an unknown Fernand.
_SHORT = (
    "(case when length(given_l) = 1 then contains(initials_r, given_l) when length(given_r) = 1 then contains(initials_l, given_r)"
    " else least(length(given_l), length(given_r)) in (3, 4) and not (given_known_l and given_known_r)"
    " and (starts_with(given_l, given_r) or starts_with(given_r, given_l)) end)"
)
# A nickname of a mistyped name, or two mistyped ones.
_NEAR = "(len(list_intersect(near_l, forms_r)) > 0 or len(list_intersect(forms_l, near_r)) > 0 or len(list_intersect(near_l, near_r)) > 0)"
_SECOND = "(coalesce(given_l = given2_r, false) or coalesce(given_r = given2_l, false))"
_SWAPPED = "(coalesce(given_l = surname_r, false) or coalesce(given_r = surname_l, false))"


def _forms(a: Record, b: Record) -> bool:
    return not set(a.forms).isdisjoint(b.forms)


def _short(a: Record, b: Record) -> bool:
    one, two = a.given or "", b.given or ""
    if len(one) == 1:
        return one in (b.initials or "")
    if len(two) == 1:
        return two in (a.initials or "")
    return min(len(one), len(two)) in (3, 4) and not (a.given_known and b.given_known) and (one.startswith(two) or two.startswith(one))


def _near(a: Record, b: Record) -> bool:
    return not (set(a.near).isdisjoint(b.forms) and set(a.forms).isdisjoint(b.near) and set(a.near).isdisjoint(b.near))


def _second(a: Record, b: Record) -> bool:
    return (a.given is not None and a.given == b.given2) or (b.given is not None and b.given == a.given2)


def _swapped(a: Record, b: Record) -> bool:
    return (a.given is not None and a.given == b.surname) or (b.given is not None and b.given == a.surname)


def compatible(a: Record, b: Record) -> bool:
    """Whether the given names can be one person's; a missing one can be anybody's."""
    if a.given is None or b.given is None:
        return True
    return a.given == b.given or _forms(a, b) or _typo(a, b) or _near(a, b) or _short(a, b) or _second(a, b) or _swapped(a, b)


_COMPATIBLE = (
    f"(given_l is null or given_r is null or given_l = given_r or {_FORMS} or {_TYPO} or {_NEAR} or {_SHORT} or {_SECOND} or {_SWAPPED})"
)
_NAMED = "(given_l is not null and given_r is not null)"


def _named(a: Record, b: Record) -> bool:
    return a.given is not None and b.given is not None


GIVEN = Comparison(
    "given",
    *_either_missing("given"),
    levels=(
        Level("same", "given_l = given_r", lambda a, b: a.given == b.given, 0.72, 0.012, frequency="given"),
        Level("nickname", _FORMS, _forms, 0.12, 0.004),
        Level("typo", f"({_TYPO} or {_NEAR})", lambda a, b: _typo(a, b) or _near(a, b), 0.05, 0.0012),
        Level("initial", _SHORT, _short, 0.03, 0.004),
        Level("second", _SECOND, _second, 0.02, 0.006),
        Level("swapped", _SWAPPED, _swapped, 0.01, 0.0008),
        Level(
            "lone",
            "surname_l is null or surname_r is null",
            lambda a, b: a.surname is None or b.surname is None,
            0.07,
            0.25,
            fixed=True,
        ),
        _otherwise(0.008, 0.72, fixed=True),
    ),
)

# Surnames ---------------------------------------------------------------------------------------------------------------------


def _surname_typo(a: Record, b: Record) -> bool:
    return likeness(a.surname or "", b.surname or "") >= 0.9


def _surname_initial(a: Record, b: Record) -> bool:
    one, two = a.surname or "", b.surname or ""
    return min(len(one), len(two)) == 1 and one[0] == two[0]


def _surname_crossed(a: Record, b: Record) -> bool:
    return (a.surname == b.surname2) or (b.surname == a.surname2) or _swapped(a, b)


SURNAME = Comparison(
    "surname",
    *_either_missing("surname"),
    levels=(
        Level("same", "surname_l = surname_r", lambda a, b: a.surname == b.surname, 0.86, 0.012, frequency="surname"),
        Level("typo", "jaro_winkler_similarity(surname_l, surname_r) >= 0.9", _surname_typo, 0.05, 0.004),
        Level(
            "initial",
            "least(length(surname_l), length(surname_r)) = 1 and left(surname_l, 1) = left(surname_r, 1)",
            _surname_initial,
            0.03,
            0.004,
        ),
        Level(
            "crossed",
            f"(coalesce(surname_l = surname2_r, false) or coalesce(surname_r = surname2_l, false) or {_SWAPPED})",
            _surname_crossed,
            0.02,
            0.02,
        ),
        _otherwise(0.04, 0.96),
    ),
)
SECOND_SURNAME = Comparison(
    "surname2",
    *_either_missing("surname2"),
    levels=(
        Level("same", "surname2_l = surname2_r", lambda a, b: a.surname2 == b.surname2, 0.9, 0.012, frequency="surname2"),
        Level(
            "typo",
            "jaro_winkler_similarity(surname2_l, surname2_r) >= 0.9",
            lambda a, b: likeness(a.surname2 or "", b.surname2 or "") >= 0.9,
            0.05,
            0.004,
        ),
        _otherwise(0.05, 0.984),
    ),
)

# Phone and email: what agreement is worth depends on who else uses the value ---------------------------------------------------

CROWD = 4


def _same(column: str) -> Condition:
    return lambda a, b: getattr(a, column) == getattr(b, column)


def _shared_levels(column: str, rates: dict[str, tuple[float, float]]) -> tuple[Level, ...]:
    same, people = f"{column}_l = {column}_r", f"greatest({column}_people_l, {column}_people_r)"
    equal = _same(column)

    def crowd(a: Record, b: Record) -> int:
        return max(getattr(a, f"{column}_people"), getattr(b, f"{column}_people"))

    conditions: dict[str, tuple[str, Condition]] = {
        "own": (f"{same} and {people} = 1 and {_COMPATIBLE}", lambda a, b: equal(a, b) and crowd(a, b) == 1 and compatible(a, b)),
        "crowd": (f"{same} and {people} >= {CROWD}", lambda a, b: equal(a, b) and crowd(a, b) >= CROWD),
        "shared": (
            f"{same} and {_NAMED} and {_COMPATIBLE}",
            lambda a, b: equal(a, b) and _named(a, b) and compatible(a, b),
        ),
        "unnamed": (f"{same} and {_COMPATIBLE}", lambda a, b: equal(a, b) and compatible(a, b)),
        "family": (
            f"{same} and coalesce(surname_l = surname_r, false)",
            lambda a, b: equal(a, b) and a.surname is not None and a.surname == b.surname,
        ),
        "other_name": (same, equal),
    }
    return tuple(
        Level(name, sql, holds, rates[name][0], per_record=rates[name][1], fixed=True) for name, (sql, holds) in conditions.items()
    )


PHONE = Comparison(
    "phone",
    *_either_missing("phone"),
    levels=(
        *_shared_levels(
            "phone",
            {
                "own": (0.70, 0.014),
                "crowd": (0.02, 0.5),
                "shared": (0.06, 0.075),
                "unnamed": (0.01, 0.007),
                "family": (0.005, 0.07),
                "other_name": (0.01, 0.02),
            },
        ),
        Level(
            "typo", "damerau_levenshtein(phone_l, phone_r) <= 1", lambda a, b: edits(a.phone or "", b.phone or "") <= 1,
            0.02, per_record=0.03, fixed=True,
        ),
        _otherwise(0.06, 1.0, fixed=True),
    ),
)  # fmt: skip

_DIGITS = "regexp_replace(local_{0}, '[^0-9]', '', 'g')"
_SAME_DIGITS = f"{_DIGITS.format('l')} = {_DIGITS.format('r')}"


def _digits(text: str | None) -> str:
    return "".join(c for c in text or "" if c in "0123456789")


def _email_typo(a: Record, b: Record) -> bool:
    return (
        a.email is not None and b.email is not None and a.local is not None and len(a.local) >= 8 and a.local[:1] == (b.local or "")[:1]
        and _digits(a.local) == _digits(b.local) and edits(a.email, b.email) <= 1
    )  # fmt: skip


EMAIL = Comparison(
    "email",
    *_either_missing("email"),
    levels=(
        *_shared_levels(
            "email",
            {
                "own": (0.60, 0.003),
                "crowd": (0.01, 2.0),
                "shared": (0.03, 0.03),
                "unnamed": (0.01, 0.01),
                "family": (0.005, 0.002),
                "other_name": (0.015, 0.016),
            },
        ),
        Level(
            "other_domain",
            f"local_l = local_r and length({_DIGITS.format('l')}) >= 2",
            lambda a, b: a.local is not None and a.local == b.local and len(_digits(a.local)) >= 2,
            0.03, 0.0001, fixed=True,
        ),
        Level(
            "typo",
            "length(local_l) >= 8 and left(local_l, 1) = left(local_r, 1)"
            f" and damerau_levenshtein(email_l, email_r) <= 1 and {_SAME_DIGITS}",
            _email_typo,
            0.05, 0.0016, fixed=True,
        ),
        _otherwise(0.10, 1.0, fixed=True),
    ),
)  # fmt: skip
_SAME_HANDLE = "handle_l = handle_r and regexp_matches(handle_l, '[0-9]{2}')"
_TOLD = "coalesce(contains(handle_letters_{0}, left(surname_{0}, 3)), false)"


def _same_handle(a: Record, b: Record) -> bool:
    return a.handle == b.handle and any(one in "0123456789" and two in "0123456789" for one, two in _neighbours(a.handle))


def _told_handle(a: Record, b: Record) -> bool:
    return _same_handle(a, b) and all(one.surname is not None and one.surname[:3] in (one.handle_letters or "") for one in (a, b))


HANDLE = Comparison(
    "handle",
    "handle_l is null or handle_r is null or (email_l is not null and email_r is not null)",
    lambda a, b: a.handle is None or b.handle is None or (a.email is not None and b.email is not None),
    levels=(
        # Made of the surname that both told: only the digits say something new.
        Level("told", f"{_SAME_HANDLE} and {_TOLD.format('l')} and {_TOLD.format('r')}", _told_handle, 0.20, 0.002, fixed=True),
        # People who chose one handle are as many as pairs of people, so that its worth does not grow with the account.
        Level("same", _SAME_HANDLE, _same_handle, 0.20, 0.000004, fixed=True),
        # Made from the name: it says again what the name said.
        Level(
            "letters",
            "coalesce(handle_letters_l = handle_letters_r, false) and length(handle_letters_l) >= 8",
            lambda a, b: a.handle_letters is not None and a.handle_letters == b.handle_letters and len(a.handle_letters) >= 8,
            0.13, 0.03, fixed=True,
        ),
        _otherwise(0.97, 0.97, fixed=True),
    ),
)  # fmt: skip


def _neighbours(text: str | None) -> zip:
    return zip(text or "", (text or "")[1:], strict=False)


# Papers, birth date, address --------------------------------------------------------------------------------------------------

NATIONAL_ID = Comparison(
    "national_id",
    *_either_missing("national_id"),
    levels=(
        Level("same", "national_id_l = national_id_r", _same("national_id"), 0.93, per_record=0.002, fixed=True),
        Level(
            "typo",
            "length(national_id_l) >= 6 and damerau_levenshtein(national_id_l, national_id_r) <= 1",
            lambda a, b: len(a.national_id or "") >= 6 and edits(a.national_id or "", b.national_id or "") <= 1,
            0.055, per_record=0.3, fixed=True,
        ),
        _otherwise(0.006, 1.0, fixed=True),
    ),
)  # fmt: skip
BORN = Comparison(
    "born",
    *_either_missing("born"),
    levels=(
        Level("same", "born_l = born_r", _same("born"), 0.90, 0.00006),
        Level("typo", "damerau_levenshtein(born_l, born_r) <= 1", lambda a, b: edits(a.born or "", b.born or "") <= 1, 0.04, 0.0015),
        Level(
            "turned",
            "left(born_l, 4) = left(born_r, 4) and substr(born_l, 6, 2) = substr(born_r, 9, 2)"
            " and substr(born_l, 9, 2) = substr(born_r, 6, 2)",
            lambda a, b: a.born is not None and b.born is not None and (a.born[:4], a.born[5:7], a.born[8:10])
            == (b.born[:4], b.born[8:10], b.born[5:7]),
            0.01, 0.00005,
        ),
        _otherwise(0.05, 0.998),
    ),
)  # fmt: skip
STREET = Comparison(
    "street",
    *_either_missing("street"),
    levels=(
        Level("same", "street_l = street_r", _same("street"), 0.55, 0.0001),
        Level(
            "alike", "jaro_winkler_similarity(street_l, street_r) >= 0.88",
            lambda a, b: likeness(a.street or "", b.street or "") >= 0.88, 0.20, 0.002,
        ),
        _otherwise(0.25, 0.998),
    ),
)  # fmt: skip
CITY = Comparison(
    "city",
    *_either_missing("city"),
    levels=(
        Level("same", "city_l = city_r", _same("city"), 0.85, 0.04, frequency="city"),
        Level(
            "alike", "jaro_winkler_similarity(city_l, city_r) >= 0.92",
            lambda a, b: likeness(a.city or "", b.city or "") >= 0.92, 0.05, 0.002,
        ),
        _otherwise(0.10, 0.958),
    ),
)  # fmt: skip
POSTCODE = Comparison(
    "postcode",
    *_either_missing("postcode"),
    levels=(
        Level("same", "postcode_l = postcode_r", _same("postcode"), 0.85, 0.002),
        Level(
            "typo", "damerau_levenshtein(postcode_l, postcode_r) <= 1",
            lambda a, b: edits(a.postcode or "", b.postcode or "") <= 1, 0.08, 0.01,
        ),
        _otherwise(0.07, 0.988),
    ),
)  # fmt: skip

COMPARISONS = (GIVEN, SURNAME, SECOND_SURNAME, PHONE, EMAIL, HANDLE, NATIONAL_ID, BORN, STREET, CITY, POSTCODE)
FREQUENCIES = tuple(level.frequency for comparison in COMPARISONS for level in comparison.levels if level.frequency)
