"""From events to states: the latest time of each sort, per profile, channel and purpose.

Taking the latest is commutative, associative and idempotent, so events may come in any order and more than once, and the rows can
be made anew from the ledger at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent.models import ConsentEvent, ConsentState, ContactPoint
from consent.vocabulary import Action, SuppressionReason

# Stop words on these are the law's own: they stop every message there.
TELEPHONY = frozenset({"sms", "voice"})
TIMES = (
    "suppressed_at",
    "stopped_at",
    "objected_at",
    "withdrawn_at",
    "platform_stopped_at",
    "platform_resumed_at",
    "requested_at",
    "proven_at",
    "attested_at",
    "claimed_at",
    "soft_at",
)


@dataclass(frozen=True)
class Effect:
    """What one event adds to one cell."""

    channel: str
    purpose: str
    times: tuple[str, ...]
    notice: int = 0


def effective_at(event: ConsentEvent) -> datetime:
    """When the event counts from. A clock that runs ahead must not make a grant outrank what is said later."""
    return min(event.occurred_at, event.recorded_at)


def effect_of(event: ConsentEvent) -> Effect | None:
    """What the event adds; ``None`` where it says nothing about a state."""
    notice = event.notice.number if event.notice is not None else 0
    match event.action:
        case Action.GRANT:
            sort = "proven_at" if event.possession_proven else "attested_at" if event.evidence_id else "claimed_at"
            return Effect(event.channel, event.purpose, (sort,), notice)
        case Action.REQUEST:
            return Effect(event.channel, event.purpose, ("requested_at",))
        case Action.SOFT_OPT_IN:
            return Effect(event.channel, event.purpose, ("soft_at",)) if event.evidence_id else None
        case Action.WITHDRAW:
            return Effect(event.channel, event.purpose, ("withdrawn_at",))
        case Action.OBJECT:
            return Effect(event.channel, event.purpose, ("objected_at",))
        case Action.STOP:
            # Written on one channel, meant for the number: nobody there wants promotions on another channel instead.
            return Effect("", "", ("withdrawn_at", "stopped_at") if event.channel in TELEPHONY else ("withdrawn_at",))
        case Action.SUPPRESS:
            # A bounce tells of the mailbox, not of what somebody wants; it is kept as a suppression only.
            bounced = event.reason in (SuppressionReason.HARD_BOUNCE, SuppressionReason.REGISTRY)
            return None if bounced else Effect(event.channel, "", ("suppressed_at",))
        case Action.PLATFORM_STOP:
            return Effect(event.channel, "", ("platform_stopped_at",))
        case Action.PLATFORM_RESUME:
            return Effect(event.channel, "", ("platform_resumed_at",))
    return None


def absorb(state: ConsentState, event: ConsentEvent, effect: Effect) -> None:
    """Add the event to the (unsaved) row."""
    at = effective_at(event)
    for name in effect.times:
        known = getattr(state, name)
        notices = f"{name.removesuffix('_at')}_notice"
        if known is None or at > known:
            setattr(state, name, at)
            if hasattr(state, notices):
                setattr(state, notices, effect.notice)
        elif at == known and hasattr(state, notices):
            setattr(state, notices, min(getattr(state, notices), effect.notice))
    state.last_event = max(state.last_event, event.pk)


def project(event: ConsentEvent) -> None:
    """Bring the point and its states up to date with one event. The caller holds the point's row."""
    if event.action == Action.RETRACT:
        # Latest times cannot be made earlier: what stood before the slip is found in the ledger.
        rebuild([event.point])
        return
    at = effective_at(event)
    if event.possession_proven:
        ContactPoint.scoped().filter(pk=event.point_id).exclude(verified_at__gte=at).update(verified_at=at)
    if event.action == Action.RECYCLE:
        ContactPoint.scoped().filter(pk=event.point_id).exclude(recycled_at__gte=at).update(recycled_at=at)
    effect = effect_of(event)
    if effect is None:
        return
    place = {"point_id": event.point_id, "profile_id": event.profile_id, "channel": effect.channel, "purpose": effect.purpose}
    state = ConsentState.scoped().filter(**place).first() or ConsentState(**place)
    absorb(state, event, effect)
    state.save()


@transaction.atomic
def rebuild(points: Iterable[ContactPoint] | None = None) -> int:
    """Make the states of the points (of the account, where none are named) anew from the ledger. Returns how many rows there are."""
    wanted = ContactPoint.scoped() if points is None else ContactPoint.scoped().filter(pk__in=[point.pk for point in points])
    ids = list(wanted.select_for_update().order_by("pk").values_list("pk", flat=True))
    ConsentState.scoped().filter(point__in=ids).delete()
    cells: dict[tuple[int, int | None, str, str], ConsentState] = {}
    said = ConsentEvent.scoped().filter(point__in=ids, retractions=None)
    for event in said.select_related("notice").order_by("pk"):
        if (effect := effect_of(event)) is not None:
            place = (event.point_id, event.profile_id, effect.channel, effect.purpose)
            state = cells.setdefault(place, ConsentState(point_id=place[0], profile_id=place[1], channel=place[2], purpose=place[3]))
            absorb(state, event, effect)
    ConsentState.objects.bulk_create(cells.values())
    return len(cells)
