"""What people prefer: stored per profile; of a person the strictest pause, hours and cap rule, language and channels are the latest."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.roles import Ability, require
from consent.models import Preference
from consent.quiet_times import zone_named
from contacts.locks import hold
from contacts.models import Contact, Profile

FIELDS = frozenset({"language", "channels", "timezone", "quiet_from", "quiet_to", "cap_count", "cap_days", "paused_until"})
LONGEST_PAUSE = timedelta(days=366)


@dataclass(frozen=True)
class PersonsPreferences:
    """What rules for a person. ``quiet_hours``: every profile's own, all of which hold. ``caps``: (messages, days), all of which hold."""

    language: str
    channels: list[str]
    timezone: str
    quiet_hours: list[tuple[time, time]]
    caps: list[tuple[int, int]]
    paused_until: datetime | None


@transaction.atomic
def set_preferences(*, profile: Profile, by: Actor, **values: Any) -> Preference:
    """Change some of a profile's preferences (fields of ``Preference``). Raises ``ValidationError``, ``PermissionDenied``."""
    require(by, Ability.RECORD_CONSENT)
    if unknown := set(values) - FIELDS:
        raise ValidationError({name: _("There is no such preference.") for name in unknown})
    _check(values)
    row, _new = Preference.scoped().select_for_update().get_or_create(profile=profile, defaults={"updated_at": timezone.now()})
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = timezone.now()
    row.save()
    return row


@transaction.atomic
def set_preferences_of_person(*, contact: Contact, by: Actor, **values: Any) -> None:
    """Put these preferences on every profile of the contact, so that they are what rules. Raises like ``set_preferences``.

    The strictest among a person's profiles rules: on one profile alone, a shorter pause or a later hour would change nothing.
    """
    hold(
        lambda: dict(Profile.scoped().filter(contact=contact, erased_at=None).values_list("pk", "contact_id")),
        contacts_of=lambda found: found,
    )
    for profile in Profile.scoped().filter(contact=contact, erased_at=None).order_by("pk"):
        set_preferences(profile=profile, by=by, **values)


def pause(*, profile: Profile, days: int, by: Actor) -> Preference:
    """No promotions and notices for so many days; 0 ends a pause."""
    return set_preferences(profile=profile, by=by, paused_until=timezone.now() + timedelta(days=days) if days else None)


def preferences_of_person(profile: Profile) -> PersonsPreferences:
    """What rules for the profile's person now. One query."""
    return _ruling(Preference.scoped().filter(profile__contact__profiles=profile.pk))


def preferences_of_contact(contact: Contact) -> PersonsPreferences:
    """The same for whoever a contact shows. One query."""
    return _ruling(Preference.scoped().filter(profile__contact=contact))


def _ruling(found: QuerySet[Preference]) -> PersonsPreferences:
    rows = list(found.order_by("-updated_at", "-pk"))
    return PersonsPreferences(
        language=next((row.language for row in rows if row.language), ""),
        channels=next((row.channels for row in rows if row.channels), []),
        timezone=next((row.timezone for row in rows if row.timezone), ""),
        quiet_hours=[(row.quiet_from, row.quiet_to) for row in rows if row.quiet_from is not None and row.quiet_to is not None],
        caps=[(row.cap_count, row.cap_days) for row in rows if row.cap_count is not None and row.cap_days is not None],
        paused_until=max((row.paused_until for row in rows if row.paused_until is not None), default=None),
    )


def _check(values: dict[str, Any]) -> None:
    problems = {}
    if values.get("timezone") and zone_named(values["timezone"]) is None:
        problems["timezone"] = _("%(value)s is not a time zone such as America/Santiago.") % {"value": values["timezone"]}
    if ("quiet_from" in values) != ("quiet_to" in values) or (values.get("quiet_from") is None) != (values.get("quiet_to") is None):
        problems["quiet_to"] = _("Quiet hours have a beginning and an end.")
    if (values.get("cap_count") is None) != (values.get("cap_days") is None):
        problems["cap_days"] = _("A limit needs a number of messages and of days.")
    if any(values.get(name) is not None and not 1 <= values[name] <= 90 for name in ("cap_count", "cap_days")):
        problems["cap_count"] = _("Choose a number from 1 to 90.")
    if values.get("paused_until") is not None and values["paused_until"] > timezone.now() + LONGEST_PAUSE:
        problems["paused_until"] = _("A pause lasts a year at most.")
    if problems:
        raise ValidationError(problems)
