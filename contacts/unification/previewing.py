"""What the unified rule would change in this account, in numbers and examples. Reads only, without locks."""

import time
from collections import Counter
from typing import Any

from django.db.models import Exists, OuterRef

from accounts.models import Account
from contacts.models import UNIFYING, Contact, Identifier, Profile
from contacts.unification.planning import Group, Plan, plan_account
from contacts.unification.ties import ADDRESS

EXAMPLES = 10
LARGEST = 5
MOST_LISTED = 20
NAMES_SHOWN = 4


def figures_of(account: Account) -> dict[str, Any]:
    """JSON for ``UnificationRun.figures``: counts of contacts, and lists of the largest groups, shared values, conflicts, examples."""
    started = time.monotonic()
    plan = plan_account(account)
    shown = Contact.scoped().filter(is_empty=False)
    before = shown.filter(is_anonymous=False).count()
    anonymous = _anonymous(plan)
    fewer = sum(max(len(set(group.contact_ids) - anonymous) - 1, 0) for group in plan.groups)
    keyed = Identifier.scoped().filter(profile__contact=OuterRef("pk"), kind__in=UNIFYING, scope="", valid_to=None)
    questions = [pair for pair in plan.apart if pair.why != "never_merge"]
    groups = sorted(plan.groups, key=lambda group: (-len(group.contact_ids), group.contact_ids))
    largest, examples = groups[:LARGEST], _mixed(groups)
    names = _names([*largest, *examples], questions[:MOST_LISTED])
    return {
        "contacts_before": before,
        "contacts_after": before - fewer,
        "groups": len(plan.groups),
        "people_joined": sum(len(group.contact_ids) for group in plan.groups),
        "names_differ": sum(group.names_differ for group in plan.groups),
        "several_channels": _of_several_channels(plan),
        "came_back": Profile.scoped().filter(former__isnull=False).values("former").distinct().count(),
        "unrecognisable": shown.filter(~Exists(keyed)).count(),
        "people": shown.count(),
        "review": len(questions),
        "shared_count": len(plan.shared),
        "largest": [_group(group, names) for group in largest],
        "examples": [_group(group, names) for group in examples],
        "shared": [_shared(value) for value in sorted(plan.shared, key=lambda value: (value.is_marked, -len(value.names)))[:MOST_LISTED]],
        "conflicts": [
            {
                "why": pair.why,
                "value": pair.tie.value,
                "kind": pair.tie.kind,
                "contacts": [{"id": pk, "name": names.get(pk, "")} for pk in (pair.one, pair.other)],
            }
            for pair in questions[:MOST_LISTED]
        ],
        "seconds": round(time.monotonic() - started, 2),
    }


def _mixed(groups: list[Group]) -> list[Group]:
    """Examples as people meet them: mostly small groups, those with two names among them."""
    warned = [group for group in groups if group.names_differ][:3]
    plain = [group for group in reversed(groups) if not group.names_differ]
    return [*warned, *plain][:EXAMPLES]


def _anonymous(plan: Plan) -> set[int]:
    ids = [pk for group in plan.groups for pk in group.contact_ids]
    return {
        pk
        for start in range(0, len(ids), 5000)
        for pk in Contact.scoped().filter(pk__in=ids[start : start + 5000], is_anonymous=True).values_list("pk", flat=True)
    }


def _of_several_channels(plan: Plan) -> int:
    """Groups whose people wrote on more than one channel."""
    group_of = {pk: number for number, group in enumerate(plan.groups) for pk in group.profile_ids}
    ids = list(group_of)
    channels: dict[int, set[int]] = {}
    for start in range(0, len(ids), 5000):
        rows = Profile.scoped().filter(pk__in=ids[start : start + 5000], channel__isnull=False)
        for pk, channel_id in rows.values_list("pk", "channel_id"):
            channels.setdefault(group_of[pk], set()).add(channel_id or 0)
    return sum(len(used) > 1 for used in channels.values())


def _names(groups: list[Group], questions: list[Any]) -> dict[int, str]:
    ids = {pk for group in groups for pk in group.contact_ids[:EXAMPLES]} | {pk for pair in questions for pk in (pair.one, pair.other)}
    return {pk: str(contact) for pk, contact in Contact.scoped().in_bulk(ids).items()}


def _group(group: Group, names: dict[int, str]) -> dict[str, Any]:
    kinds = Counter(tie.kind for tie in group.ties)
    first = next((tie for tie in group.ties if tie.kind != ADDRESS), group.ties[0])
    # One contact for each name: ten times the same name says no more than once.
    by_name: dict[str, int] = {}
    for pk in group.contact_ids[:EXAMPLES]:
        by_name.setdefault(names.get(pk) or "", pk)
    return {
        "size": len(group.contact_ids),
        "contacts": [{"id": pk, "name": name} for name, pk in list(by_name.items())[:NAMES_SHOWN]],
        "kind": first.kind,
        "value": first.value,
        "ties": dict(kinds),
        "names_differ": group.names_differ,
    }


def _shared(value: Any) -> dict[str, Any]:
    return {
        "kind": value.tie.kind,
        "value": value.tie.value,
        "names": list(value.names[:NAMES_SHOWN]),
        "count": len(value.names),
        "identifier": value.tie.identifier_id,
        "is_marked": value.is_marked,
    }
