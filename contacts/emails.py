"""Email addresses: the normal form joins; what the provider ignores besides only makes it worth asking."""

import re
import unicodedata
from functools import lru_cache

import idna

from contacts.normal_forms import NormalValue

# What people and mail programs put around an email address.
AROUND = " <>.,;:\"'()"
# Google delivers with or without dots, whatever stands behind a plus, and under both names.
GMAIL = frozenset({"gmail.com", "googlemail.com"})


def read_email(text: str) -> NormalValue | None:
    """Case folded, the domain in IDNA 2008. ``text`` is clean. ``None`` where it is no address that mail could have."""
    text = re.sub(r"^mailto:", "", text.strip(AROUND), flags=re.IGNORECASE).strip(AROUND)
    local, at, domain = text.rpartition("@")
    local = _fold(local)
    if not at or not local or len(local) > 64 or re.search(r"[\s<>()\[\],;:\\\"@]", local) or local[0] in AROUND:
        return None
    ascii_domain = _domain(domain)
    if ascii_domain is None:
        return None
    value = f"{local}@{ascii_domain}"
    return NormalValue(value, value, loose_key=_loose(local, ascii_domain))


def _fold(local: str) -> str:
    if local.isascii():
        return local.lower()
    # Folding case can undo the composition, and composing can bring letters that fold again.
    for _round in range(2):
        local = unicodedata.normalize("NFKC", local.casefold())
    return local


def _loose(local: str, domain: str) -> str:
    if domain not in GMAIL:
        return ""
    mailbox = local.partition("+")[0].replace(".", "")
    return f"{mailbox}@gmail.com" if mailbox else ""


@lru_cache(maxsize=10_000)
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
