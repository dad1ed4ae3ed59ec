"""What is compared of one profile: its values folded, split and read as one person's, or nothing where they say nothing."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache

from contacts.blocked_values import is_blocked_by_default
from contacts.names import PLACEHOLDERS, fold_name, formal_names, name_tokens, near_names
from contacts.normalising import normal

_OTHER = re.compile(r"[^a-z0-9]+")
_NO_DIGITS = str.maketrans("", "", "0123456789")
# Providers that ignore dots and what follows a plus in the local part.
DOTLESS = frozenset({"gmail.com"})
SAME_DOMAIN = {"googlemail.com": "gmail.com"}
# A profile name with one of these words that does not begin with a given name is a motto, a shop or a relative, not the person's name.
NO_NAMES = frozenset(
    """amor amo bendecida bendecido bendiciones boutique dios don't dont empresa feliz flaca flaco gorda gordo happy hija hijo jesucristo
    life love lovely ltda mama mami mamita negra negrita negro nuevo numero oficial online papa papi papito rey reina sas shop smile spa
    store tienda ventas vida worry""".split()
)
STREET_WORDS = {
    "av": "avenida", "ave": "avenida", "avda": "avenida", "cl": "calle", "c": "calle", "cra": "carrera", "kra": "carrera", "cr": "carrera",
    "pje": "pasaje", "psje": "pasaje", "r": "rua", "dpto": "", "depto": "", "depa": "", "no": "", "num": "", "nro": "", "n": "",
    "numero": "", "casa": "", "apto": "", "st": "street", "rd": "road", "pl": "place", "cct": "circuit", "cres": "crescent",
}  # fmt: skip


@dataclass(slots=True)
class Record:
    """One profile, ready to compare. ``None`` means that nothing is known: it then speaks neither for nor against.

    ``contact`` is the contact it belongs to now; two records of one contact are not compared.
    """

    id: int
    contact: int
    name: str | None = None
    given: str | None = None
    given2: str | None = None
    surname: str | None = None
    surname2: str | None = None
    forms: tuple[str, ...] = ()
    given_known: bool = False
    # Formal names of what the given name may be a typo of, and the letters that may stand for it.
    near: tuple[str, ...] = ()
    initials: str | None = None
    email: str | None = None
    local: str | None = None
    domain: str | None = None
    phone: str | None = None
    handle: str | None = None
    handle_letters: str | None = None
    national_id: str | None = None
    born: str | None = None
    street: str | None = None
    city: str | None = None
    postcode: str | None = None
    country: str | None = None
    sure: bool = False
    # How many people, told apart by their names, the account knows under the value. Counted over all records.
    phone_people: int = 1
    email_people: int = 1
    shown_name: str = ""

    @property
    def told_name(self) -> str:
        """The name as it was given; empty where it names nobody."""
        return self.shown_name if self.given or self.surname else ""


COLUMNS = tuple(field.name for field in fields(Record))


def read(row: Mapping[str, str], *, number: int, contact: int, region: str) -> Record:
    """A record from plain values: name, or given_name and surname; email, phone, handle, country, date_of_birth, street, …

    ``region`` reads phones without a prefix where the row has no country. Values that cannot be read are left out.
    """
    name = row.get("name") or " ".join(filter(None, (row.get("given_name"), row.get("surname"))))
    record = Record(id=number, contact=contact, shown_name=name)
    country = (row.get("country") or "").strip().upper()
    if row.get("given_name") or (row.get("surname") and not row.get("name")):
        set_split_name(record, row.get("given_name") or "", row.get("surname") or "")
    else:
        set_name(record, name)
    region = country if len(country) == 2 else region
    if row.get("email"):
        set_email(record, _key("email", row["email"], region))
    if row.get("phone"):
        set_phone(record, _key("phone", row["phone"], region))
    set_handle(record, row.get("handle") or "")
    record.national_id = _key("national_id", row.get("national_id") or "", region)
    record.country = country.lower() or None
    set_address(
        record, born=row.get("date_of_birth"), street=row.get("street"), city=row.get("city"), postcode=row.get("postcode"),
    )  # fmt: skip
    return record


def _key(kind: str, raw: str, region: str) -> str | None:
    found = normal(kind, raw, region=region) if raw else None
    return found.key if found else None


def set_name(record: Record, name: str) -> None:
    """Given names and surnames from one line, in the order of Spanish and Portuguese, or with a comma the other way round."""
    record.shown_name = name
    tokens = _tokens(name)
    if not tokens:
        return
    given = tokens[:1]
    rest = tokens[1:]
    if rest and (len(tokens) >= 4 or is_given_name(rest[0])):
        given.append(rest.pop(0))
    _set_parts(record, given, rest)


def set_split_name(record: Record, given: str, surname: str) -> None:
    """Given names and surnames that were told apart by whoever asked."""
    record.shown_name = f"{given} {surname}".strip()
    _set_parts(record, _tokens(given)[:2], _tokens(surname))


def _tokens(name: str) -> list[str]:
    folded = fold_name(name)
    tokens = folded.split()
    if len(folded) < 2 or folded in PLACEHOLDERS or (not NO_NAMES.isdisjoint(tokens) and not is_given_name(tokens[0])):
        return []
    return name_tokens(folded)


def _set_parts(record: Record, given: list[str], rest: list[str]) -> None:
    record.given = given[0] if given else None
    record.given2 = given[1] if len(given) > 1 else None
    record.surname = rest[0] if rest else None
    record.surname2 = rest[1] if len(rest) > 1 else None
    record.name = " ".join([*given, *rest]) if len(given) + len(rest) > 1 else None
    if record.given:
        record.forms, record.given_known, record.near, record.initials = _read_given(record.given)


def is_given_name(token: str) -> bool:
    """Whether the folded token is known as a given name or a short form of one."""
    return bool(formal_names(token))


@lru_cache(maxsize=100_000)
def _read_given(given: str) -> tuple[tuple[str, ...], bool, tuple[str, ...], str]:
    formal, near = formal_names(given), tuple(sorted(near_names(given)))
    initials = "".join(sorted({name[0] for name in (given, *formal, *near)}))
    return tuple(sorted(formal)) or (given,), bool(formal), near, initials


def set_email(record: Record, key: str | None) -> None:
    """``key``: the normal form. A role mailbox identifies nobody and is left out."""
    if key is None or is_blocked_by_default(kind="email", key=key):
        return
    local, _, domain = key.rpartition("@")
    domain = SAME_DOMAIN.get(domain, domain)
    if domain in DOTLESS:
        local = local.partition("+")[0].replace(".", "")
    record.email, record.domain = f"{local}@{domain}", domain
    record.local = _OTHER.sub("", local) or None
    if record.handle is None:
        _set_handle(record, record.local)


def set_phone(record: Record, key: str | None) -> None:
    """``key``: the match key. A number that nobody has is left out."""
    if key is not None and not is_blocked_by_default(kind="phone", key=key):
        record.phone = key


def set_handle(record: Record, handle: str) -> None:
    """A user name on a social network; without one, the local part of the email stands for it."""
    if handle and (folded := _OTHER.sub("", handle.lower())):
        _set_handle(record, folded)


def _set_handle(record: Record, handle: str | None) -> None:
    record.handle = handle
    record.handle_letters = handle.translate(_NO_DIGITS) or None if handle else None


def set_address(
    record: Record, *, born: str | None = None, street: str | None = None, city: str | None = None, postcode: str | None = None
) -> None:
    """Birth date and address, as far as they can be read without a guess."""
    record.born = read_date(born) if born else None
    record.street = _folded_street(street) if street else None
    record.city = fold_name(city) or None if city else None
    record.postcode = _OTHER.sub("", postcode.lower()) or None if postcode else None


def _folded_street(street: str) -> str | None:
    plain = "".join(c for c in unicodedata.normalize("NFKD", street.lower()) if not unicodedata.combining(c))
    words = re.findall(r"[a-z]+|\d+", plain)
    return " ".join(filter(None, (STREET_WORDS.get(word, word) for word in words))) or None


def read_date(text: str) -> str | None:
    """ISO 8601 date; ``None`` where day and month could be either, or it is no date."""
    digits = re.findall(r"\d+", text)
    if len(digits) == 1 and len(digits[0]) == 8:
        digits = [digits[0][:4], digits[0][4:6], digits[0][6:]]
    if len(digits) != 3:
        return None
    if len(digits[0]) == 4:
        year, month, day = map(int, digits)
    elif len(digits[2]) == 4:
        day, month, year = map(int, digits)
        if day <= 12 and month <= 12 and day != month:
            return None
        if month > 12:
            day, month = month, day
    else:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        # A date with a typo is still worth comparing by its letters.
        return f"{year:04}-{month:02}-{day:02}" if year > 1000 else None
