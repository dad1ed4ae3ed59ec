"""Take a person's values out of every table of people, and leave the places they stood in."""

from typing import Any

from django.db.models import CASCADE, ForeignObjectRel
from django.utils import timezone

from accounts.redacting import forget_answers, redact_audit, redact_json
from contacts.erasers import Person, Report
from contacts.models import (
    Contact,
    Identifier,
    IdentityReview,
    MatchDecision,
    MergeEvent,
    MergeSuggestion,
    Profile,
    ProfileMove,
    UnificationRun,
    ValueMark,
)
from contacts.quality.models import CleaningStep
from contacts.survivorship import refresh

# Where people were, and which correction was whose: ids and times, nothing that was said.
PLACES = (Profile, ProfileMove)
# What an event needs for its undo; everything else in its evidence may be somebody's words.
IDS_IN_EVIDENCE = ("lifted_never_merge", "split_from", "run")


def forget_profiles(person: Person, report: Report) -> None:
    """Everything in this room. The profiles stay as empty rows."""
    _forget_marks(person, report)
    _forget_rows(person, report)
    _forget_mentions(person, report)
    Profile.scoped().filter(pk__in=person.profile_ids).update(
        address="", is_current=False, given={}, given_at={}, later={}, erased_at=timezone.now()
    )
    report.removed["profiles"] += len(person.profile_ids)
    shown = sorted(set(Profile.scoped().filter(pk__in=person.profile_ids).values_list("contact_id", flat=True)))
    refresh(shown)
    _forget_history(person, report)
    report.kept["profile"] = "Empty rows without values, so that whoever was merged with the person stays who they are."
    report.kept["audit"] = "Who did what and when, without the values."


def _forget_marks(person: Person, report: Report) -> None:
    """Words about a value that nobody else has."""
    for kind, key in {(each.kind, each.key) for each in person.identifiers}:
        if Identifier.scoped().filter(kind=kind, key=key).exclude(profile__in=person.profile_ids).exists():
            continue
        report.removed["value_marks"] += ValueMark.scoped().filter(kind=kind, key=key).delete()[0]
        ValueMark.history.filter(kind=kind, key=key).delete()
        IdentityReview.scoped().filter(value_kind=kind, key=key).delete()


def _forget_rows(person: Person, report: Report) -> None:
    """Every row of this room that would go with the profile if it were deleted: identifiers, decisions, suggestions, codes …"""
    for relation in Profile._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.on_delete is not CASCADE:
            continue
        model: Any = relation.related_model
        if model._meta.app_label == "contacts" and model not in PLACES:
            rows = model.scoped().filter(**{f"{relation.field.name}__in": person.profile_ids})
            report.removed[model._meta.model_name] += rows.delete()[0]


def _forget_mentions(person: Person, report: Report) -> None:
    """Their values in rows about others, and about changes."""
    for event in MergeEvent.scoped().filter(moves__profile__in=person.profile_ids).distinct():
        event.reason = ""
        event.evidence = {name: value for name, value in event.evidence.items() if name in IDS_IN_EVIDENCE}
        event.save(update_fields=["reason", "evidence"])
    words = person.values
    for rows, column in (
        (MatchDecision.scoped(), "evidence"),
        (MergeSuggestion.scoped(), "evidence"),
        (IdentityReview.scoped(), "detail"),
        (CleaningStep.scoped(), "before"),
    ):
        report.removed["mentions"] += redact_json(rows, column, words)
    # Who uses a value is told by name.
    redact_json(IdentityReview.scoped().filter(key__in={each.key for each in person.identifiers}), "detail", person.names)
    # A preview counts and shows examples by name; it can be made again.
    report.removed["previews"] += (
        UnificationRun.scoped().filter(kind=UnificationRun.Kind.PREVIEW).exclude(state__in=UnificationRun.UNFINISHED).delete()[0]
    )
    targets = {
        "contact": person.contact_ids,
        "profile": person.profile_ids,
        "identifier": [each.pk for each in person.identifiers],
    }
    report.removed["audit_values"] += redact_audit(words=words, targets=targets)
    report.removed["kept_answers"] += forget_answers(words | person.names)


def _forget_history(person: Person, report: Report) -> None:
    for history, rows in (
        (Profile.history, {"id__in": person.profile_ids}),
        (Identifier.history, {"profile_id__in": person.profile_ids}),
        (Contact.history, {"id__in": person.contact_ids}),
    ):
        report.removed["history"] += history.filter(**rows).delete()[0]
