"""Values that turn out to be used by many people: they are marked by a rule, and what they joined is put before a person."""

from collections.abc import Iterable, Sequence

from accounts.actors import UNIFIED_RULE
from accounts.auditing import record
from accounts.models import Account
from contacts.finding_matches import Match
from contacts.models import Identifier, MatchDecision, Profile, ValueMark
from contacts.names import is_placeholder, names_conflict
from contacts.reviewing import Kind, ask

# Accounts call a value shared long before.
MOST_NAMES = 500
MOST_PEOPLE = 100


def too_many_people(account: Account, names: Sequence[str], matches: Iterable[Match]) -> list[tuple[str, str]]:
    """The keys behind which the record and the matches give more different names than the account allows."""
    behind: dict[tuple[str, str], list[str]] = {}
    for match in matches:
        behind.setdefault((match.kind, match.key), list(names)).extend(match.names)
    return [key for key, given in behind.items() if len(people_behind(given)) > account.shared_after_names]


def people_behind(names: Iterable[str]) -> list[str]:
    """One name for each person that the names must be, at least: names that cannot be one person's. "Cliente" is nobody's."""
    people: list[str] = []
    # Sorted, so that the order of arrival does not count.
    for name in sorted(set(names))[:MOST_NAMES]:
        if not is_placeholder(name) and all(names_conflict(name, known) for known in people):
            people.append(name)
        if len(people) > MOST_PEOPLE:
            break
    return people


def mark_by_rule(*, kind: str, key: str, names: Sequence[str], reason: str) -> None:
    """Mark the value as shared, for a person to confirm, and queue what it joined. Idempotent."""
    mark, is_new = ValueMark.objects.get_or_create(
        kind=kind, key=key, defaults={"mark": ValueMark.Mark.SHARED, "reason": reason[:200], "is_automatic": True}
    )
    if is_new:
        record(actor=UNIFIED_RULE, action="identifier.mark_shared", target=mark, kind=kind, value=key)
        ask(kind=Kind.SHARED_VALUE, value=(kind, key), names=list(names)[:20])
        queue_joins(kind=kind, key=key)


def queue_joins(*, kind: str, key: str) -> int:
    """Put before a person every profile that the value joined to somebody by itself. Returns how many there are."""
    holders = Identifier.scoped().filter(kind=kind, key=key)
    joined = MatchDecision.scoped().filter(
        profile__in=holders.values("profile"),
        outcome__in=(MatchDecision.Outcome.ATTACHED, MatchDecision.Outcome.MERGED),
        evidence__keys__contains=[{"kind": kind, "key": key}],
    )
    ids = sorted(set(joined.values_list("profile_id", flat=True)))
    others = Profile.scoped().filter(identifiers__kind=kind, identifiers__key=key).values_list("pk", "contact_id")
    contact_of = dict(others)
    together = [pk for pk in ids if sum(contact == contact_of[pk] for contact in contact_of.values()) > 1]
    for profile_id in together:
        ask(kind=Kind.SHARED_JOIN, profile_id=profile_id, value=(kind, key))
    return len(together)
