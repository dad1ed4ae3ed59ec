"""Take in many records of another system together, with the same decisions as one by one.

A record whose values lead nowhere is somebody new, whatever the account's rules: such records are written together, in a few
statements for all of them. Every other one goes through ``contacts.matching.take_record`` in its turn. Of the records of a lot that
may come to one person, the first is decided as if there were no others.
"""

from collections.abc import Hashable, Iterable, Sequence
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

    # (kind, key) → the contacts that have it.
    keys: dict[tuple[str, str], set[int]] = field(default_factory=dict)
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
        for number in (_first_ones(records, read, known) if account.unification_enabled else range(len(records)))
        if records[number].profile is None and _leads_nowhere(read[number], known, marked)
    ]
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
    keys: dict[tuple[str, str], set[int]] = {}
    for kind, key, profile_id, contact_id in found:
        contacts[profile_id] = contact_id
        keys.setdefault((kind, key), set()).add(contact_id)
    return _Known(keys, frozenset(loose), contacts)


def _leads_nowhere(record: Record, known: _Known, marked: dict[tuple[str, str], str]) -> bool:
    return not any(
        each.match_key in known.keys or each.match_key in marked or (each.normal.loose_key and each.normal.loose_key in known.loose)
        for each in record.identifiers
    )


def _first_ones(records: Sequence[Given], read: Sequence[Record], known: _Known) -> list[int]:
    """The first of the records of every group that has anything in common, through others of the lot or through known contacts.

    Whatever comes after it in its group finds it there; nothing of another group does. So they may be written before all the rest.
    """
    leader: dict[Hashable, Hashable] = {}

    def find(node: Hashable) -> Hashable:
        while (above := leader.setdefault(node, node)) != node:
            leader[node] = node = leader[above]
        return node

    for number, (given, record) in enumerate(zip(records, read, strict=True)):
        for value in _values(given, record, known):
            leader[find(value)] = find(number)
    first: dict[Hashable, int] = {}
    for number in range(len(records)):
        first.setdefault(find(number), number)
    return list(first.values())


def _values(given: Given, record: Record, known: _Known) -> Iterable[Hashable]:
    """What another record of the lot may have in common with this one."""
    if given.profile is not None and given.profile.pk in known.contacts:
        yield "contact", known.contacts[given.profile.pk]
    for each in record.identifiers:
        if each.unifies:
            yield each.match_key
            yield from (("contact", pk) for pk in known.keys.get(each.match_key, ()))
            if each.normal.loose_key:
                yield "loose", each.normal.loose_key
