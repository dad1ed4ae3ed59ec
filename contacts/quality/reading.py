"""Read what the rules look at, for many contacts in a constant number of queries."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from contacts.marking import marks_of, shared_key
from contacts.models import Certainty, Contact, Identifier, MergeSuggestion, Profile
from contacts.quality.models import ProblemKept
from contacts.quality.rules import Known, Value
from contacts.queries import readable
from contacts.reading_claims import RANK
from contacts.sides import never_merge_between
from contacts.suggestion_queries import was_reopened


def known_of(contacts: Iterable[Contact], *, kept_since: datetime) -> dict[int, Known]:
    """Contact id → what is known of it. Words of people that are older than ``kept_since`` no longer hold. Six queries."""
    people = {contact.pk: contact for contact in contacts}
    profiles = {row.pk: row for row in Profile.scoped().filter(contact__in=people).only("contact_id", "address", "last_seen_at")}
    identifiers = list(Identifier.scoped().filter(profile__in=profiles, valid_to=None).order_by("pk"))
    marks = marks_of({shared_key(row) for row in identifiers})
    kept = _kept(profiles, kept_since)
    duplicates = _duplicates(set(people))
    groups: dict[int, dict[tuple[str, str, str], list[Identifier]]] = {pk: {} for pk in people}
    for row in identifiers:
        groups[profiles[row.profile_id].contact_id].setdefault((*shared_key(row), row.scope), []).append(row)
    return {
        pk: Known(
            fields=contact.fields,
            values=[_value(rows, profiles, marks.get((kind, key), "")) for (kind, key, _scope), rows in groups[pk].items()],
            national_ids={rows[0].pk: key for (kind, key, _scope), rows in groups[pk].items() if kind == "national_id"},
            kept=frozenset(kept.get(pk, ())),
            duplicates=tuple(duplicates.get(pk, ())),
        )
        for pk, contact in people.items()
    }


def _value(rows: list[Identifier], profiles: dict[int, Profile], mark: str) -> Value:
    best = max(rows, key=lambda row: (row.kind == "whatsapp", RANK[Certainty(row.certainty)], -row.pk))
    wrote = [profiles[row.profile_id] for row in rows if _bare(profiles[row.profile_id].address) == _bare(row.value)]
    return Value(
        kind=best.kind,
        text=readable(best.kind, best.value),
        identifiers=(best.pk, *(row.pk for row in rows if row is not best)),
        is_sure=bool(wrote) or any(row.certainty != Certainty.CLAIMED for row in rows),
        # Whoever writes from it is heard there; the identifier's own time is when it was last said.
        heard_at=max([*(row.last_seen_at for row in rows), *(profile.last_seen_at for profile in wrote)]),
        mark=mark,
    )


def _bare(value: str) -> str:
    """A number is one address with and without its plus sign."""
    return value.removeprefix("+") or " "


def _kept(profiles: dict[int, Profile], since: datetime) -> dict[int, set[tuple[str, int, str]]]:
    kept: dict[int, set[tuple[str, int, str]]] = {}
    rows = ProblemKept.scoped().filter(profile__in=profiles, at__gt=since).values_list("profile_id", "problem", "identifier_id", "field")
    for profile_id, problem, identifier_id, field in rows:
        kept.setdefault(profiles[profile_id].contact_id, set()).add((problem, identifier_id or 0, field))
    return kept


def _duplicates(contact_ids: set[int]) -> dict[int, list[int]]:
    """Contact id → its open suggestions, the surest first."""
    touching = Q(low__contact__in=contact_ids) | Q(high__contact__in=contact_ids)
    rows = MergeSuggestion.scoped().filter(touching, state=MergeSuggestion.State.OPEN).select_related("low", "high")
    open_ones = [row for row in rows if row.low.contact_id != row.high.contact_id]
    sides = {pk for row in open_ones for pk in (row.low.contact_id, row.high.contact_id)}
    apart = never_merge_between(sides) if sides else set()
    found: dict[int, list[int]] = {}
    for row in sorted(open_ones, key=lambda row: (-(row.probability if row.probability is not None else 2.0), row.pk)):
        pair = frozenset((row.low.contact_id, row.high.contact_id))
        if pair not in apart or was_reopened(row):
            for pk in pair & contact_ids:
                found.setdefault(pk, []).append(row.pk)
    return found
