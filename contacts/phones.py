"""Phones: the number we dial, and the key under which every spelling of one line is the same.

The key does not ask whether the plan of the day calls a number valid: metadata changes between releases, lines do not.
"""

import re
from functools import lru_cache

import phonenumbers

from contacts.normal_forms import NormalValue

LONGEST = 60


# One number is read several times on its way in: by the reader of a file, for its match key, for marks on it.
@lru_cache(maxsize=5_000)
def read_phone(text: str, region: str) -> NormalValue | None:
    """E.164, read by the plan of ``region`` (ISO 3166) where there is no prefix. Extensions are left out."""
    if len(text) > LONGEST:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    country = str(number.country_code)
    line = _one_spelling(country, phonenumbers.national_significant_number(number))
    if not line.isdecimal() or not int(line):
        return None
    zeros = len(line) - len(line.lstrip("0"))
    if zeros and not phonenumbers.is_valid_number(number):
        # Lines begin with a zero in Italy and a few other countries only; elsewhere it is filled in, to have something there.
        return None
    modern = phonenumbers.PhoneNumber(
        country_code=number.country_code,
        national_number=int(line),
        italian_leading_zero=bool(zeros) or None,
        number_of_leading_zeros=zeros or None,
    )
    if not phonenumbers.is_possible_number(modern):
        return None
    return NormalValue(f"+{country}{line}", f"+{country}{_without_mobile_mark(country, line)}")


def read_whatsapp(text: str) -> NormalValue | None:
    """A WhatsApp id: digits with the country's prefix, in any spelling that WhatsApp gives or people type."""
    digits = re.sub(r"[^0-9]", "", text)
    phone = read_phone(f"+{digits}", "ZZ") if digits else None
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
        line = line.lstrip("0")
        return f"9{line}" if len(line) == 8 and line[0] in "3456789" else line
    return line


def _without_mobile_mark(country: str, line: str) -> str:
    """Argentina dials mobiles from abroad with a 9 that people leave out; without it the digits may be a land line."""
    return line[1:] if country == "54" and len(line) == 11 and line[0] == "9" else line


def may_be_two_lines(*, kind: str, key: str) -> bool:
    """Whether equal keys may still be two lines: then the key joins only equal normal forms, or with an attested side."""
    return kind == "phone" and key.startswith("+54")
