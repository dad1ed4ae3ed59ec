"""What the pages of the channels show. Constant numbers of queries."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from accounts.models import Channel, ChannelKind
from inbox.adapters import registered_kinds
from inbox.models import InboundEvent
from inbox.receiving import BROKEN

State = InboundEvent.State
PREVIEW_BYTES = 2000


@dataclass(frozen=True)
class ChannelHealth:
    """A channel, and how many of its events wait, could not be read, or failed."""

    channel: Channel
    waiting: int
    partly: int
    unreadable: int
    failed: int

    @property
    def is_broken(self) -> bool:
        """Nothing goes through. The web chat's problem is a page that vouches wrongly for its visitors: everybody else can chat."""
        return bool(self.channel.problem) and self.channel.kind != ChannelKind.WEBCHAT

    @property
    def needs_care(self) -> bool:
        return bool(self.channel.problem or self.channel.sending_problem or self.partly or self.unreadable or self.failed)


@dataclass(frozen=True)
class BrokenEvent:
    """An event that brought nothing, or not all, with the beginning of what arrived."""

    pk: int
    state: str
    received_at: datetime
    error: str
    preview: str
    size: int
    is_cut: bool


def channels_with_health() -> list[ChannelHealth]:
    """Every channel of the account whose kind is known, the active ones first. Two queries."""
    counts = _counts()
    return [
        _health(channel, counts) for channel in Channel.scoped().filter(kind__in=registered_kinds()).order_by("-is_active", "name", "pk")
    ]


def health_of(channel: Channel) -> ChannelHealth:
    return _health(channel, _counts(channel))


def broken_events(channel: Channel, *, limit: int = 30) -> list[BrokenEvent]:
    """The latest events of a channel that were unreadable, wholly or in part, or failed. One query."""
    rows = InboundEvent.scoped().filter(channel=channel, state__in=BROKEN).order_by("-received_at", "-pk")
    return [_broken(event) for event in rows[:limit]]


def _counts(channel: Channel | None = None) -> Counter[tuple[int, str]]:
    rows = InboundEvent.scoped().filter(state__in=[State.PENDING, *BROKEN])
    if channel is not None:
        rows = rows.filter(channel=channel)
    return Counter({(pk, state): count for pk, state, count in rows.values_list("channel", "state").annotate(Count("pk")).order_by()})


def _health(channel: Channel, counts: Counter[tuple[int, str]]) -> ChannelHealth:
    return ChannelHealth(channel, *(counts[channel.pk, state] for state in (State.PENDING, *BROKEN)))


def _broken(event: InboundEvent) -> BrokenEvent:
    body = bytes(event.body)
    preview = body[:PREVIEW_BYTES].decode(errors="replace").replace("\x00", "\ufffd")
    return BrokenEvent(event.pk, event.state, event.received_at, event.error, preview, len(body), len(body) > PREVIEW_BYTES)
