"""What the visitor's profiles say about them, and how they put it right."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.auditing import record
from consent.models import RightsRequest
from consent.portal.choosing import PERSON
from consent.portal.reach import Reach
from consent.vocabulary import Origin
from contacts.correcting import correct_profile
from contacts.models import Profile

# What people put right by themselves. The rest is shown, and they ask for it.
CORRECTABLE = ("name", "address", "city")


@dataclass(frozen=True)
class Datum:
    """One field as the visitor's profiles have it."""

    field: str
    value: str
    at: datetime | None


def data_of(reach: Reach) -> list[Datum]:
    """Every field that the visitor's profiles gave: a correction first, else what was said last. Never what another profile gave."""
    found: dict[str, tuple[bool, str, str]] = {}
    for profile in reach.profiles:
        for field, value, at in _said(profile):
            if isinstance(value, (str, int, float)) and str(value).strip():
                found[field] = max(found.get(field, (False, "", "")), (profile.outranks, at, str(value)))
    return [Datum(field, value, datetime.fromisoformat(at) if at else None) for field, (_own, at, value) in sorted(found.items())]


def correct(*, reach: Reach, values: dict[str, str]) -> list[str]:
    """Write down what the visitor says about themselves, where it is something else. Gives the fields that changed.

    Each change is a correction of the profile known longest, and stands in the register of requests as done. Raises
    ``ValidationError`` for a value that is too long.
    """
    known = {datum.field: datum.value for datum in data_of(reach)}
    changed = {field: value for field, value in values.items() if field in CORRECTABLE and value.strip() != known.get(field, "")}
    first = reach.first
    if first is None or not changed:
        return []
    with transaction.atomic():
        for field, value in changed.items():
            correct_profile(profile=first, field=field, value=value, by=PERSON)
        now = timezone.now()
        request = RightsRequest.objects.create(
            kind=RightsRequest.Kind.RECTIFICATION,
            status=RightsRequest.Status.DONE,
            profile=first,
            point_id=reach.points[0].point_id,
            source=Origin.PORTAL,
            detail={"fields": sorted(changed), "profiles": reach.profile_ids, "about": ""},
            outcome={"corrected": sorted(changed)},
            received_at=now,
            due_at=now,
            closed_at=now,
        )
        record(actor=PERSON, action="rights_request.create", target=request, kind=request.kind)
    return sorted(changed)


def _said(profile: Profile) -> Iterator[tuple[str, Any, str]]:
    for field, value in profile.given.items():
        yield field, value, str(profile.given_at.get(field) or "")
    for field, later in profile.later.items():
        yield field, later.get("value"), str(later.get("at") or "")
