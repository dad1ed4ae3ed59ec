"""Fingerprints of addresses under the account's key: they tell that two are one, and nobody reads an address out of them."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.models import Identifier
from contacts.normalising import KEY_VERSION, normal

# Every function that ever made match keys, by version. None is ever taken out: fingerprints made by it cannot be made anew.
KEY_FUNCTIONS: dict[int, Callable[[str, str], str]] = {
    1: lambda kind, value: read.key if (read := normal(kind, value, region="ZZ")) else value,
}
assert KEY_VERSION in KEY_FUNCTIONS

_keys: dict[int, bytes] = {}


@dataclass(frozen=True)
class Fingerprint:
    """One hash of an address; ``form`` says of what: its normal form or its match key."""

    hmac: str
    form: str  # value | key
    key_version: int


@dataclass(frozen=True)
class PointRef:
    """An address as consent knows it. ``value`` and ``key`` (of matching) stay in memory: consent stores the fingerprints only."""

    kind: str
    value: str
    key: str
    scope: str
    lookup: str
    match: str
    # Every fingerprint under which it may have been suppressed, whichever version made it.
    everything: tuple[Fingerprint, ...]


def account_key() -> bytes:
    """The key of the account in scope. It never changes, so it is asked for once per process."""
    account_id = current_account_id()
    if account_id not in _keys:
        secret: Any = Account.objects.values_list("fingerprint_key", flat=True).get(pk=account_id)
        _keys[account_id] = bytes.fromhex(secret["key"])
    return _keys[account_id]


def fingerprint(*parts: str) -> str:
    """HMAC-SHA-256 of the parts under the key of the account in scope, in hexadecimal."""
    return hmac.new(account_key(), "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


def point_of(identifier: Identifier) -> PointRef:
    """The point of an identifier; a WhatsApp id is the point of its phone."""
    return point_ref(kind=identifier.kind, value=identifier.value, scope=identifier.scope)


def point_ref(*, kind: str, value: str, scope: str = "") -> PointRef:
    """The point of an address in its normal form (``contacts.normalising``)."""
    if kind == "whatsapp":
        kind, value, scope = "phone", f"+{value.lstrip('+')}", ""
    if kind in ("email", "phone"):
        scope = ""
    lookup = fingerprint("value", kind, scope, value)
    read = {version: function(kind, value) for version, function in KEY_FUNCTIONS.items()}
    keys = {version: fingerprint("key", str(version), kind, scope, key) for version, key in read.items()}
    return PointRef(
        kind=kind,
        value=value,
        key=read[KEY_VERSION],
        scope=scope,
        lookup=lookup,
        match=keys[KEY_VERSION],
        everything=(Fingerprint(lookup, "value", 0), *(Fingerprint(keyed, "key", version) for version, keyed in keys.items())),
    )
