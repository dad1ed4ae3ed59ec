"""The keys under which a profile is found as similar while a message waits, kept beside it and written with one statement.

The rules are some of ``contacts.deduplication.blocking``, in Python; a test holds the two equal. A key is the hash of the rules'
version, the rule and the value, so that keys of an older version are never found and may be replaced in any order.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.db import connection

from accounts.scope import current_account_id
from contacts.deduplication.reading import read_all_told
from contacts.deduplication.records import Record

# Goes up when a rule changes, or what records fold and split: every account's keys are then made anew (contacts.building_block_keys).
VERSION = 3

Rule = Callable[[Record], str | None]


def _together(*parts: str | None) -> str | None:
    return None if any(part is None for part in parts) else "".join(part or "" for part in parts)


def _start(text: str | None, length: int) -> str | None:
    return None if text is None else text[:length]


def _form(record: Record) -> str | None:
    """The formal given name: José for Pepe."""
    return record.forms[0] if record.forms else None


def _phone_name(record: Record) -> str | None:
    end = record.phone[-4:] if record.phone else None
    return _together(end, _start(record.given, 3), _start(record.surname, 4))


# A profile with a name, a phone and an email has six keys, one with a name and a phone three.
RULES: dict[str, Rule] = {
    "phone": lambda r: r.phone,
    "email": lambda r: r.email,
    "national_id": lambda r: r.national_id,
    "handle": lambda r: r.handle if r.handle and len(r.handle) >= 5 else None,
    "name": lambda r: r.name if r.surname is not None else None,
    "phone_name": _phone_name,
    "email_start": lambda r: _together(r.local[:6], _form(r)) if r.local and len(r.local) >= 6 else None,
    "surname_city": lambda r: _together(_start(_form(r), 2), r.surname, r.city),
    "born_given": lambda r: _together(r.born, _start(_form(r), 2)),
    "born_surname": lambda r: _together(r.born, _start(r.surname, 3)),
    "home": lambda r: _together(r.street, r.postcode or r.city, _start(r.given, 1)),
}

RENEW = """
WITH wanted AS (SELECT * FROM unnest(%(of)s::bigint[], %(hashes)s::bigint[]) AS w (profile_id, hash)),
gone AS (
    DELETE FROM contacts_blockkey b WHERE b.profile_id = ANY(%(profiles)s::bigint[]) AND b.account_id = %(account)s
    AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.profile_id = b.profile_id AND w.hash = b.hash)
), pending AS (
    INSERT INTO contacts_pendinglookup (account_id, profile_id, attempts) SELECT %(account)s, p, 0 FROM unnest(%(pending)s::bigint[]) p
    ON CONFLICT (profile_id) DO UPDATE SET asked_at = now(), attempts = 0
)
INSERT INTO contacts_blockkey (account_id, profile_id, hash) SELECT %(account)s, profile_id, hash FROM wanted ON CONFLICT DO NOTHING
"""


def hash_of(rule: str, value: str) -> int:
    """64 bits, signed as PostgreSQL's bigint is."""
    digest = hashlib.blake2b(f"{VERSION}:{rule}={value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def keys_of(record: Record) -> dict[int, str]:
    """Hash → the rule that made it."""
    values = ((rule, value_of(record)) for rule, value_of in RULES.items())
    return {hash_of(rule, value): rule for rule, value in values if value is not None}


def write_keys(records: Iterable[Record], *, of: Collection[int], look_up: Collection[int] = ()) -> None:
    """Make the keys of the profiles ``of`` those of their ``records``; a profile without a record has none. One statement.

    ``look_up``: the profiles for which somebody will look up who may be the same person. Call it inside a transaction that holds
    the locks of their contacts.
    """
    pairs = [(record.id, number) for record in records for number in keys_of(record)]
    parameters: dict[str, Any] = {
        "account": current_account_id(),
        "of": [profile_id for profile_id, _hash in pairs],
        "hashes": [number for _profile_id, number in pairs],
        "profiles": list(of),
        "pending": list(look_up),
    }
    with connection.cursor() as cursor:
        cursor.execute(RENEW, parameters)


def renew_keys(profile_ids: Collection[int]) -> None:
    """The same from what the database holds about the profiles now: for identifiers that ended or moved. Two statements."""
    if profile_ids:
        write_keys(read_all_told(profile_ids), of=profile_ids)
