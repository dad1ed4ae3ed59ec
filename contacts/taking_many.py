"""Take in many records of another system together, with the same decisions as one by one.

A record whose values lead nowhere is somebody new, whatever the account's rules: such records are written together, in a few
statements for all of them. Every other one, and every one that shares a value with another of the same lot, goes through
``contacts.matching.take_record`` in its turn.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.claims import Claim
from contacts.locks import hold, lock_keys
from contacts.making_people import make_people
from contacts.marking import marks_on
from contacts.matching import take_record
from contacts.models import Identifier, Profile
from contacts.plans import Recognition
from contacts.reading_claims import Record, read_claim

# Each record locks its keys and, where they lead to somebody, a contact or two: a lot holds a few hundred locks.
MOST_TOGETHER = 200


@dataclass(frozen=True)
class Given:
    """One record; ``profile`` is the one that an earlier version of it made."""

    claim: Claim
    occurred_at: datetime
    profile: Profile | None = None


@dataclass(frozen=True)
class _Known:
    """Which keys lead to somebody, and where the profiles sit that they lead to."""

    keys: frozenset[tuple[str, str]] = frozenset()
    loose: frozenset[str] = frozenset()
    contacts: dict[int, int] = field(default_factory=dict)


@transaction.atomic
def take_records(*, source: str, records: Sequence[Given], cause: str) -> list[Recognition]:
    """Whose records they are, in their order; at most ``MOST_TOGETHER``. All or none of them are taken in.

    Call it once per transaction: it takes the locks of all of them, the match keys first, then the contacts. Raises
    ``contacts.locks.StillMoving``, ``Profile.DoesNotExist`` where an earlier version's profile was erased.
    """
    if len(records) > MOST_TOGETHER:
        raise ValueError(len(records))
    account = Account.objects.get(pk=current_account_id())
    read = [read_claim(each.claim, occurred_at=each.occurred_at, region=account.default_region) for each in records]
    keys = {identifier.match_key for record in read for identifier in record.identifiers if identifier.unifies}
    lock_keys(keys)
    earlier = [each.profile.pk for each in records if each.profile is not None]
    known = hold(lambda: _find(account, read, earlier), contacts_of=lambda found: found.contacts)
    marked = marks_on(keys, region=account.default_region)
    new = [
        number
        for number, (given, record) in enumerate(zip(records, read, strict=True))
        if given.profile is None and _leads_nowhere(record, known, marked)
    ]
    if account.unification_enabled:
        times = Counter(value for record in read for value in _values(record))
        new = [number for number in new if all(times[value] == 1 for value in _values(read[number]))]
    made = make_people(account=account, records=[read[number] for number in new], source=source, cause=cause)
    taken: dict[int, Recognition] = dict(zip(new, made, strict=True))
    for number, given in enumerate(records):
        if number not in taken:
            taken[number] = take_record(source=source, claim=given.claim, occurred_at=given.occurred_at, cause=cause, profile=given.profile)
    return [taken[number] for number in range(len(records))]


def _find(account: Account, read: Sequence[Record], earlier: Sequence[int]) -> _Known:
    contacts = dict(Profile.scoped().filter(pk__in=earlier).values_list("pk", "contact_id")) if earlier else {}
    if not account.unification_enabled:
        return _Known(contacts=contacts)
    unifying = [identifier for record in read for identifier in record.identifiers if identifier.unifies]
    rows = Identifier.scoped().filter(scope="", valid_to=None)
    equal = rows.filter(kind__in={each.kind for each in unifying}, key__in={each.normal.key for each in unifying})
    found = list(equal.values_list("kind", "key", "profile_id", "profile__contact_id"))
    spelt = {each.normal.loose_key for each in unifying if each.normal.loose_key}
    loose = list(rows.filter(loose_key__in=spelt).values_list("loose_key", flat=True)) if spelt else []
    contacts |= {profile_id: contact_id for _kind, _key, profile_id, contact_id in found}
    return _Known(frozenset((kind, key) for kind, key, *_of in found), frozenset(loose), contacts)


def _leads_nowhere(record: Record, known: _Known, marked: dict[tuple[str, str], str]) -> bool:
    return not any(
        each.match_key in known.keys or each.match_key in marked or (each.normal.loose_key and each.normal.loose_key in known.loose)
        for each in record.identifiers
    )


def _values(record: Record) -> set[tuple[str, str]]:
    """What another record of the lot may have in common with this one."""
    unifying = [each for each in record.identifiers if each.unifies]
    return {each.match_key for each in unifying} | {("loose", each.normal.loose_key) for each in unifying if each.normal.loose_key}
