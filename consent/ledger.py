"""Write into the ledger: the only way in which what people want to receive ever changes.

``channel`` empty is every channel, ``purpose`` empty every purpose. "Stop all marketing" is a withdrawal for every purpose: answers,
notices, codes and legal duties go on.
"""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.roles import Ability, require
from consent.announcements import announce
from consent.evidence import keep_evidence
from consent.fingerprints import PointRef, fingerprint
from consent.models import ConsentEvent, ContactPoint, NoticeVersion
from consent.points import ensure_point, points_of_person
from consent.projecting import project
from consent.vocabulary import RESTRICTIONS, TYPED, Action, Origin
from contacts.locks import hold
from contacts.models import Profile

# At these doors somebody of ours or of another system speaks for the person.
SPOKEN_FOR = frozenset({Origin.AGENT, Origin.API, Origin.IMPORT})


class NotProven(ValidationError):
    """An address typed by anybody at a public door changes nothing: whoever has it must show it first."""


@transaction.atomic
def record(
    *,
    ref: PointRef,
    action: Action,
    origin: Origin,
    occurred_at: datetime,
    key: str,
    profile: Profile | None = None,
    channel: str = "",
    purpose: str = "",
    basis: str = "",
    reason: str = "",
    possession_proven: bool = False,
    notice: NoticeVersion | None = None,
    proof: dict[str, Any] | None = None,
    retracts: ConsentEvent | None = None,
    by: Actor = SYSTEM,
) -> ConsentEvent:
    """Write one event about one point, and bring its state up to date. The same ``key`` for the same point is one event.

    ``occurred_at`` is by the clock of whoever told us; a time in our future counts as now. ``possession_proven`` says that whoever
    wants it held the point: they wrote or answered from it. ``proof`` (JSON) is kept encrypted under the profile's key.
    ``retracts``: the entry of the same point that a retraction takes back (``consent.retracting``).
    Raises ``NotProven`` for what somebody typed at a public door, ``ValidationError`` for an agent's grant without proof, and
    ``PermissionDenied``.
    """
    require(by, Ability.RECORD_CONSENT)
    point = ContactPoint.scoped().select_for_update().get(pk=ensure_point(ref).pk)
    idempotency_key = fingerprint("event", key, ref.lookup)
    if (known := ConsentEvent.scoped().filter(idempotency_key=idempotency_key).first()) is not None:
        return known
    _check(action=action, origin=origin, possession_proven=possession_proven, proof=proof, profile=profile)
    if (action == Action.RETRACT) != (retracts is not None) or (retracts is not None and retracts.point_id != point.pk):
        raise ValueError("a retraction names the entry of its point that it takes back")
    event = ConsentEvent.objects.create(
        point=point,
        profile=profile,
        channel=channel,
        purpose=purpose,
        action=action,
        basis=basis,
        reason=reason[:40],
        possession_proven=possession_proven,
        occurred_at=occurred_at,
        recorded_at=timezone.now(),
        source=origin,
        actor_kind=by.kind,
        membership=by.membership,
        notice=notice,
        retracts=retracts,
        evidence=keep_evidence(profile=profile, content=proof) if proof is not None and profile is not None else None,
        idempotency_key=idempotency_key,
    )
    project(event)
    announce(point=point, event=event)
    return event


def _check(*, action: Action, origin: Origin, possession_proven: bool, proof: dict[str, Any] | None, profile: Profile | None) -> None:
    if proof is not None and profile is None:
        raise ValidationError(_("A proof belongs to somebody: say whose."), code="nobody")
    if origin in TYPED and not possession_proven and action != Action.REQUEST:
        raise NotProven(_("Show first that the address is yours."), code="not_proven")
    if possession_proven and origin in SPOKEN_FOR:
        raise ValidationError(_("Only the person can prove to have the address."), code="not_proven")
    if action == Action.GRANT and origin == Origin.AGENT and not proof:
        raise ValidationError(_("Write down how the person agreed."), code="no_proof")


@transaction.atomic
def opt_out_person(
    *,
    profile: Profile,
    origin: Origin,
    occurred_at: datetime,
    key: str,
    action: Action = Action.WITHDRAW,
    channel: str = "",
    purpose: str = "",
    reason: str = "",
    possession_proven: bool = False,
    proof: dict[str, Any] | None = None,
    by: Actor = SYSTEM,
) -> list[ConsentEvent]:
    """One event for every point that leads to the profile's person at this instant. Never a grant: that holds at one point.

    Raises like ``record``.
    """
    if action not in RESTRICTIONS:
        raise ValueError(action)
    hold(
        lambda: dict(Profile.scoped().filter(pk=profile.pk).values_list("pk", "contact_id")),
        contacts_of=lambda found: found,
    )
    # In one order, so that two people who opt out at once do not wait for each other.
    refs = sorted((linked.ref for linked in points_of_person(profile)), key=lambda ref: ref.lookup)
    return [
        record(
            ref=ref,
            action=action,
            origin=origin,
            occurred_at=occurred_at,
            key=key,
            profile=profile,
            channel=channel,
            purpose=purpose,
            reason=reason,
            possession_proven=possession_proven,
            proof=proof,
            by=by,
        )
        for ref in refs
    ]
