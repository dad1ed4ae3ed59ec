"""The rules of data quality: what is wrong with a contact's data, and what each fault takes off a hundred.

Pure: everything that a rule looks at is in ``Known``. A fault counts once, however many values have it; where it concerns only
some of the ways to reach a person, it costs less than where it concerns all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from contacts.names import fold_name, is_placeholder, names_conflict
from contacts.national_ids import contradict
from contacts.searching import plain

Key = tuple[str, str]
BEST = 100
# From here on the data is good; below the second line it is poor.
GOOD_FROM, FAIR_FROM = 85, 60
# By these we can write to a person. A browser is no way: whoever closed it is gone.
REACHABLE = frozenset({"email", "phone", "whatsapp", "whatsapp_user", "instagram", "messenger", "telegram", "app_user"})
# What can change hands or fall out of use. A provider's own id does not.
AGEING = frozenset({"email", "phone", "whatsapp"})
# Fields in which two sources should not differ. Others change with every conversation.
COMPARED = ("name", "date_of_birth", "company", "country", "city", "address")


class Problem(StrEnum):
    """What can be wrong, the worst first."""

    UNREACHABLE = "unreachable"
    NATIONAL_IDS = "national_ids"
    NAMELESS = "nameless"
    STALE = "stale"
    UNVERIFIED = "unverified"
    SHARED = "shared"
    CONFLICTING = "conflicting"
    DUPLICATES = "duplicates"
    BLOCKED = "blocked"


# Points off where the fault is whole, and where only some of the ways to reach the person have it.
COSTS: Mapping[Problem, tuple[int, int]] = {
    Problem.UNREACHABLE: (40, 40),
    Problem.NATIONAL_IDS: (20, 20),
    Problem.NAMELESS: (15, 15),
    Problem.STALE: (15, 5),
    Problem.UNVERIFIED: (15, 5),
    Problem.SHARED: (15, 5),
    Problem.CONFLICTING: (10, 10),
    Problem.DUPLICATES: (10, 10),
    Problem.BLOCKED: (5, 5),
}


@dataclass(frozen=True)
class Value:
    """One identifier of the contact over all the profiles that carry it; a WhatsApp id and its phone are one value.

    ``identifiers``: its rows, the surest first. ``is_sure``: a provider or a code vouches for it, or the person wrote from it.
    """

    kind: str
    text: str
    identifiers: tuple[int, ...]
    is_sure: bool
    heard_at: datetime
    mark: str = ""


@dataclass(frozen=True)
class Known:
    """What the rules look at. ``fields`` as in ``Contact.fields``; ``kept``: (problem, identifier or 0, field) that a person
    looked at and left as it is; ``duplicates``: ids of open suggestions."""

    fields: Mapping[str, Any]
    values: Sequence[Value]
    national_ids: Mapping[int, str] = field(default_factory=dict)
    kept: frozenset[tuple[str, int, str]] = frozenset()
    duplicates: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One fault. ``texts``: the values it is about (of a field, all of them in one); ``identifiers``: one row for each; ``cost``:
    points off."""

    problem: Problem
    cost: int
    texts: tuple[str, ...] = ()
    identifiers: tuple[int, ...] = ()
    fields: tuple[str, ...] = ()
    suggestion: int | None = None


@dataclass(frozen=True)
class Assessment:
    """The score, 0 to 100, and what takes the rest off it, the worst first."""

    score: int
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> list[str]:
        return [finding.problem.value for finding in self.findings]


def grade(score: int) -> str:
    """``good``, ``warn`` or ``bad``: the colour that stands for a score."""
    return "good" if score >= GOOD_FROM else "warn" if score >= FAIR_FROM else "bad"


def staleness(months: int) -> timedelta:
    return timedelta(days=round(months * 365 / 12))


def assess(known: Known, *, now: datetime, stale_after: timedelta) -> Assessment:
    """Apply every rule."""
    ways = [value for value in known.values if value.kind in REACHABLE and value.mark != "blocked"]
    found = [
        Finding(Problem.UNREACHABLE, COSTS[Problem.UNREACHABLE][0]) if not ways else None,
        _national_ids(known),
        Finding(Problem.NAMELESS, COSTS[Problem.NAMELESS][0]) if _is_nameless(known.fields) else None,
        _of_ways(known, Problem.STALE, ways, [way for way in ways if way.kind in AGEING and now - way.heard_at > stale_after]),
        _of_ways(known, Problem.UNVERIFIED, ways, [way for way in ways if not way.is_sure]),
        _of_ways(known, Problem.SHARED, ways, [way for way in ways if way.mark == "shared"]),
        _conflicting(known),
        Finding(Problem.DUPLICATES, COSTS[Problem.DUPLICATES][0], suggestion=known.duplicates[0]) if known.duplicates else None,
        _of_ways(known, Problem.BLOCKED, ways, [value for value in known.values if value.mark == "blocked"]),
    ]
    findings = tuple(finding for finding in found if finding is not None)
    return Assessment(score=max(0, BEST - sum(finding.cost for finding in findings)), findings=findings)


def conflicting_fields(fields: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Field → its different values, the shown one first, where two sources contradict each other and nobody chose."""
    found = {}
    for name in COMPARED:
        shown = fields.get(name)
        if shown is None or shown["rule"] == "manual":
            continue
        others = [other["value"] for other in shown["others"] if other["profile"] != shown["profile"]]
        different = [value for value in others if _differ(name, shown["value"], value)]
        if different:
            found[name] = list(dict.fromkeys([shown["value"], *different]))
    return found


def _differ(name: str, one: Any, other: Any) -> bool:
    if name == "name":
        return names_conflict(str(one), str(other))
    return plain(str(one)) != plain(str(other))


def _is_nameless(fields: Mapping[str, Any]) -> bool:
    name = str(fields["name"]["value"]) if "name" in fields else ""
    return is_placeholder(name) or not fold_name(name)


def _of_ways(known: Known, problem: Problem, ways: Sequence[Value], having: Iterable[Value]) -> Finding | None:
    left = [value for value in having if not any((problem, pk, "") in known.kept for pk in value.identifiers)]
    if not left:
        return None
    whole, part = COSTS[problem]
    cost = whole if len(left) == len(ways) else part
    return Finding(problem, cost, tuple(value.text for value in left), tuple(value.identifiers[0] for value in left))


def _conflicting(known: Known) -> Finding | None:
    found = {name: values for name, values in conflicting_fields(known.fields).items() if (Problem.CONFLICTING, 0, name) not in known.kept}
    if not found:
        return None
    texts = tuple(" / ".join(str(value) for value in values) for values in found.values())
    return Finding(Problem.CONFLICTING, COSTS[Problem.CONFLICTING][0], texts, fields=tuple(found))


def _national_ids(known: Known) -> Finding | None:
    """Two numbers of one kind of document: one of them is somebody else's, or mistyped."""
    keys = list(known.national_ids.values())
    if not any(contradict([one], [other]) for number, one in enumerate(keys) for other in keys[:number]):
        return None
    texts = tuple(value.text for value in known.values if value.kind == "national_id")
    return Finding(Problem.NATIONAL_IDS, COSTS[Problem.NATIONAL_IDS][0], texts, tuple(known.national_ids))
