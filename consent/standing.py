"""What the states of a point mean for one message: the strictest counts, unless a later and proven grant lifts it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent.vocabulary import State


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of ``ConsentState``, or of a point that may be the same line (``is_own`` false): then only its restrictions count."""

    is_own: bool
    profile_id: int | None
    channel: str
    purpose: str
    last_event: int = 0
    suppressed_at: datetime | None = None
    stopped_at: datetime | None = None
    objected_at: datetime | None = None
    withdrawn_at: datetime | None = None
    platform_stopped_at: datetime | None = None
    platform_resumed_at: datetime | None = None
    requested_at: datetime | None = None
    proven_at: datetime | None = None
    proven_notice: int = 0
    attested_at: datetime | None = None
    attested_notice: int = 0
    claimed_at: datetime | None = None
    soft_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody agreed: when, having which notice before them, and whether they held the point."""

    at: datetime
    notice: int
    is_proven: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at one point for one profile, channel and purpose.

    ``lifted_at``: latest proven grant for this channel and purpose; ``welcomed_at``: for this channel and any purpose, which is what
    lifts a suppression.
    """

    state: State
    since: datetime | None
    grants: tuple[Grant, ...] = ()
    soft_at: datetime | None = None
    claimed_at: datetime | None = None
    stopped_at: datetime | None = None
    platform_stopped_at: datetime | None = None
    lifted_at: datetime | None = None
    welcomed_at: datetime | None = None


def standing(
    cells: Iterable[Cell], *, profile_id: int | None, channel: str, purpose: str, is_shared: bool, recycled_at: datetime | None = None
) -> Standing:
    """Work out what holds for a message of ``purpose`` by ``channel`` (its kind) to the profile at the point.

    A restriction reaches everybody who uses the point. A grant counts where it was given, on a shared point for its profile only,
    and not if the number has changed hands since.
    """
    reached = [cell for cell in cells if cell.channel in ("", channel)]
    about = [cell for cell in reached if cell.purpose in ("", purpose)]
    giving = [cell for cell in reached if cell.is_own and (not is_shared or cell.profile_id == profile_id)]

    def counts(at: datetime | None) -> bool:
        return at is not None and (recycled_at is None or at > recycled_at)

    mine = [cell for cell in giving if cell.purpose in ("", purpose)]
    lifted_at = _latest(cell.proven_at for cell in mine if counts(cell.proven_at))
    welcomed_at = _latest(cell.proven_at for cell in giving if counts(cell.proven_at))
    grants = tuple(
        Grant(at, notice, is_proven)
        for cell in mine
        for at, notice, is_proven in ((cell.proven_at, cell.proven_notice, True), (cell.attested_at, cell.attested_notice, False))
        if at is not None and counts(at)
    )
    stands = [
        (State.SUPPRESSED, _standing(_latest(cell.suppressed_at for cell in reached), welcomed_at)),
        (State.OBJECTED, _standing(_latest(cell.objected_at for cell in about), lifted_at)),
        (State.WITHDRAWN, _standing(_latest(cell.withdrawn_at for cell in about), lifted_at)),
        (State.PENDING, _standing(_latest(cell.requested_at for cell in mine), lifted_at)),
        (State.GRANTED, _latest(grant.at for grant in grants)),
    ]
    state, since = next(((state, since) for state, since in stands if since is not None), (State.NONE, None))
    # The platform refuses whatever we think: only its own word takes its own word back.
    platform_stopped_at = _latest(cell.platform_stopped_at for cell in reached)
    return Standing(
        state=state,
        since=since,
        grants=grants,
        soft_at=_latest(cell.soft_at for cell in mine if counts(cell.soft_at)),
        claimed_at=_latest(cell.claimed_at for cell in mine),
        stopped_at=_standing(_latest(cell.stopped_at for cell in about), lifted_at),
        platform_stopped_at=_standing(platform_stopped_at, _latest(cell.platform_resumed_at for cell in reached)),
        lifted_at=lifted_at,
        welcomed_at=welcomed_at,
    )


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _standing(restricted_at: datetime | None, lifted_at: datetime | None) -> datetime | None:
    """The restriction's time unless something later lifts it; of two at one instant the restriction stands."""
    if restricted_at is None or (lifted_at is not None and lifted_at > restricted_at):
        return None
    return restricted_at
