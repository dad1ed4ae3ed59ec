"""Switch on: join everybody whom the rule joins, group by group, each in a transaction of its own. Safe to run twice."""

from collections.abc import Sequence

from django.db import transaction

from accounts.actors import UNIFIED_RULE
from accounts.models import Account
from contacts.locks import hold
from contacts.merging import join
from contacts.models import Profile
from contacts.suggesting import suggest
from contacts.unification.planning import Apart, Group, Plan, plan_for

CAUSE = "switch"
# Pairs that people parted themselves are not asked about again.
NOT_ASKED = "never_merge"


@transaction.atomic
def join_group(*, account: Account, group: Group, run_id: int) -> int:
    """Join the group as its people are now, which may be another one than when it was planned. Returns how many contacts were emptied."""

    def find() -> dict[int, int]:
        return dict(Profile.scoped().filter(pk__in=group.profile_ids).values_list("pk", "contact_id"))

    held = hold(find, contacts_of=lambda found: found)
    contact_ids = set(held.values())
    everybody = list(Profile.scoped().filter(contact__in=contact_ids).order_by("first_seen_at", "pk"))
    emptied = 0
    for one in plan_for(account, [profile.pk for profile in everybody]).groups:
        profiles = [profile for profile in everybody if profile.contact_id in one.contact_ids]
        keys = sorted({(tie.kind, tie.key) for tie in one.ties})
        evidence = {"keys": [{"kind": kind, "key": key} for kind, key in keys], "run": run_id}
        join(profiles=profiles, by=UNIFIED_RULE, cause=CAUSE, evidence=evidence)
        emptied += len(one.contact_ids) - 1
    return emptied


def suggest_apart(plan: Plan) -> int:
    """Put before a person what the rule keeps apart. Returns how many questions there are."""
    return sum(_suggest(pair) for pair in plan.apart if pair.why != NOT_ASKED)


def _suggest(pair: Apart) -> bool:
    low, high = _nearest(pair.tie.profile_ids, pair.one), _nearest(pair.tie.profile_ids, pair.other)
    if low is None or high is None:
        return False
    evidence = [{"comparison": pair.tie.kind, "level": "exact", "bits": 0.0, "left": pair.tie.value, "right": pair.tie.value}]
    made = suggest(low=low, high=high, origin=pair.why, evidence=evidence, conflicts=[pair.why])
    return made is not None


def _nearest(profile_ids: Sequence[int], contact_id: int) -> Profile | None:
    """The contact's profile that carries the value."""
    mine = Profile.scoped().filter(contact=contact_id).order_by("pk")
    return mine.filter(pk__in=profile_ids).first() or mine.first()
