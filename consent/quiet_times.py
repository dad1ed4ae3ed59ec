"""When one may write: quiet hours, holidays and pauses, in every time zone where the person may be. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consent.country_rules import DAYS, Rules

# A time that suits everybody is found within a fortnight, or not at all.
FARTHEST = timedelta(days=14)
MIDNIGHT = time(0)


class NoTimeFound(Exception):
    """The rules leave no time to write at all: nothing may leave."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours in which one does not write; they may cross midnight. Equal ends are no hours."""

    begins: time
    ends: time

    def hold(self, at: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


@dataclass(frozen=True, slots=True)
class Calendar:
    """Everything that keeps a message back at one place and time. ``hours``: of the account and of the person."""

    zones: tuple[ZoneInfo, ...]
    country: Rules
    hours: tuple[QuietHours, ...] = ()
    paused_until: datetime | None = None


def zone_named(name: str) -> ZoneInfo | None:
    """``None`` for what is no zone."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zones_for(country: Rules, own: Sequence[str], others: Sequence[str] = ()) -> tuple[ZoneInfo, ...]:
    """Every zone in which the person may be: the first of ``own`` that is a zone, where there is none every zone of the country, since
    nobody knows; and those of ``others``, which the person's other profiles name. What one profile says never narrows what holds for
    another: a merge allows nothing that was not allowed before.
    """
    known = [zone for name in own if (zone := zone_named(name)) is not None]
    besides = [zone for name in others if (zone := zone_named(name)) is not None]
    return tuple(dict.fromkeys([*(known[:1] or country.zones), *besides]))


def kept_back_by(calendar: Calendar, at: datetime) -> str:
    """``holiday``, ``quiet_hours`` or nothing: why one does not write at ``at``."""
    for zone in calendar.zones:
        local = at.astimezone(zone)
        hours = _hours_of(calendar.country, local.date())
        if hours is None:
            return "holiday" if _is_holiday(calendar.country, local.date()) else "quiet_hours"
        if not hours[0] <= local.time() < hours[1] or any(quiet.hold(local.time()) for quiet in calendar.hours):
            return "quiet_hours"
    return ""


def next_time(calendar: Calendar, at: datetime) -> datetime:
    """The first instant from ``at`` on (UTC) at which nothing keeps a message back. Raises ``NoTimeFound``."""
    found = max(at, calendar.paused_until) if calendar.paused_until else at
    last = found + FARTHEST
    while found <= last:
        moved = max((_free_from(calendar, zone, found) for zone in calendar.zones), default=found)
        if moved == found:
            return found.astimezone(UTC)
        found = moved
    raise NoTimeFound


def _free_from(calendar: Calendar, zone: ZoneInfo, at: datetime) -> datetime:
    """The next instant from ``at`` on at which this zone has nothing against it, or a step towards it."""
    local = at.astimezone(zone)
    hours = _hours_of(calendar.country, local.date())
    if hours is None or local.time() >= hours[1]:
        return _at(zone, local.date() + timedelta(days=1), MIDNIGHT, at)
    if local.time() < hours[0]:
        return _at(zone, local.date(), hours[0], at)
    for quiet in calendar.hours:
        if quiet.hold(local.time()):
            crosses = quiet.begins > quiet.ends and local.time() >= quiet.begins
            return _at(zone, local.date() + timedelta(days=int(crosses)), quiet.ends, at)
    return at


def _at(zone: ZoneInfo, day: date, clock: time, after: datetime) -> datetime:
    """That local time as an instant; never before ``after``, where the clocks are put back."""
    found = datetime.combine(day, clock, zone).astimezone(UTC)
    return found if found > after else after + timedelta(minutes=30)


def _is_holiday(country: Rules, day: date) -> bool:
    return bool(country["quiet_hours"]["holidays"]) and day in country.holidays


def _hours_of(country: Rules, day: date) -> tuple[time, time] | None:
    """The hours in which one may write on that day; ``None`` where one may not. A country that says nothing raises ``KeyError``."""
    rule: Any = country["quiet_hours"]
    hours = rule["allowed"][DAYS[day.weekday()]]
    if hours is None or _is_holiday(country, day):
        return None
    return time.fromisoformat(hours[0]), time.fromisoformat(hours[1])
