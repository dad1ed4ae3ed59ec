"""Unsubscribe links: they only ever opt out, work for years, and doing it twice is doing it once (RFC 8058)."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse

from accounts.models import Account
from accounts.scope import account_scope, current_account_id
from consent.fingerprints import PointRef, fingerprint
from consent.ledger import record
from consent.models import ConsentEvent, ConsentState, ContactPoint
from consent.points import ensure_point, ref_of
from consent.vocabulary import Action, Origin
from contacts.models import Profile


@dataclass(frozen=True)
class Link:
    """What an unsubscribe token says: whose point, and which purpose (empty: all)."""

    account_id: int
    point_id: int
    profile_id: int
    purpose: str


def token_for(*, ref: PointRef, profile: Profile, purpose: str) -> str:
    """The token of a point for one purpose; the same every time. It is signed under the account's key, so it outlives other keys."""
    body = _packed(f"{current_account_id()}.{ensure_point(ref).pk}.{profile.pk}.{purpose}")
    return f"{body}.{fingerprint('one-click', body)[:32]}"


def read_token(token: str) -> Link | None:
    """What the token says; ``None`` where it is not ours. Needs no scope."""
    body, _dot, signature = token.rpartition(".")
    try:
        account_id, point_id, profile_id, purpose = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().split(".", 3)
        link = Link(int(account_id), int(point_id), int(profile_id), purpose)
        with account_scope(link.account_id):
            expected = fingerprint("one-click", body)[:32]
    except (ValueError, binascii.Error, OverflowError, Account.DoesNotExist):
        return None
    return link if hmac.compare_digest(expected.encode(), signature.encode()) else None


def use_token(token: str, *, origin: Origin, occurred_at: datetime) -> ConsentEvent | None:
    """Withdraw what the token names, at its point, for email. Once, however often, until the person agrees again.

    ``None`` for a token that is not ours. Enters the token's account.
    """
    link = read_token(token)
    if link is None:
        return None
    with account_scope(link.account_id):
        point = ContactPoint.scoped().filter(pk=link.point_id).first()
        if point is None:
            return None
        proven = ConsentState.scoped().filter(point=point, proven_at__isnull=False).order_by("-proven_at").first()
        since = proven.proven_at.isoformat() if proven and proven.proven_at else ""
        return record(
            ref=ref_of(point),
            action=Action.WITHDRAW,
            origin=origin,
            occurred_at=occurred_at,
            key=f"one-click:{link.purpose}:{link.profile_id}:{since}",
            profile=Profile.scoped().filter(pk=link.profile_id).first(),
            channel="email",
            purpose=link.purpose,
            possession_proven=True,
        )


def unsubscribe_url(token: str) -> str:
    return settings.PUBLIC_URL.rstrip("/") + reverse("unsubscribe", args=[token])


def unsubscribe_headers(token: str, *, mailbox: str) -> dict[str, str]:
    """The two headers of RFC 2369 and RFC 8058; ``mailbox`` is the address that the mail comes from."""
    mailto = f"mailto:{mailbox}?subject={quote(f'unsubscribe {token}')}"
    return {
        "List-Unsubscribe": f"<{unsubscribe_url(token)}>, <{mailto}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
