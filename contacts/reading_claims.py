"""Read what a source says into normal forms, and write it onto a profile."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simple_history.utils import bulk_create_with_history

from accounts.models import Channel
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import UNIFYING, Certainty, EndReason, Identifier, Profile
from contacts.normalising import MAX_VALUE, NormalValue, normal

# Turn the text behind them round, on the whole line: a name must not rewrite what stands beside it.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Unique within the channel they were seen on, unless the adapter names what they are unique in.
CHANNEL_SCOPED = frozenset({"visitor", "app_user", "instagram", "messenger", "telegram"})
RANK = {Certainty.CLAIMED: 0, Certainty.VERIFIED: 1, Certainty.ATTESTED: 2}


@dataclass(frozen=True)
class ReadIdentifier:
    """One identifier in normal form."""

    kind: str
    raw: str
    normal: NormalValue
    certainty: str
    scope: str

    @property
    def match_key(self) -> tuple[str, str]:
        return self.kind, self.normal.key

    @property
    def unifies(self) -> bool:
        return self.kind in UNIFYING and not self.scope


@dataclass(frozen=True)
class Record:
    """A claim in normal forms. ``unreadable`` keeps the identifiers that could not be read as what they were said to be."""

    identifiers: tuple[ReadIdentifier, ...]
    unreadable: tuple[ClaimedIdentifier, ...]
    given: dict[str, Any]
    occurred_at: datetime

    @property
    def name(self) -> str:
        return str(self.given.get("name") or "")

    def of_kinds(self, kinds: Iterable[str]) -> list[ReadIdentifier]:
        return [identifier for identifier in self.identifiers if identifier.kind in kinds]


def normal_address(address: Address, *, region: str) -> str:
    """How an address is written in ``Profile.address``."""
    read = normal(address.kind, address.value, region=region)
    return (read.value if read else address.value.strip())[:MAX_VALUE]


def read_claim(
    claim: Claim, *, occurred_at: datetime, region: str, channel: Channel | None = None, address: Address | None = None
) -> Record:
    """Normal forms of everything the claim says. The address counts as an identifier, and a WhatsApp id attests its phone.

    Of one value said twice, the surer word stays.
    """
    claimed = list(claim.identifiers)
    if address is not None and not any(_same(address, identifier, region) for identifier in claimed):
        # Whoever holds a mailbox is not attested by the From line; the other providers name their own user.
        certainty = Certainty.CLAIMED if address.kind == "email" else Certainty.ATTESTED
        claimed.insert(0, ClaimedIdentifier(kind=address.kind, raw=address.value, certainty=certainty))
    read: dict[tuple[str, str, str], ReadIdentifier] = {}
    unreadable = []
    for identifier in claimed:
        value = normal(identifier.kind, identifier.raw, region=region)
        if value is None:
            unreadable.append(identifier)
            continue
        scope = identifier.scope or (f"channel:{channel.pk}" if channel and identifier.kind in CHANNEL_SCOPED else "")
        found = ReadIdentifier(identifier.kind, identifier.raw.strip()[:MAX_VALUE], value, str(identifier.certainty), scope)
        for each in (found, *_attested_by(found)):
            place = (each.kind, each.scope, each.normal.key)
            if place not in read or RANK[Certainty(each.certainty)] > RANK[Certainty(read[place].certainty)]:
                read[place] = each
    told = ((field, _one_way(value)) for field, value in claim.given.items())
    given = {field: value for field, value in told if value not in (None, "", [], {})}
    return Record(tuple(read.values()), tuple(unreadable), given, occurred_at)


def _same(address: Address, identifier: ClaimedIdentifier, region: str) -> bool:
    if identifier.kind != address.kind:
        return False
    one, other = (normal(address.kind, raw, region=region) for raw in (address.value, identifier.raw))
    return identifier.raw == address.value or (one is not None and one == other)


def _attested_by(identifier: ReadIdentifier) -> list[ReadIdentifier]:
    """The phone that a WhatsApp id stands for."""
    if identifier.kind != "whatsapp":
        return []
    phone = normal("phone", f"+{identifier.normal.value}", region="ZZ")
    return [ReadIdentifier("phone", f"+{identifier.raw.lstrip('+')}", phone, identifier.certainty, "")] if phone else []


def stronger_than_known(record: Record, known: Iterable[Identifier]) -> list[ReadIdentifier]:
    """What the record says that the profile does not have yet, or has with less certainty, or had until it ended."""
    have = {(each.kind, each.scope, each.key): each for each in known}
    fresh = []
    for identifier in record.identifiers:
        row = have.get((identifier.kind, identifier.scope, identifier.normal.key))
        if row is None or RANK[Certainty(identifier.certainty)] > RANK[Certainty(row.certainty)] or _lives_again(row, record.occurred_at):
            fresh.append(identifier)
    return fresh


def _lives_again(row: Identifier, at: datetime) -> bool:
    """It ended as no longer in use, or its record had another one for a while, and it is said again after that."""
    return row.end_reason in (EndReason.RETIRED, EndReason.REPLACED) and row.valid_to is not None and at > row.valid_to


def write_identifiers(
    profile: Profile, identifiers: Sequence[ReadIdentifier], known: Iterable[Identifier], at: datetime
) -> list[Identifier]:
    """Add the identifiers to the profile; one it has already becomes surer, and takes the surer spelling. Returns the new ones."""
    have = {(each.kind, each.scope, each.key): each for each in known}
    new = []
    for identifier in identifiers:
        row = have.get((identifier.kind, identifier.scope, identifier.normal.key))
        if row is None:
            new.append(
                Identifier(
                    account_id=profile.account_id,
                    profile=profile,
                    kind=identifier.kind,
                    raw=identifier.raw,
                    value=identifier.normal.value,
                    key=identifier.normal.key,
                    key_version=identifier.normal.key_version,
                    loose_key=identifier.normal.loose_key,
                    scope=identifier.scope,
                    certainty=identifier.certainty,
                    valid_from=at,
                    last_seen_at=at,
                )
            )
        else:
            if RANK[Certainty(identifier.certainty)] >= RANK[Certainty(row.certainty)]:
                row.certainty, row.raw, row.value = identifier.certainty, identifier.raw, identifier.normal.value
            row.last_seen_at = max(row.last_seen_at, at)
            if _lives_again(row, at):
                row.valid_to, row.end_reason = None, ""
            row.save(update_fields=["certainty", "raw", "value", "last_seen_at", "valid_to", "end_reason"])
    if new:
        bulk_create_with_history(new, Identifier)
    return new


def _one_way(value: Any) -> Any:
    return _TURNS.sub("", value).strip() if isinstance(value, str) else value


def write_given(profile: Profile, given: dict[str, Any], at: datetime) -> bool:
    """Note the values on the (unsaved) profile: the first one of each field stays, the latest is kept beside it.

    Times decide, not the order of arrival. Returns whether anything changed.
    """
    stamp = at.astimezone(UTC).isoformat()
    changed = False
    for field, value in given.items():
        first_at = profile.given_at.get(field, "")
        if field not in profile.given:
            profile.given[field], profile.given_at[field] = value, stamp
            changed = True
        elif stamp < first_at:
            if profile.given[field] != value and field not in profile.later:
                profile.later[field] = {"value": profile.given[field], "at": first_at}
            profile.given[field], profile.given_at[field] = value, stamp
            changed = True
        else:
            latest = profile.later.get(field) or {"value": profile.given[field], "at": first_at}
            if value != latest["value"] and stamp > latest["at"]:
                profile.later[field] = {"value": value, "at": stamp}
                changed = True
    return changed
