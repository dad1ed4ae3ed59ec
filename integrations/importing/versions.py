"""What a profile said at one moment, and going back to it."""

from collections import Counter
from datetime import datetime
from typing import Any

from simple_history.utils import bulk_update_with_history

from contacts.models import Certainty, Identifier, Profile
from contacts.record_versions import show_version

Version = dict[str, Any]


def version_of(profile: Profile) -> Version:
    """Fields and identifiers of the profile as JSON."""
    fresh = Profile.scoped().get(pk=profile.pk)
    rows = Identifier.scoped().filter(profile=profile).order_by("pk")
    return {
        "given": dict(fresh.given),
        "given_at": dict(fresh.given_at),
        "later": dict(fresh.later),
        "identifiers": {str(row.pk): [row.value, row.valid_to and row.valid_to.isoformat(), row.end_reason] for row in rows},
    }


def go_back(profile: Profile, *, before: Version, after: Version) -> Counter[str]:
    """Put back what ``after`` changed, where it still says so; gives how many values went back and how many changed since.

    Inside a transaction that holds the profile's contact.
    """
    fresh = Profile.scoped().get(pk=profile.pk)
    counts = _fields_back(fresh, before, after)
    counts += _identifiers_back(fresh, before, after)
    show_version(fresh)
    return counts


def _fields_back(profile: Profile, before: Version, after: Version) -> Counter[str]:
    counts: Counter[str] = Counter()
    for field in sorted({*before["given"], *after["given"]}):
        was, became, now = (
            (version["given"].get(field), version["later"].get(field))
            for version in (before, after, {"given": profile.given, "later": profile.later})
        )
        if was == became:
            continue
        if now != became:
            counts["changed_since"] += 1
            continue
        for name in ("given", "given_at", "later"):
            content = getattr(profile, name)
            content.pop(field, None)
            if field in before[name]:
                content[field] = before[name][field]
        counts["put_back"] += 1
    if counts["put_back"]:
        profile.save(update_fields=["given", "given_at", "later"])
    return counts


def _identifiers_back(profile: Profile, before: Version, after: Version) -> Counter[str]:
    counts: Counter[str] = Counter()
    rows = {str(row.pk): row for row in Identifier.scoped().filter(profile=profile)}
    added = [rows[pk] for pk in after["identifiers"] if pk not in before["identifiers"] and pk in rows]
    gone = [row for row in added if row.certainty == Certainty.CLAIMED]
    counts["changed_since"] += len(added) - len(gone)
    Identifier.history.filter(id__in=[row.pk for row in gone]).delete()
    Identifier.scoped().filter(pk__in=[row.pk for row in gone]).delete()
    revived = []
    for pk, (_value, valid_to, end_reason) in before["identifiers"].items():
        row, became = rows.get(pk), after["identifiers"].get(pk)
        if row is None or became is None or became[1:] == [valid_to, end_reason]:
            continue
        if [row.valid_to and row.valid_to.isoformat(), row.end_reason] != became[1:]:
            counts["changed_since"] += 1
            continue
        row.valid_to = datetime.fromisoformat(valid_to) if valid_to else None
        row.end_reason = end_reason
        revived.append(row)
    bulk_update_with_history(revived, Identifier, ["valid_to", "end_reason"])
    counts["put_back"] += len(gone) + len(revived)
    return counts
