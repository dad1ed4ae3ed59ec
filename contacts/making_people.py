"""Write many people whom nobody knows yet, each with one profile, in a constant number of statements."""

from collections.abc import Sequence
from typing import Any

from accounts.models import Account
from accounts.writing_rows import draw_ids, write_rows
from contacts.announcements import contacts_changed
from contacts.block_keys import write_keys
from contacts.deduplication.reading import record_of
from contacts.models import Certainty, Contact, Identifier, MatchDecision, Profile
from contacts.plans import Recognition
from contacts.reading_claims import Record, write_given
from contacts.survivorship import looks_of

RULE = "new_record"


def make_people(*, account: Account, records: Sequence[Record], source: str, cause: str) -> list[Recognition]:
    """A contact, a profile and its identifiers for each record, as ``take_record`` makes them where nothing leads to anybody.

    The caller holds the locks on the records' keys. Who may be similar is not looked up: ask for a search for duplicates afterwards.
    """
    if not records:
        return []
    contacts, profiles, identifiers = [], [], []
    ids = zip(draw_ids(Contact, len(records)), draw_ids(Profile, len(records)), records, strict=True)
    identifier_ids = iter(draw_ids(Identifier, sum(len(record.identifiers) for record in records)))
    for contact_id, profile_id, record in ids:
        profile = _profile(profile_id, contact_id, record, source)
        mine = [_identifier(next(identifier_ids), profile, each, record) for each in record.identifiers]
        profile._prefetched_objects_cache = {"identifiers": mine}  # type: ignore[attr-defined]
        looks = looks_of([profile], account.survivorship)
        contacts.append(Contact(pk=contact_id, born_at=record.occurred_at, last_seen_at=record.occurred_at, **looks))
        profiles.append(profile)
        identifiers += mine
    decisions = [
        MatchDecision(
            profile=profile,
            outcome=MatchDecision.Outcome.CREATED,
            rule=RULE,
            evidence=_evidence(record, source),
            unified=account.unification_enabled,
            cause=cause[:80],
        )
        for profile, record in zip(profiles, records, strict=True)
    ]
    for rows in (contacts, profiles, identifiers, decisions):
        write_rows(rows)
    write_keys([_similar(profile) for profile in profiles], of=[profile.pk for profile in profiles])
    contacts_changed.send(sender=Profile, contact_ids=[contact.pk for contact in contacts])
    return [
        Recognition(profile=profile, outcome=MatchDecision.Outcome.CREATED, rule=RULE, is_new_profile=True, is_new_contact=True)
        for profile in profiles
    ]


def _profile(profile_id: int, contact_id: int, record: Record, source: str) -> Profile:
    profile = Profile(
        pk=profile_id,
        contact_id=contact_id,
        home_id=contact_id,
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


def _evidence(record: Record, source: str) -> dict[str, Any]:
    unreadable = [{"kind": each.kind, "raw": each.raw} for each in record.unreadable]
    return {"unreadable": unreadable, "source": source} if unreadable else {"source": source}


def _similar(profile: Profile) -> Any:
    known = [(each.kind, each.key, each.certainty != Certainty.CLAIMED) for each in profile.identifiers.all()]
    return record_of(profile.pk, profile.contact_id, profile.given, profile.later, known)
