"""The account's profiles as records to compare. Call it inside the account's scope."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from django.db import connection

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.deduplication.records import Record, set_address, set_email, set_handle, set_name, set_phone
from contacts.marking import phone_of_whatsapp
from contacts.postal_addresses import split_address

# One pass over both tables in the order of their keys; the rows of a profile come together.
PROFILES = """
SELECT p.id, p.contact_id, p.given, p.later, i.kinds, i.keys, i.sure
FROM contacts_profile p
LEFT JOIN LATERAL (
    SELECT array_agg(kind ORDER BY id) AS kinds, array_agg(key ORDER BY id) AS keys,
           array_agg(certainty <> 'claimed' ORDER BY id) AS sure
    FROM contacts_identifier WHERE account_id = p.account_id AND profile_id = p.id AND valid_to IS NULL
) i ON true
WHERE p.account_id = %s AND p.corrects_id IS NULL AND p.erased_at IS NULL{some}
ORDER BY p.id
"""
SOME = " AND p.id = ANY(%s)"
CHANGED = """
SELECT id FROM contacts_profile WHERE account_id = %(account)s AND created_at > %(moment)s
UNION SELECT profile_id FROM contacts_historicalidentifier WHERE account_id = %(account)s AND history_date > %(moment)s
UNION SELECT id FROM contacts_historicalprofile WHERE account_id = %(account)s AND history_date > %(moment)s
"""
# Everybody in the contacts of the changed ones, who has a block key in common with them, and everybody in the contacts of those:
# a contact is judged as a whole.
AROUND = """
WITH sides AS (
    SELECT p.id FROM contacts_profile p WHERE p.account_id = %(account)s
    AND p.contact_id IN (SELECT contact_id FROM contacts_profile WHERE account_id = %(account)s AND id = ANY(%(changed)s))
), hashes AS (
    SELECT DISTINCT hash FROM contacts_blockkey WHERE account_id = %(account)s AND profile_id IN (SELECT id FROM sides)
), alike AS (
    SELECT DISTINCT found.profile_id FROM hashes CROSS JOIN LATERAL (
        SELECT b.profile_id FROM contacts_blockkey b WHERE b.account_id = %(account)s AND b.hash = hashes.hash LIMIT %(limit)s
    ) found
)
SELECT p.id FROM contacts_profile p WHERE p.account_id = %(account)s AND p.contact_id IN (
    SELECT contact_id FROM contacts_profile WHERE account_id = %(account)s AND id IN (SELECT profile_id FROM alike)
) UNION SELECT id FROM sides
"""
MARKS = "SELECT kind, key, mark FROM contacts_valuemark WHERE account_id = %s"
SOME_MARKS = " AND (kind, key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
BATCH = 5000


def read_profiles(account: Account, *, among: Collection[int] | None = None) -> Iterator[Record]:
    """Every profile that is no correction, or those of ``among``. Values marked as identifying nobody or as shared are left out."""
    left_out = _left_out(account)
    some, parameters = ("", []) if among is None else (SOME, [list(among)])
    with connection.chunked_cursor() as cursor:
        cursor.execute(PROFILES.format(some=some), [current_account_id(), *parameters])
        while rows := cursor.fetchmany(BATCH):
            for row in rows:
                yield _record(row, left_out)


def read_some(profile_ids: Collection[int]) -> list[Record]:
    """The same of a few profiles, those among them that are no correction. Two queries, one where there are no identifiers."""
    rows = _rows_of(profile_ids)
    values = {_value(kind, key) for row in rows for kind, key in zip(row[4] or (), row[5] or (), strict=True)}
    left_out: set[tuple[str, str]] = set()
    if values:
        with connection.cursor() as cursor:
            cursor.execute(MARKS + SOME_MARKS, [current_account_id(), *map(list, zip(*values, strict=True))])
            left_out = {(kind, key) for kind, key, _mark in cursor.fetchall()}
    return [_record(row, left_out) for row in rows]


def read_all_told(profile_ids: Collection[int]) -> list[Record]:
    """The same with the values that people marked, for what must outlive the marks. One query."""
    return [_record(row, ()) for row in _rows_of(profile_ids)]


def _rows_of(profile_ids: Collection[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(PROFILES.format(some=SOME), [current_account_id(), list(profile_ids)])
        return cursor.fetchall()


def changed_since(moment: Any) -> list[int]:
    """Profiles that were made, told something new, or moved after the moment."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, {"account": current_account_id(), "moment": moment})
        return [row[0] for row in cursor.fetchall()]


def around(changed: Collection[int], *, most: int) -> list[int]:
    """The profiles to read for a search of what changed, ``most`` of each block key: index look-ups, whatever the account holds.

    Needs the account's block keys.
    """
    with connection.cursor() as cursor:
        cursor.execute(AROUND, {"account": current_account_id(), "changed": list(changed), "limit": most})
        return [row[0] for row in cursor.fetchall()]


def _left_out(account: Account) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(MARKS, [current_account_id()])
        return {(kind, key) for kind, key, _mark in cursor.fetchall()}


def _value(kind: str, key: str) -> tuple[str, str]:
    return phone_of_whatsapp(key) if kind == "whatsapp" else (kind, key)


def _record(row: tuple[Any, ...], left_out: Collection[tuple[str, str]]) -> Record:
    profile_id, contact_id, given, later, kinds, keys, sure = row
    identifiers = list(zip(kinds or (), keys or (), sure or (), strict=True))
    # Django's cursors leave JSON as text.
    return record_of(profile_id, contact_id, json.loads(given), json.loads(later), identifiers, left_out)


def record_of(
    profile_id: int,
    contact_id: int,
    given: Mapping[str, Any],
    later: Mapping[str, Any],
    identifiers: Iterable[tuple[str, str, bool]],
    left_out: Collection[tuple[str, str]] = (),
) -> Record:
    """A profile's values as a record. ``identifiers``: (kind, match key, whether it is more than typed), the first told first."""
    record = Record(id=profile_id, contact=contact_id)
    set_name(record, str(given.get("name") or (later.get("name") or {}).get("value") or ""))
    values: dict[str, tuple[str, bool]] = {}
    for kind, key, is_sure in identifiers:
        kind, key = _value(kind, key)
        # What somebody is sure of comes first, then what was told first.
        if (kind, key) not in left_out and (kind not in values or (is_sure and not values[kind][1])):
            values[kind] = key, is_sure
    set_email(record, values.get("email", ("", False))[0] or None)
    set_phone(record, values.get("phone", ("", False))[0] or None)
    set_handle(record, str(given.get("username") or ""))
    record.national_id = values.get("national_id", ("", False))[0] or None
    record.sure = any(is_sure for kind, (_key, is_sure) in values.items() if kind in ("email", "phone"))
    told = {name: str(given.get(name) or "") for name in ("date_of_birth", "street", "city", "postcode")}
    line = str(given.get("address") or "")
    if line and not told["street"]:
        parts = split_address(line)
        told["street"] = f"{parts.street} {parts.number}".strip()
        told["city"], told["postcode"] = told["city"] or parts.city, told["postcode"] or parts.postcode
    set_address(record, born=told["date_of_birth"], street=told["street"], city=told["city"], postcode=told["postcode"])
    return record
