"""Three-way comparison: what changed here, what changed there, since both were last in step. Pure.

The base keeps both sides of each field, because they may differ on purpose: a correction here that does not travel, a spelling that
the other system insists on. Only a change moves.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from integrations.crm.contract import Several
from integrations.models import Mapping as MappingRow
from integrations.syncing.translating import Ours, Rule, Theirs

Policy, Empty = MappingRow.Policy, MappingRow.Empty
Side = Literal["ours", "theirs"]


@dataclass(frozen=True)
class Clash:
    """Both sides changed a field, each to something else, and a person is to say which."""

    field: str
    ours: str | None
    theirs: str | None


@dataclass
class Verdict:
    """What moves. ``take``: our fields that take what is there. ``give``: what to send. ``settled``: fields that are in step as they
    are, with the base that says so. ``first``: fields that were never compared before."""

    take: dict[str, Theirs] = field(default_factory=dict)
    give: dict[str, str | Several | None] = field(default_factory=dict)
    clashes: list[Clash] = field(default_factory=list)
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    first: set[str] = field(default_factory=set)


def compare(
    rules: Iterable[Rule],
    *,
    base: Mapping[str, Mapping[str, Any]],
    ours: Mapping[str, Ours],
    theirs: Mapping[str, Theirs],
    newer: Mapping[str, Side],
    waiting: Collection[str] = (),
) -> Verdict:
    """``newer`` says per field who changed last, for the policy "newest". Fields ``waiting`` for a person do not move."""
    verdict = Verdict()
    for rule in rules:
        if rule.ours not in theirs or rule.ours in waiting:
            continue
        if rule.is_several:
            _compare_several(verdict, rule, base.get(rule.ours), ours.get(rule.ours), theirs[rule.ours])
        else:
            _compare_one(verdict, rule, base.get(rule.ours), ours.get(rule.ours), theirs[rule.ours], newer.get(rule.ours, "theirs"))
    return verdict


def _compare_one(verdict: Verdict, rule: Rule, base: Mapping[str, Any] | None, ours: Any, theirs: Any, newer: Side) -> None:
    name = rule.ours
    if base is None:
        verdict.first.add(name)
    base = base or {"ours": None, "theirs": None}
    ours_moved = rule.goes_out and ours != base["ours"] and not (ours is None and rule.empty == Empty.LEAVE)
    theirs_moved = rule.comes_in and theirs != base["theirs"] and not (theirs is None and rule.empty == Empty.LEAVE)
    if ours == theirs or not (ours_moved or theirs_moved):
        if ours == theirs or theirs != base["theirs"]:
            verdict.settled[name] = {"ours": ours, "theirs": theirs}
        return
    if ours_moved and theirs_moved:
        winner = _winner(rule, newer)
        if winner is None:
            verdict.clashes.append(Clash(name, ours, theirs))
            return
        ours_moved, theirs_moved = winner == "ours", winner == "theirs"
    if theirs_moved:
        verdict.take[name] = theirs
    else:
        verdict.give[name] = ours


def _winner(rule: Rule, newer: Side) -> Side | None:
    if rule.policy == Policy.MANUAL:
        return None
    if rule.policy == Policy.NEWEST:
        return newer
    return "ours" if rule.policy == Policy.OURS else "theirs"


def _compare_several(verdict: Verdict, rule: Rule, base: Mapping[str, Any] | None, ours: Any, theirs: Any) -> None:
    """Sets have no conflicts: each value came or went on one side."""
    name = rule.ours
    if base is None:
        verdict.first.add(name)
    base = base or {"ours": [], "theirs": {}}
    here, there, known_here, known_there = set(ours or ()), set(theirs or ()), set(base["ours"]), set(base["theirs"])
    add = (here - known_here) - there if rule.goes_out else set()
    remove = (known_here - here) & there - (there - known_there) if rule.goes_out else set()
    if rule.comes_in and there != known_there:
        verdict.take[name] = dict(theirs or {})
    if add or remove:
        spelling = theirs or {}
        verdict.give[name] = Several(add=tuple(sorted(add)), remove=tuple(sorted(spelling[each] for each in remove)))
    elif name not in verdict.take and (name in verdict.first or (here, there) != (known_here, known_there)):
        verdict.settled[name] = {"ours": sorted(here), "theirs": dict(theirs or {})}
