"""The normal form of an identifier, and the key by which two spellings are known to be one value.

The normal form is what is shown and written to; the key only compares. ``KEY_VERSION`` is stored beside every key: when the
rules or the numbering metadata change, the version goes up, so that an upgrade never renumbers people unseen.
"""

import re
import unicodedata
from dataclasses import dataclass

import idna
import phonenumbers

KEY_VERSION = 1
MAX_VALUE = 320
# What people and mail programs put around an email address.
AROUND = " <>.,;:\"'()"


@dataclass(frozen=True)
class NormalValue:
    """``value``: normal form. ``key``: equal keys point to one person. ``key_version``: of the rules that made the key."""

    value: str
    key: str
    key_version: int = KEY_VERSION


def normal(kind: str, raw: str, *, region: str) -> NormalValue | None:
    """The normal form of ``raw`` read as an identifier of ``kind``; ``None`` where it cannot be read as one.

    ``region`` (ISO 3166) is the country whose plan reads phone numbers that come without a prefix.
    """
    text = clean(raw)
    if not text or len(text) > MAX_VALUE:
        return None
    if kind == "email":
        return _email(text)
    if kind == "phone":
        return _phone(text, region)
    if kind == "whatsapp":
        return _whatsapp(text)
    if kind == "national_id":
        text = re.sub(r"[\s.\-/]", "", text).upper()
        return NormalValue(text, text) if text else None
    return NormalValue(text, text)


def clean(text: str) -> str:
    """NFKC, without the invisible characters that copying brings along (zero width, direction marks), trimmed."""
    composed = unicodedata.normalize("NFKC", text)
    return "".join(c for c in composed if unicodedata.category(c) not in ("Cf", "Cc")).strip()


def _email(text: str) -> NormalValue | None:
    text = re.sub(r"^mailto:", "", text.strip(AROUND), flags=re.IGNORECASE).strip(AROUND)
    local, at, domain = text.rpartition("@")
    local = local.casefold()
    if not at or not local or len(local) > 64 or re.search(r"[\s<>()\[\],;:\\\"@]", local):
        return None
    ascii_domain = _domain(domain)
    if ascii_domain is None:
        return None
    value = f"{local}@{ascii_domain}"
    return NormalValue(value, value)


def _domain(domain: str) -> str | None:
    """IDNA 2008: the codec of the standard library gives another domain for ß."""
    domain = domain.strip(".").lower()
    if "." not in domain:
        return None
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        # Host names with an underscore are not allowed and yet receive mail.
        return domain if re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+", domain) else None


def _phone(text: str, region: str) -> NormalValue | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    country = str(number.country_code)
    line = _one_spelling(country, phonenumbers.national_significant_number(number))
    zeros = len(line) - len(line.lstrip("0"))
    modern = phonenumbers.PhoneNumber(
        country_code=number.country_code,
        national_number=int(line),
        italian_leading_zero=bool(zeros) or None,
        number_of_leading_zeros=zeros or None,
    )
    if not phonenumbers.is_possible_number(modern):
        return None
    return NormalValue(f"+{country}{line}", f"+{country}{_without_mobile_mark(country, line)}")


def _whatsapp(text: str) -> NormalValue | None:
    digits = re.sub(r"\D", "", text)
    phone = _phone(f"+{digits}", "ZZ") if digits else None
    if phone is None:
        # A test number of the provider follows no plan; it is still somebody's address.
        return NormalValue(digits, digits) if 5 <= len(digits) <= 20 else None
    return NormalValue(phone.value.removeprefix("+"), phone.key.removeprefix("+"))


def _one_spelling(country: str, line: str) -> str:
    """The spelling of today's plan for the ways in which one line of the country has been written.

    Mexico: the trunk prefixes 01, 044, 045 and the mobile 1 before ten digits are gone since 2019. Brazil: mobiles have a ninth
    digit; eight digits after the area code are a mobile only when they begin with 6 to 9. Chile: old mobiles lack the 9.
    """
    if country == "52":
        return re.sub(r"^(044|045|01|1)(?=\d{10}$)", "", line)
    if country == "55" and len(line) == 10 and line[2] in "6789":
        return f"{line[:2]}9{line[2:]}"
    if country == "56":
        line = line.removeprefix("0")
        return f"9{line}" if len(line) == 8 and line[0] in "3456789" else line
    return line


def _without_mobile_mark(country: str, line: str) -> str:
    """Argentina dials mobiles from abroad with a 9 that people leave out; without it the digits may be a land line."""
    return line[1:] if country == "54" and len(line) == 11 and line[0] == "9" else line


def may_be_two_lines(*, kind: str, key: str) -> bool:
    """Whether equal keys may still be two lines: then the key joins only equal normal forms, or with an attested side."""
    return kind == "phone" and key.startswith("+54")
