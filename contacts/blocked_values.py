"""Values that identify nobody and that every account starts with: role mailboxes, placeholders, test phones."""

import re
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data" / "blocked_values.txt"


def is_blocked_by_default(*, kind: str, key: str) -> bool:
    """Whether the shipped list says that the value identifies nobody. What an account marked itself is in ``ValueMark``."""
    if kind == "email":
        local, _, domain = key.rpartition("@")
        return bool(_pattern("email-local").fullmatch(local) or _pattern("email-domain").fullmatch(domain))
    if kind == "phone":
        return bool(_pattern("phone").fullmatch(key))
    return False


@cache
def _pattern(part: str) -> re.Pattern[str]:
    rules = [line.split(None, 1) for line in DATA.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return re.compile("|".join(f"(?:{_numbered(rule)})" for name, rule in rules if name == part))


def _numbered(rule: str) -> str:
    """Back-references count groups of the joined pattern: name the group instead."""
    return rule.replace(r"(\d)\1", r"(?P<same>\d)(?P=same)")
