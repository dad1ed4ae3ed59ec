"""How and when the visitor wants to be written to: read and set for the profiles that the visit reaches."""

from dataclasses import dataclass
from datetime import datetime, time

from django.db import transaction
from django.utils import timezone

from accounts.models import Channel
from consent import preferences
from consent.models import Preference
from consent.portal.choosing import CHANNELS, PERSON
from consent.portal.reach import Reach


@dataclass(frozen=True)
class Wish:
    """What the visitor's own profiles say, the latest first; hours are local."""

    language: str = ""
    channel: str = ""
    quiet_from: time | None = None
    quiet_to: time | None = None
    cap_count: int | None = None
    cap_days: int | None = None
    paused_until: datetime | None = None


def wish_of(reach: Reach) -> Wish:
    """One query."""
    rows = list(Preference.scoped().filter(profile__in=reach.profile_ids).order_by("-updated_at", "-pk"))
    if not rows:
        return Wish()
    now = timezone.now()
    latest = rows[0]
    return Wish(
        language=next((row.language for row in rows if row.language), ""),
        channel=next((row.channels[0] for row in rows if row.channels), ""),
        quiet_from=latest.quiet_from,
        quiet_to=latest.quiet_to,
        cap_count=latest.cap_count,
        cap_days=latest.cap_days,
        paused_until=max((row.paused_until for row in rows if row.paused_until and row.paused_until > now), default=None),
    )


def kinds_that_reach(reach: Reach) -> list[str]:
    """The kinds of channel that the account has for the visitor's points, shown or not. One query."""
    kinds = {kind for ref in reach.refs for kind in CHANNELS.get(ref.kind, ())}
    return sorted(set(Channel.scoped().filter(is_active=True, kind__in=kinds).values_list("kind", flat=True)))


@transaction.atomic
def choose(
    *,
    reach: Reach,
    language: str,
    channel: str,
    quiet_from: time | None,
    quiet_to: time | None,
    cap_count: int | None,
    cap_days: int | None,
) -> None:
    """Set what the visitor wants. Of hours and caps the strictest among a person's profiles rules, so all that are reached get them."""
    for profile in reach.records:
        preferences.set_preferences(
            profile=profile,
            by=PERSON,
            language=language,
            channels=[channel] if channel else [],
            quiet_from=quiet_from,
            quiet_to=quiet_to,
            cap_count=cap_count,
            cap_days=cap_days,
        )


@transaction.atomic
def pause(*, reach: Reach, days: int) -> None:
    """Pause everything but answers for so many days; 0 ends a pause."""
    if days and reach.first is not None:
        preferences.pause(profile=reach.first, days=days, by=PERSON)
        return
    paused = Preference.scoped().filter(profile__in=reach.profile_ids, paused_until__gt=timezone.now()).select_related("profile")
    for row in paused:
        preferences.set_preferences(profile=row.profile, by=PERSON, paused_until=None)
