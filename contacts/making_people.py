"""Write many people whom nobody knows yet, each with one profile, in a constant number of statements."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from simple_history.utils import bulk_create_with_history

from accounts.models import Account
from accounts.scope import current_account_id
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
    ids = zip(_ids(Contact, len(records)), _ids(Profile, len(records)), records, strict=True)
    identifier_ids = iter(_ids(Identifier, sum(len(record.identifiers) for record in records)))
    for contact_id, profile_id, record in ids:
        profile = _profile(profile_id, contact_id, record, source)
        mine = [_identifier(next(identifier_ids), profile, each, record) for each in record.identifiers]
        profile._prefetched_objects_cache = {"identifiers": mine}  # type: ignore[attr-defined]
        looks = looks_of([profile], account.survivorship)
        contacts.append(Contact(pk=contact_id, born_at=record.occurred_at, last_seen_at=record.occurred_at, **looks))
        profiles.append(profile)
        identifiers += mine
    for rows, model in ((contacts, Contact), (profiles, Profile), (identifiers, Identifier)):
        _write(rows, model)
    MatchDecision.objects.bulk_create(
        MatchDecision(
            profile=profile,
            outcome=MatchDecision.Outcome.CREATED,
            rule=RULE,
            evidence=_evidence(record, source),
            unified=account.unification_enabled,
            cause=cause[:80],
        )
        for profile, record in zip(profiles, records, strict=True)
    )
    write_keys([_similar(profile) for profile in profiles], of=[profile.pk for profile in profiles])
    contacts_changed.send(sender=Profile, contact_ids=[contact.pk for contact in contacts])
    return [
        Recognition(profile=profile, outcome=MatchDecision.Outcome.CREATED, rule=RULE, is_new_profile=True, is_new_contact=True)
        for profile in profiles
    ]


def _ids(model: type[models.Model], count: int) -> list[int]:
    """Drawn beforehand: what a contact shows names the profile that it comes from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [model._meta.db_table, count])
        return [row[0] for row in cursor.fetchall()]


def _write(rows: list[Any], model: type[models.Model]) -> None:
    if rows:
        for row in rows:
            row.account_id = current_account_id()
        bulk_create_with_history(rows, model)


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
