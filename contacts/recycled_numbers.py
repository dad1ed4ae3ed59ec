"""A phone number that changed hands: the network gives it to somebody else after a silence."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from simple_history.utils import bulk_update_with_history

from accounts.models import Account, Channel
from contacts.announcements import contacts_changed
from contacts.block_keys import renew_keys
from contacts.claims import Address
from contacts.finding_matches import Match, names_in
from contacts.locks import hold, lock_keys
from contacts.models import EndReason, Identifier, Profile
from contacts.names import names_conflict
from contacts.reading_claims import normal_address
from contacts.survivorship import refresh

NUMBERS = frozenset({"phone", "whatsapp"})


def is_recycled(account: Account, *, names: Sequence[str], matches: Sequence[Match], at: datetime) -> bool:
    """Whether a number that leads to somebody is another person's by now: silent for the account's period, and another name.

    ``names`` are the record's; every match leads to one contact. An equal email speaks against it.
    """
    if not names or not matches or any(match.kind not in NUMBERS for match in matches):
        return False
    known = [name for match in matches for name in match.names]
    return was_silent(account, since=max(match.last_seen_at for match in matches), until=at) and all_conflict(names, known)


def was_silent(account: Account, *, since: datetime, until: datetime) -> bool:
    """Whether nobody was heard of for longer than a number stays with one person for sure."""
    return until - since > timedelta(days=account.recycled_after_days)


def all_conflict(names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether each side has names, and none can be the same person's as one of the other's."""
    return bool(names) and bool(others) and all(names_conflict(a, b) for a in names for b in others)


def changed_hands(account: Account, profile: Profile, *, names: Sequence[str], keys: Iterable[str], at: datetime) -> bool:
    """The same of the profile that wrote from the number itself, with everybody in its contact who uses the number."""
    if not was_silent(account, since=profile.last_seen_at, until=at) or not names:
        return False
    holders = Profile.scoped().filter(contact=profile.contact_id, identifiers__key__in=list(keys), identifiers__valid_to=None)
    everybody = [profile, *holders.exclude(pk=profile.pk).distinct()]
    matches = [
        Match(each.pk, each.contact_id, "phone", "", "", False, tuple(names_in(each.given, each.later)), each.last_seen_at)
        for each in everybody
    ]
    return is_recycled(account, names=names, matches=matches, at=at)


def end_number(*, profile_ids: Iterable[int], keys: Iterable[str], at: datetime) -> None:
    """The profiles' person no longer has the number: it leads to them no more, and nobody writes to them there."""
    wanted = {spelling for key in keys for spelling in (key, f"+{key}", key.lstrip("+"))}
    rows = list(Identifier.scoped().filter(profile__in=list(profile_ids), kind__in=NUMBERS, key__in=wanted, valid_to=None))
    for row in rows:
        row.valid_to, row.end_reason = at, EndReason.RECYCLED
    bulk_update_with_history(rows, Identifier, ["valid_to", "end_reason"])
    renew_keys({row.profile_id for row in rows})


def note_identity_change(*, channel: Channel, address: Address, occurred_at: datetime, region: str) -> Profile | None:
    """The provider says that somebody else may hold the address now: it leads to its former person no more.

    Whoever writes next from it is somebody new, with the former person suggested. Returns the former profile, if there is one; whoever
    came after the notice is not meant. Call it inside a transaction. Raises ``contacts.locks.StillMoving``.
    """
    place = normal_address(address, region=region)
    lock_keys([(f"address:{channel.pk}", place)])

    def find() -> Profile | None:
        current = Profile.scoped().filter(channel=channel, address=place, is_current=True)
        return current.filter(first_seen_at__lte=occurred_at).first()

    former = hold(find, contacts_of=lambda found: {found.pk: found.contact_id} if found else {})
    if former is None:
        return None
    holders = Profile.scoped().filter(contact=former.contact_id).values_list("pk", flat=True)
    end_number(profile_ids=holders, keys=[place], at=occurred_at)
    Profile.scoped().filter(pk=former.pk).update(is_current=False)
    refresh([former.contact_id])
    contacts_changed.send(sender=Identifier, contact_ids=[former.contact_id])
    return former
