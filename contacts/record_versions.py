"""A later version of another system's record takes the place of the one before; the history table keeps that."""

from dataclasses import replace
from datetime import UTC, datetime

from simple_history.utils import bulk_update_with_history

from contacts.announcements import contacts_changed
from contacts.block_keys import renew_keys
from contacts.claims import Claim
from contacts.models import EndReason, Identifier, Profile
from contacts.plans import Plan
from contacts.reading_claims import Record
from contacts.survivorship import refresh


def newer_than(profile: Profile, record: Record) -> Record:
    """The record without the fields that the profile has from a later version: versions may arrive out of order."""
    return replace(record, given={field: value for field, value in record.given.items() if not _is_later(profile, field, record)})


def replace_version(plan: Plan, claim: Claim, record: Record) -> bool:
    """Write what the claim changes or takes away onto the plan's profile, before what it adds. Returns whether it did anything."""
    profile = plan.profile
    assert profile is not None
    # Both are done, whatever the first says.
    return any([_replace_given(profile, claim, record), _end_replaced(profile, plan.known, claim, record)])


def show_version(profile: Profile) -> None:
    """Compute anew what the profile's contact shows, and announce it."""
    renew_keys({profile.pk})
    refresh([profile.contact_id])
    contacts_changed.send(sender=Profile, contact_ids=[profile.contact_id])


def _replace_given(profile: Profile, claim: Claim, record: Record) -> bool:
    stamp = record.occurred_at.astimezone(UTC).isoformat()
    changed = False
    for field in claim.given:
        value = record.given.get(field)
        if field not in profile.given or _is_later(profile, field, record):
            continue
        if value != profile.given[field] or field in profile.later:
            profile.later.pop(field, None)
            if value is None:
                del profile.given[field], profile.given_at[field]
            else:
                profile.given[field], profile.given_at[field] = value, stamp
            changed = True
    if changed:
        profile.save(update_fields=["given", "given_at", "later"])
    return changed


def _is_later(profile: Profile, field: str, record: Record) -> bool:
    latest = profile.later.get(field, {}).get("at") or profile.given_at.get(field)
    return latest is not None and datetime.fromisoformat(latest) > record.occurred_at


def _end_replaced(profile: Profile, known: tuple[Identifier, ...], claim: Claim, record: Record) -> bool:
    """Of each kind that the claim names, the record holds what the claim says and nothing else."""
    named = {(each.kind, each.scope) for each in claim.identifiers}
    kept = {(each.kind, each.scope, each.normal.key) for each in record.identifiers}
    unreadable = {(each.kind, each.scope) for each in record.unreadable}
    ending = [
        row
        for row in known
        if row.valid_to is None
        and (row.kind, row.scope) in named - unreadable
        and (row.kind, row.scope, row.key) not in kept
        and row.valid_from <= record.occurred_at
    ]
    for row in ending:
        row.valid_to, row.end_reason = record.occurred_at, EndReason.REPLACED
    if ending:
        bulk_update_with_history(ending, Identifier, ["valid_to", "end_reason"])
    return bool(ending)
