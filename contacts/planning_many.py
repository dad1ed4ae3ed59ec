"""What is decided about many records at once, by the same rules as about each by itself, in a constant number of queries."""

from collections.abc import Sequence

from django.db.models import Count

from accounts.models import Account, MatchingPolicy
from contacts.finding_matches import Found, find_matches_together
from contacts.marking import marks_on
from contacts.matching import weigh
from contacts.models import Profile
from contacts.plans import Arrival, Plan
from contacts.protections import sort_out
from contacts.reading_claims import Record
from contacts.sides import Side, sides_of
from contacts.verdicts import evidence_of, kept_apart, outcome_of, side_of

RULE = "new_record"
# Whoever is known from more sources than this is looked at alone, so that a lot takes little memory.
MOST_SOURCES = 20


def plan_arrivals(*, account: Account, records: Sequence[Record], contacts: Sequence[set[int]], source: str) -> list[Arrival | None]:
    """What becomes of each record where it is plain: somebody new, or one known contact with nothing against it. Otherwise ``None``.

    No two of the records may come to one person. ``contacts``: those that each record's keys lead to. The caller holds the locks on
    the keys and on these contacts.
    """
    keys = {each.match_key for record in records for each in record.identifiers if each.unifies}
    marks = marks_on(keys, region=account.default_region)
    few = _with_few_sources({pk for found in contacts for pk in found if len(found) == 1})
    wants_proof = account.matching_policy == MatchingPolicy.PROBABILISTIC
    plain = [
        place
        for place, (record, found) in enumerate(zip(records, contacts, strict=True))
        if (not found or (len(found) == 1 and found <= few and not wants_proof))
        and not any(each.match_key in marks for each in record.identifiers)
    ]
    unifying = [[each for each in records[place].identifiers if each.unifies] for place in plain]
    everything = find_matches_together(unifying) if account.unification_enabled else [Found()] * len(plain)
    sides = sides_of({pk for place in plain for pk in contacts[place]})
    arrivals: list[Arrival | None] = [None] * len(records)
    for place, found in zip(plain, everything, strict=True):
        arrivals[place] = _arrival(account, records[place], found, sides, source)
    return arrivals


def _with_few_sources(contact_ids: set[int]) -> set[int]:
    if not contact_ids:
        return set()
    counted = Profile.scoped().filter(contact__in=contact_ids).values("contact_id").annotate(sources=Count("pk"))
    return set(counted.filter(sources__lte=MOST_SOURCES).values_list("contact_id", flat=True))


def _arrival(account: Account, record: Record, found: Found, sides: dict[int, Side], source: str) -> Arrival | None:
    plan = weigh(account, Plan(rule=RULE, fresh=record.identifiers), record, find=lambda _identifiers: found)
    if plan.newly_shared:
        return None
    verdict = sort_out(account=account, base=None, record=side_of(plan, record), matches=plan.matches, at=record.occurred_at, read=sides)
    apart = kept_apart(plan, verdict)
    if apart:
        return None
    outcome, rule = outcome_of(plan, verdict, apart, False)
    evidence = evidence_of(plan, record, verdict, apart, source)
    return Arrival(record, outcome, rule, evidence, next(iter(verdict.joined), None), verdict.conflict_names)
