"""Double opt-in: a promise typed anywhere counts once it was confirmed from the address itself."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.scope import account_scope, current_account_id
from consent.fingerprints import point_of
from consent.gate import Question, decide_many
from consent.ledger import record
from consent.models import ConsentEvent, NoticeVersion, OptInRequest
from consent.points import ensure_point, ref_of
from consent.vocabulary import Action, Basis, Origin, Reason
from contacts.models import Identifier, Profile

LASTS = timedelta(days=7)
# To one point, whoever types it: nobody is pestered with confirmations.
MOST_A_DAY = 3


class TooMany(Exception):
    """So many confirmations were asked for at this address today that another one would be a nuisance. Nothing was changed."""


@transaction.atomic
def ask_to_confirm(
    *,
    profile: Profile,
    identifier: Identifier,
    purpose: str,
    channel: str,
    origin: Origin,
    occurred_at: datetime,
    notice: NoticeVersion | None = None,
    by: Actor = SYSTEM,
) -> str | None:
    """Write down that the person was asked, and give the token of the link that has to reach the address; the caller sends it.

    ``None`` where a valid grant stands already: whoever types the address of somebody who agreed does not silence them. The token is
    kept nowhere. Raises ``TooMany``, ``PermissionDenied``.
    """
    ref = point_of(identifier)
    point = ensure_point(ref)
    asked = Question(ref=ref, profile_id=profile.pk, channel=channel, purpose=purpose, at=timezone.now(), has_unsubscribe=True)
    missing = {Reason.NO_CONSENT, Reason.WITHDRAWN, Reason.SUPPRESSED, Reason.GATE_UNAVAILABLE}
    if not missing & set(decide_many([asked])[0].reasons):
        return None
    today = OptInRequest.scoped().filter(point=point, asked_at__gt=timezone.now() - timedelta(days=1)).count()
    if today >= MOST_A_DAY:
        raise TooMany
    token = f"{current_account_id()}-{secrets.token_urlsafe(32)}"
    request = OptInRequest.objects.create(
        point=point,
        profile=profile,
        channel=channel,
        purpose=purpose,
        notice=notice,
        digest=_digest(token),
        expires_at=timezone.now() + LASTS,
    )
    record(
        ref=ref,
        action=Action.REQUEST,
        origin=origin,
        occurred_at=occurred_at,
        key=f"opt-in:{request.pk}",
        profile=profile,
        channel=channel,
        purpose=purpose,
        notice=notice,
        by=by,
    )
    return token


def confirm(token: str, *, occurred_at: datetime) -> ConsentEvent | None:
    """Take the answer to the link: whoever has it holds the address. The same answer twice is one event.

    ``None`` for a token that is not ours, or too old. Enters the token's account. Only a POST may call it: scanners follow links.
    """
    account_id = account_of(token)
    if account_id is None:
        return None
    with account_scope(account_id):
        return _confirm(token, occurred_at)


def account_of(token: str) -> int | None:
    """The account that the token names; ``None`` for what is none of ours. Proves nothing."""
    account_id, _dash, _secret = token.partition("-")
    return int(account_id) if account_id.isascii() and account_id.isdecimal() and len(account_id) <= 18 else None


def waiting(token: str) -> OptInRequest | None:
    """What the token asks for, confirmed already or not; ``None`` where it is not ours or too old."""
    return _still_good(OptInRequest.scoped().select_related("point", "profile", "notice").filter(digest=_digest(token)).first())


def _still_good(request: OptInRequest | None) -> OptInRequest | None:
    return None if request is None or (request.confirmed_at is None and request.expires_at < timezone.now()) else request


@transaction.atomic
def _confirm(token: str, occurred_at: datetime) -> ConsentEvent | None:
    found = OptInRequest.scoped().select_for_update(of=("self",)).select_related("point", "profile", "notice")
    request = _still_good(found.filter(digest=_digest(token)).first())
    if request is None:
        return None
    event = record(
        ref=ref_of(request.point),
        action=Action.GRANT,
        origin=Origin.CONFIRMATION,
        occurred_at=occurred_at,
        key=f"opt-in-confirmed:{request.pk}",
        profile=request.profile,
        channel=request.channel,
        purpose=request.purpose,
        basis=Basis.CONSENT,
        possession_proven=True,
        notice=request.notice,
    )
    OptInRequest.scoped().filter(pk=request.pk, confirmed_at=None).update(confirmed_at=timezone.now())
    return event


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
