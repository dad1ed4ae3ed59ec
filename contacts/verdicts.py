"""What was found about a record, in the terms of a decision. Nothing is read or written here."""

from typing import Any

from contacts.finding_matches import names_in
from contacts.models import MatchDecision
from contacts.plans import Plan
from contacts.protections import Sorted
from contacts.reading_claims import Record
from contacts.sides import Side

Outcome = MatchDecision.Outcome


def side_of(plan: Plan, record: Record) -> Side:
    """What the record, and the profile it comes to, say about the person."""
    side = Side(names=names_in(plan.profile.given, plan.profile.later) if plan.profile else [])
    side.names = list(dict.fromkeys([*side.names, *names_in({"name": record.name}, {})]))
    for row in plan.known:
        side.add(kind=row.kind, scope=row.scope, key=row.key, certainty=row.certainty)
    for each in record.identifiers:
        side.add(kind=each.kind, scope=each.scope, key=each.normal.key, certainty=each.certainty)
    return side


def kept_apart(plan: Plan, verdict: Sorted) -> list[dict[str, Any]]:
    """Every contact that something led to and that was not joined: ``{contact, why, profiles}``, each contact once."""
    apart = list(verdict.apart)
    settled = {*verdict.joined, *(entry["contact"] for entry in apart)}
    if plan.recycled_from is not None and plan.recycled_from.contact_id not in settled:
        apart.append({"contact": plan.recycled_from.contact_id, "why": "recycled", "profiles": [plan.recycled_from.pk]})
        settled.add(plan.recycled_from.contact_id)
    for why, matches in (("shared", plan.shared_matches), ("", plan.loose_matches)):
        for contact_id in sorted({match.contact_id for match in matches} - settled):
            mine = [match for match in matches if match.contact_id == contact_id]
            similar = "similar_email" if mine[0].kind == "email" else "maybe_two_lines"
            apart.append({"contact": contact_id, "why": why or similar, "profiles": sorted({match.profile_id for match in mine})})
            settled.add(contact_id)
    return apart


def evidence_of(plan: Plan, record: Record, verdict: Sorted, apart: list[dict[str, Any]], source: str) -> dict[str, Any]:
    """What the decision rests on, as it is kept."""
    joined = [match for match in plan.matches if match.contact_id in verdict.joined]
    marks = {**plan.marks, **dict.fromkeys(plan.newly_shared, "shared")}
    protections = [{"protection": mark, "kind": kind, "key": key} for (kind, key), mark in sorted(marks.items())]
    evidence: dict[str, Any] = {
        "keys": [{"kind": kind, "key": key} for kind, key in sorted({(match.kind, match.key) for match in joined})],
        "matched": sorted({match.profile_id for match in joined}),
        "protections": protections + [{"protection": entry["why"], "contact": entry["contact"]} for entry in apart],
        "apart": apart,
        "conflict_names": verdict.conflict_names,
        "unreadable": [{"kind": each.kind, "raw": each.raw} for each in record.unreadable],
        "source": source,
    }
    return {name: value for name, value in evidence.items() if value}


def outcome_of(plan: Plan, verdict: Sorted, apart: list[dict[str, Any]], is_merge: bool) -> tuple[str, str]:
    """What became of the record, and the rule that says why."""
    joined = [match for match in plan.matches if match.contact_id in verdict.joined]
    rule = plan.rule
    if joined and (plan.profile is None or is_merge):
        rule = "same_email" if any(match.kind == "email" for match in joined) else "same_phone"
    if is_merge:
        return Outcome.MERGED, rule
    if plan.profile is None and verdict.joined:
        return Outcome.ATTACHED, rule
    if apart:
        return Outcome.SUGGESTED, rule
    return (Outcome.CREATED if plan.profile is None else Outcome.UPDATED), rule
