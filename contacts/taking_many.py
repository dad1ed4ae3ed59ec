"""Take in many records of another system together, with the same decisions as one by one.

Records that may come to one person are taken in one after the other, in their order; those that have nothing to do with each other
are taken in rounds, of each such group the next one. Of a round, whoever is somebody new, or one known person with nothing against
it, is decided and written together with the others, in a few statements for all of them. Every other one goes through
``contacts.matching.take_record`` in its turn.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.claims import Claim
from contacts.locks import hold, lock_keys
from contacts.making_people import make_people
from contacts.matching import take_record
from contacts.models import Identifier, Profile
from contacts.planning_many import plan_arrivals
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
    contacts: dict[int, int] = field(default_factory=dict)

    def led_to(self, record: Record) -> set[int]:
        """The contacts that the record's keys lead to."""
        return {pk for each in record.identifiers if each.unifies for pk in self.keys.get(each.match_key, ())}


_Read = tuple[Given, Record]


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
    lock_keys({identifier.match_key for record in read for identifier in record.identifiers if identifier.unifies})
    waiting = {number: (given, record) for number, (given, record) in enumerate(zip(records, read, strict=True))}
    taken: dict[int, Recognition] = {}
    while waiting:
        known = hold(partial(_find, account, list(waiting.values())), contacts_of=lambda found: found.contacts)
        numbers = _first_ones(waiting, known) if account.unification_enabled else list(waiting)
        taken |= _take_round(account, {number: waiting.pop(number) for number in numbers}, known, source, cause)
    return [taken[number] for number in range(len(records))]


def _take_round(account: Account, records: dict[int, _Read], known: _Known, source: str, cause: str) -> dict[int, Recognition]:
    """Take in records of which no two may come to one person."""
    new = [number for number, (given, _record) in records.items() if given.profile is None]
    said = [records[number][1] for number in new]
    planned = plan_arrivals(account=account, records=said, contacts=[known.led_to(record) for record in said], source=source)
    arrivals = {number: arrival for number, arrival in zip(new, planned, strict=True) if arrival is not None}
    made = make_people(account=account, arrivals=list(arrivals.values()), source=source, cause=cause)
    taken = dict(zip(arrivals, made, strict=True))
    for number, (given, _record) in records.items():
        if number not in taken:
            taken[number] = take_record(source=source, claim=given.claim, occurred_at=given.occurred_at, cause=cause, profile=given.profile)
    return taken


def _find(account: Account, waiting: Sequence[_Read]) -> _Known:
    earlier = [given.profile.pk for given, _record in waiting if given.profile is not None]
    contacts = dict(Profile.scoped().filter(pk__in=earlier).values_list("pk", "contact_id")) if earlier else {}
    if not account.unification_enabled:
        return _Known(contacts=contacts)
    unifying = [identifier for _given, record in waiting for identifier in record.identifiers if identifier.unifies]
    rows = Identifier.scoped().filter(scope="", valid_to=None)
    equal = rows.filter(kind__in={each.kind for each in unifying}, key__in={each.normal.key for each in unifying})
    found = list(equal.values_list("kind", "key", "profile_id", "profile__contact_id"))
    keys: dict[tuple[str, str], set[int]] = {}
    for kind, key, profile_id, contact_id in found:
        contacts[profile_id] = contact_id
        keys.setdefault((kind, key), set()).add(contact_id)
    return _Known(keys, contacts)


def _first_ones(waiting: Mapping[int, _Read], known: _Known) -> list[int]:
    """The first of the records of every group that has anything in common, through others of the lot or through known contacts.

    Whatever comes after it in its group finds it there; nothing of another group does. So they may be written before all the rest.
    """
    leader: dict[Hashable, Hashable] = {}

    def find(node: Hashable) -> Hashable:
        while (above := leader.setdefault(node, node)) != node:
            leader[node] = node = leader[above]
        return node

    for number, (given, record) in waiting.items():
        for value in _values(given, record, known):
            leader[find(value)] = find(number)
    first: dict[Hashable, int] = {}
    for number in waiting:
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
