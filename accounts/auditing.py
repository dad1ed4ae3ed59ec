"""Audit entries: written inside the transaction of the change they tell of."""

from typing import Any

from django.db import models

from accounts.actors import Actor
from accounts.models import AuditEntry


def record(*, actor: Actor, action: str, target: models.Model | None = None, **detail: Any) -> AuditEntry:
    """Write one entry for the account in scope. ``detail`` must be JSON and hold no secret."""
    return AuditEntry.objects.create(
        actor_kind=actor.kind,
        membership=actor.membership,
        actor_name=actor.name[:120],
        action=action,
        target_type=target._meta.model_name if target is not None else "",
        target_id=target.pk if target is not None else None,
        detail=detail,
    )
