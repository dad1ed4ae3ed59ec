"""Write many records of which each becomes a profile, of somebody new or of somebody known, in a constant number of statements."""

from collections.abc import Sequence
from typing import Any

from accounts.models import Account
from accounts.writing_rows import draw_ids, write_rows
from contacts.announcements import contacts_changed
from contacts.block_keys import write_keys
from contacts.deduplication.reading import record_of
from contacts.models import Certainty, Contact, Identifier, MatchDecision, Profile
from contacts.plans import Arrival, Recognition
from contacts.reading_claims import Record, write_given
from contacts.survivorship import looks_of, refresh_together


def make_people(*, account: Account, arrivals: Sequence[Arrival], source: str, cause: str) -> list[Recognition]:
    """A profile and its identifiers for each record, and a contact where it has none yet, as ``take_record`` makes them.

    No two of them come to one person. The caller holds the locks on the records' keys and on the known contacts. Who may be similar
    is not looked up: ask for a search for duplicates afterwards.
    """
    if not arrivals:
        return []
    contacts, profiles, identifiers = [], [], []
    new_ids = iter(draw_ids(Contact, sum(each.contact_id is None for each in arrivals)))
    identifier_ids = iter(draw_ids(Identifier, sum(len(each.record.identifiers) for each in arrivals)))
    for profile_id, arrival in zip(draw_ids(Profile, len(arrivals)), arrivals, strict=True):
        record = arrival.record
        contact_id = next(new_ids) if arrival.contact_id is None else arrival.contact_id
        profile = _profile(profile_id, contact_id, record, source)
        mine = [_identifier(next(identifier_ids), profile, each, record) for each in record.identifiers]
        profile._prefetched_objects_cache = {"identifiers": mine}  # type: ignore[attr-defined]
        if arrival.contact_id is None:
            profile.home_id = contact_id
            looks = looks_of([profile], account.survivorship)
            contacts.append(Contact(pk=contact_id, born_at=record.occurred_at, last_seen_at=record.occurred_at, **looks))
        profiles.append(profile)
        identifiers += mine
    decisions = [
        MatchDecision(
            profile=profile,
            outcome=arrival.outcome,
            rule=arrival.rule,
            evidence=arrival.evidence,
            unified=account.unification_enabled,
            cause=cause[:80],
        )
        for profile, arrival in zip(profiles, arrivals, strict=True)
    ]
    for rows in (contacts, profiles, identifiers, decisions):
        write_rows(rows)
    write_keys([_similar(profile) for profile in profiles], of=[profile.pk for profile in profiles])
    joined = [arrival.contact_id for arrival in arrivals if arrival.contact_id is not None]
    if joined:
        refresh_together(joined)
    contacts_changed.send(sender=Profile, contact_ids=sorted(profile.contact_id for profile in profiles))
    return [
        Recognition(
            profile=profile,
            outcome=arrival.outcome,
            rule=arrival.rule,
            conflict_names=arrival.conflict_names,
            is_new_profile=True,
            is_new_contact=arrival.contact_id is None,
        )
        for profile, arrival in zip(profiles, arrivals, strict=True)
    ]


def _profile(profile_id: int, contact_id: int, record: Record, source: str) -> Profile:
    profile = Profile(
        pk=profile_id,
        contact_id=contact_id,
        source=source,
        first_seen_at=record.occurred_at,
        last_seen_at=record.occurred_at,
    )
    write_given(profile, record.given, record.occurred_at)
    return profile


def _identifier(pk: int, profile: Profile, each: Any, record: Record) -> Identifier:
    return Identifier(
        pk=pk,
        profile=profile,
        kind=each.kind,
        raw=each.raw,
        value=each.normal.value,
        key=each.normal.key,
        key_version=each.normal.key_version,
        loose_key=each.normal.loose_key,
        scope=each.scope,
        certainty=each.certainty,
        valid_from=record.occurred_at,
        last_seen_at=record.occurred_at,
    )


def _similar(profile: Profile) -> Any:
    known = [(each.kind, each.key, each.certainty != Certainty.CLAIMED) for each in profile.identifiers.all()]
    return record_of(profile.pk, profile.contact_id, profile.given, profile.later, known)
