"""Addresses that must not be written to: what outlives an erasure, complaints, bounces, the wrong person, the registry's list."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.actors import SYSTEM, Actor
from consent.fingerprints import PointRef
from consent.ledger import record
from consent.models import ConsentEvent, Suppression
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.models import Profile


@transaction.atomic
def suppress(
    *,
    ref: PointRef,
    reason: SuppressionReason,
    at: datetime,
    key: str,
    origin: Origin,
    scope: str = "",
    profile: Profile | None = None,
    possession_proven: bool = False,
    by: Actor = SYSTEM,
) -> ConsentEvent:
    """Keep the address's fingerprints, of the normal form and of every version of the match key, and write one event.

    ``scope`` is a kind of channel, empty for every channel. Nothing but a proven opt-in after ``at`` lifts it; a bounce is lifted
    by a message from the mailbox too. Idempotent by ``key``. Raises ``PermissionDenied``.
    """
    event = record(
        ref=ref,
        action=Action.SUPPRESS,
        origin=origin,
        occurred_at=at,
        key=key,
        profile=profile,
        channel=scope,
        reason=str(reason),
        possession_proven=possession_proven,
        by=by,
    )
    _write([ref], reason=reason, at=min(at, event.recorded_at), scope=scope)
    return event


def _write(refs: Iterable[PointRef], *, reason: SuppressionReason, at: datetime, scope: str) -> None:
    for ref in refs:
        for each in ref.everything:
            row, is_new = Suppression.scoped().get_or_create(
                hmac=each.hmac,
                form=each.form,
                scope=scope,
                reason=reason,
                defaults={"kind": ref.kind, "key_version": each.key_version, "at": at},
            )
            if not is_new and row.at < at:
                Suppression.scoped().filter(pk=row.pk, at__lt=at).update(at=at)
