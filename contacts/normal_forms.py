"""What the readers of identifiers have in common: the result, and the cleaning that comes before any reading."""

import unicodedata
from dataclasses import dataclass

# Goes up when rules or numbering metadata change a key, so that an upgrade never renumbers people unseen.
KEY_VERSION = 1
MAX_VALUE = 320


@dataclass(frozen=True)
class NormalValue:
    """``value``: normal form. ``key``: equal keys point to one person. ``key_version``: of the rules that made the key.

    ``loose_key``: equal loose keys of unequal keys only make it worth asking whether it is one person; empty where there is none.
    """

    value: str
    key: str
    key_version: int = KEY_VERSION
    loose_key: str = ""


def clean(text: str) -> str:
    """NFKC, without the invisible characters that copying brings along (zero width, direction marks), trimmed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    composed = unicodedata.normalize("NFKC", text)
    return "".join(c for c in composed if unicodedata.category(c) not in ("Cf", "Cc", "Cs")).strip()
