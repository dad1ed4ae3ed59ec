"""What a merge would look like, before anybody presses the button. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.field_words import in_words
from contacts.merging import oldest_home
from contacts.models import Contact, Identifier, IdentifierKind, NeverMerge, Profile
from contacts.names import names_conflict
from contacts.protections import names_in
from contacts.queries import FIELD_LABELS, IdentifierLine
from contacts.survivorship import fields_of


@dataclass(frozen=True)
class PreviewRow:
    """One field: what each side says now, and what would show."""

    label: Any
    ours: Any
    theirs: Any
    after: Any
    differs: bool


@dataclass(frozen=True)
class MergePreview:
    """Two contacts, and what their merge would show. ``survivor`` is whichever has the oldest home."""

    ours: Contact
    theirs: Contact
    survivor: Contact
    rows: list[PreviewRow]
    profile_count: int
    names_conflict: bool
    never_merge: bool
    national_ids: list[str]


@dataclass(frozen=True)
class IdentifierRow:
    """One kind of identifier: what each side has, and what the person would have."""

    label: Any
    ours: list[IdentifierLine]
    theirs: list[IdentifierLine]
    # Texts that both have, and every text once.
    common: set[str]
    after: list[str]


def preview_merge(*, ours: Contact, theirs: Contact) -> MergePreview:
    """Both contacts stand for themselves (neither is emptied) and differ. A constant number of queries."""
    both = (ours, theirs)
    profiles = list(Profile.scoped().filter(contact__in=both).order_by("first_seen_at", "pk").prefetch_related("identifiers"))
    rules = Account.objects.only("survivorship").get(pk=current_account_id()).survivorship
    after = fields_of(profiles, rules)
    survivor_id = oldest_home(profiles)
    names = {contact.pk: [n for p in profiles if p.contact_id == contact.pk for n in names_in(p.given, p.later)] for contact in both}
    ids: dict[int, set[str]] = {contact.pk: set() for contact in both}
    for contact_id, value in (
        Identifier.scoped().filter(profile__in=profiles, kind="national_id").values_list("profile__contact_id", "value")
    ):
        ids[contact_id].add(value)
    contradict = bool(ids[ours.pk] and ids[theirs.pk] and not ids[ours.pk] & ids[theirs.pk])
    one, other = names[ours.pk], names[theirs.pk]
    return MergePreview(
        ours=ours,
        theirs=theirs,
        survivor=ours if survivor_id == ours.pk else theirs,
        rows=[_row(field, ours, theirs, after[field]["value"]) for field in sorted(after, key=lambda name: (name != "name", name))],
        profile_count=sum(profile.corrects_id is None for profile in profiles),
        names_conflict=bool(one and other and all(names_conflict(a, b) for a in one for b in other)),
        never_merge=NeverMerge.scoped().filter(low__in=profiles, high__in=profiles).exists(),
        national_ids=sorted(ids[ours.pk] | ids[theirs.pk]) if contradict else [],
    )


def _row(field: str, ours: Contact, theirs: Contact, after: Any) -> PreviewRow:
    mine, other = ((contact.fields.get(field) or {}).get("value") for contact in (ours, theirs))
    label = FIELD_LABELS.get(field, field.replace("_", " ").capitalize())
    ours_shown, theirs_shown, after_shown = (None if value is None else in_words(field, value) for value in (mine, other, after))
    differs = mine is not None and other is not None and mine != other
    return PreviewRow(label=label, ours=ours_shown, theirs=theirs_shown, after=after_shown, differs=differs)


def identifier_rows(ours: Sequence[IdentifierLine], theirs: Sequence[IdentifierLine]) -> list[IdentifierRow]:
    """A row for each kind of identifier that either side uses."""
    rows = []
    kinds = dict.fromkeys(line.kind for line in (*ours, *theirs) if not line.is_ended)
    for kind in sorted(kinds, key=list(IdentifierKind.values).index):
        left, right = ([line for line in side if line.kind == kind and not line.is_ended] for side in (ours, theirs))
        texts = [line.text for line in (*left, *right)]
        common = {line.text for line in left} & {line.text for line in right}
        rows.append(IdentifierRow(IdentifierKind(kind).label, left, right, common, list(dict.fromkeys(texts))))
    return rows
