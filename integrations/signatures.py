"""Signatures of webhooks, over the raw bytes and compared in constant time."""

import hashlib
import hmac

PREFIX = "sha256="


def hub_signature(*, secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature-256`` as Meta makes it."""
    return PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_hub_signature(*, secret: str, body: bytes, given: bytes) -> bool:
    """Whether the header proves that the body comes from whoever knows ``secret``. Without a secret nothing does."""
    return bool(secret) and hmac.compare_digest(hub_signature(secret=secret, body=body).encode(), given)
