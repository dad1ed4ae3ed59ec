"""What rules did or stopped by themselves, put before a person, and what the person said."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.models import IdentityReview

Kind = IdentityReview.Kind
State = IdentityReview.State


def ask(*, kind: str, profile_id: int | None = None, value: tuple[str, str] = ("", ""), **detail: Any) -> None:
    """Put something before a person, once until it is settled. ``detail`` is JSON for the screen."""
    IdentityReview.objects.bulk_create(
        [IdentityReview(kind=kind, profile_id=profile_id, value_kind=value[0], key=value[1], detail=detail)], ignore_conflicts=True
    )


@transaction.atomic
def settle(*, review: IdentityReview, decision: str, by: Actor) -> IdentityReview:
    """Note what a person decided: ``kept``, ``separated``, ``unmarked`` or ``seen``. What was settled before stays as it is."""
    require(by, Ability.MERGE_CONTACTS)
    fresh = IdentityReview.scoped().select_for_update().get(pk=review.pk)
    if fresh.state == State.SETTLED:
        return fresh
    fresh.state, fresh.decision = State.SETTLED, decision
    fresh.decided_by, fresh.decided_at = by.membership, timezone.now()
    fresh.save(update_fields=["state", "decision", "decided_by", "decided_at"])
    record(actor=by, action="identity.review", target=fresh, kind=fresh.kind, decision=decision)
    return fresh


def settle_joins_of(profile_ids: Iterable[int], *, by: Actor) -> None:
    """The profiles were separated: whether they belong together is no question any more."""
    waiting = IdentityReview.scoped().filter(kind=Kind.SHARED_JOIN, state=State.OPEN, profile__in=list(profile_ids))
    waiting.update(state=State.SETTLED, decision="separated", decided_by=by.membership, decided_at=timezone.now())


def count_open() -> int:
    """How many wait for a person."""
    return IdentityReview.scoped().filter(state=State.OPEN).count()
