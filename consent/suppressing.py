"""Addresses that must not be written to: what outlives an erasure, complaints, bounces, the wrong person, the registry's list."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.roles import Ability, require
from consent.fingerprints import PointRef
from consent.ledger import record
from consent.models import ConsentEvent, GatePolicy, Suppression
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


@transaction.atomic
def take_registry(*, refs: Iterable[PointRef], by: Actor) -> int:
    """Take a fresh copy of the do-not-call registry in the place of the former one. Returns how many addresses it names."""
    require(by, Ability.MANAGE_CONSENT)
    now = timezone.now()
    Suppression.scoped().filter(reason=SuppressionReason.REGISTRY).delete()
    rows = {
        each.hmac: Suppression(
            kind=ref.kind, hmac=each.hmac, form=each.form, key_version=each.key_version, reason=SuppressionReason.REGISTRY, at=now
        )
        for ref in refs
        for each in ref.everything
    }
    Suppression.objects.bulk_create(rows.values(), batch_size=2000)
    policy, _new = GatePolicy.scoped().get_or_create()
    policy.registry_updated_at = now
    policy.save(update_fields=["registry_updated_at"])
    return len({row.hmac for row in rows.values() if row.form == "value"})
