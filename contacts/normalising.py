"""The normal form of an identifier, and the key by which two spellings are known to be one value.

The normal form is what is shown and written to; the key only compares. ``KEY_VERSION`` is stored beside every key.
"""

import re

from contacts.emails import read_email
from contacts.national_ids import read_national_id
from contacts.normal_forms import KEY_VERSION, MAX_VALUE, NormalValue, clean
from contacts.phones import may_be_two_lines, read_phone, read_whatsapp

__all__ = ["KEY_VERSION", "MAX_VALUE", "NormalValue", "clean", "may_be_two_lines", "normal"]

# Ids that a provider gives: a user name beside them may change hands, so it is an attribute and never an identifier.
PROVIDER_IDS = frozenset({"instagram", "messenger", "telegram"})


def normal(kind: str, raw: str, *, region: str) -> NormalValue | None:
    """The normal form of ``raw`` read as an identifier of ``kind``; ``None`` where it cannot be read as one.

    ``region`` (ISO 3166) is the country whose plan reads phone numbers that come without a prefix, and whose documents a national
    id is compared with first. Never raises, whatever the text.
    """
    text = clean(raw)
    if not text or len(text) > MAX_VALUE:
        return None
    if kind == "email":
        return read_email(text)
    if kind == "phone":
        return read_phone(text, region)
    if kind == "whatsapp":
        return read_whatsapp(text)
    if kind == "national_id":
        return read_national_id(text, region)
    if kind in PROVIDER_IDS and not re.fullmatch(r"[0-9A-Za-z_:\-]+", text):
        return None
    return NormalValue(text, text)
