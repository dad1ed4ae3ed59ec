"""Signatures of webhooks, over the raw bytes and compared in constant time."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

PREFIX = "sha256="


def hub_signature(*, secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature-256`` as Meta makes it."""
    return PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_hub_signature(*, secret: str, body: bytes, given: bytes) -> bool:
    """Whether the header proves that the body comes from whoever knows ``secret``. Without a secret nothing does."""
    return bool(secret) and hmac.compare_digest(hub_signature(secret=secret, body=body).encode(), given)


# Standard Webhooks: how far the time of a signature may be from ours, either way.
TOLERANCE = 300  # seconds


class Unproven(Exception):
    """The request is not proven to come from whoever knows the secret; the text says why, for whoever sends it."""


def standard_signature(*, secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """One entry of ``webhook-signature``, as the Standard Webhooks specification makes it. ``secret`` begins with ``whsec_``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def check_standard(*, secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The ``webhook-id`` of a request that one of the secrets signed within the tolerance of ``now`` (seconds since 1970).

    Raises ``Unproven``.
    """
    message_id, stamp, given = (headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature"))
    if not (message_id and stamp and given):
        raise Unproven("The headers webhook-id, webhook-timestamp and webhook-signature are needed.")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12):
        raise Unproven("webhook-timestamp must be the time in seconds since 1970.")
    if abs(now - int(stamp)) > TOLERANCE:
        age = "old" if int(stamp) < now else "far ahead"
        raise Unproven(f"webhook-timestamp is too {age}: sign each attempt anew, by a clock that is right.")
    entries = [entry.encode(errors="replace") for entry in given.split()]
    for secret in secrets:
        wanted = standard_signature(secret=secret, message_id=message_id, stamp=stamp, body=body).encode()
        if any(hmac.compare_digest(wanted, entry) for entry in entries):
            return message_id
    raise Unproven("The signature is none of this secret over these bytes.")
