"""Who the host page says is signed in there, proven by an HMAC that only its server can make.

The signature covers the exact text of the ``data-user`` attribute, so that there is nothing to agree on about spaces, key
order or escapes: HMAC-SHA256 with the channel's identity secret over the UTF-8 bytes, in hexadecimal.
"""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from accounts.models import Channel
from contacts.claims import Claim, ClaimedIdentifier
from contacts.models import Certainty, IdentifierKind

LONGEST = 2_000


class IdentityRefused(Exception):
    """The identity is ignored; ``reason`` is signature, expired or unreadable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class HostIdentity:
    """A person whom the host page's server vouches for. Only ``id`` is always there."""

    id: str
    email: str = ""
    name: str = ""
    phone: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def signature_of(payload: str, *, secret: str) -> str:
    """What the host page's server writes into ``data-signature``."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def verify(*, payload: str, signature: str, secret: str, at: datetime) -> HostIdentity:
    """The person named by ``payload``. ``expires`` in it, where given, is in Unix seconds. Raises ``IdentityRefused``."""
    if len(payload) > LONGEST:
        raise IdentityRefused("unreadable")
    right = signature_of(payload, secret=secret)
    if not secret or not hmac.compare_digest(right.encode(), signature.strip().lower().encode()):
        raise IdentityRefused("signature")
    try:
        data = json.loads(payload)
        values = {name: str(data.get(name) or "").strip() for name in ("id", "email", "name", "phone")}
        expires = float(data["expires"]) if data.get("expires") else None
    except (ValueError, TypeError, AttributeError) as error:
        raise IdentityRefused("unreadable") from error
    if not values["id"] or len(values["id"]) > 200:
        raise IdentityRefused("unreadable")
    if expires is not None and at.timestamp() >= expires:
        raise IdentityRefused("expired")
    return HostIdentity(**values)


def claim_of(identity: HostIdentity, *, channel: Channel) -> Claim:
    """What the identity says about its person: the id is attested by the host page, the rest verified by it."""
    identifiers = [ClaimedIdentifier(IdentifierKind.APP_USER, identity.id, Certainty.ATTESTED, scope=f"channel:{channel.pk}")]
    if identity.email:
        identifiers.append(ClaimedIdentifier(IdentifierKind.EMAIL, identity.email, Certainty.VERIFIED))
    if identity.phone:
        identifiers.append(ClaimedIdentifier(IdentifierKind.PHONE, identity.phone, Certainty.VERIFIED))
    return Claim(identifiers=tuple(identifiers), given={"name": identity.name} if identity.name else {})
