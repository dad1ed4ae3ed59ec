"""A lot of rows about people, taken in together: whose each one is, what it changes, and what undoes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.models import Account
from accounts.scope import current_account_id
from accounts.writing_rows import write_rows
from consent.fingerprints import point_ref
from consent.models import Suppression
from consent.points import ADDRESSES
from consent.vocabulary import SuppressionReason
from contacts.models import Contact, Identifier, MatchDecision, MergeEvent, Profile, Source
from contacts.normalising import normal
from contacts.taking_many import Given, take_records
from integrations.importing.reading_people import PersonRow
from integrations.importing.rows import Reason
from integrations.importing.versions import version_of
from integrations.models.imports import Import, ImportedRow

Outcome = ImportedRow.Outcome
OUTCOMES: dict[str, str] = {
    MatchDecision.Outcome.CREATED: Outcome.CREATED,
    MatchDecision.Outcome.ATTACHED: Outcome.ATTACHED,
    MatchDecision.Outcome.MERGED: Outcome.MERGED,
    MatchDecision.Outcome.SUGGESTED: Outcome.SUGGESTED,
}
UNCHANGED = "unchanged"
REJECTED = "rejected"


@dataclass(frozen=True)
class Taken:
    """What became of one row: an outcome, ``unchanged``, or ``rejected`` with the reason."""

    number: int
    outcome: str
    name: str = ""
    contact_id: int | None = None
    reason: Reason | None = None
    # What a check knows it by, where one row is about several things.
    mark: UUID | None = None


def take_people(imported: Import, rows: Sequence[PersonRow]) -> list[Taken]:
    """Take the rows in, inside the caller's transaction. The same rows again change nothing."""
    settled: dict[int, Taken] = {}
    known = _known({row.key for row in rows})
    same = _says_nothing_new(rows)
    erased = _erased(rows)
    versions: dict[int, Profile] = {}
    first: dict[UUID, int] = {}
    for place, row in enumerate(rows):
        former, before = known.get(row.key), rows[first.setdefault(row.key, place)]
        is_second = former is None and before is not row
        if former is not None and (former.profile is None or former.profile.erased_at is not None):
            settled[place] = _refused(row, Reason.ERASED)
        elif row.digest == (former.digest if former else before.digest) and (former is not None or is_second):
            settled[place] = Taken(row.number, UNCHANGED, row.claim.given.get("name", ""))
        elif is_second or (former is not None and former.imported_id == imported.pk):
            settled[place] = _refused(row, Reason.KEY_TWICE)
        elif former is not None:
            assert former.profile is not None
            versions[place] = former.profile
        elif place in same:
            settled[place] = Taken(row.number, UNCHANGED, row.claim.given.get("name", ""))
        elif place in erased:
            settled[place] = _refused(row, Reason.ERASED)
    waiting = [place for place in range(len(rows)) if place not in settled]
    settled |= _take(imported, {place: rows[place] for place in waiting}, versions)
    return [settled[place] for place in range(len(rows))]


def _take(imported: Import, rows: dict[int, PersonRow], versions: dict[int, Profile]) -> dict[int, Taken]:
    before = {place: version_of(profile) for place, profile in versions.items()}
    given = [
        # A later version says what is so now, whenever its person was first known.
        Given(row.claim, imported.uploaded_at if place in versions else row.occurred_at, versions.get(place))
        for place, row in rows.items()
    ]
    found = take_records(source=Source.IMPORT, records=given, cause=f"import:{imported.pk}")
    written, taken = [], {}
    for (place, row), recognition in zip(rows.items(), found, strict=True):
        outcome = Outcome.UPDATED if place in versions else OUTCOMES[recognition.outcome]
        kept = None
        if place in versions:
            kept = {"before": before[place], "after": version_of(recognition.profile), "merge": _merge_by(recognition)}
        written.append(
            ImportedRow(
                imported=imported,
                number=row.number,
                key=row.key,
                digest=row.digest,
                profile=recognition.profile,
                outcome=outcome,
                before=kept,
            )
        )
        taken[place] = Taken(row.number, outcome, row.claim.given.get("name", ""), recognition.profile.contact_id)
    write_rows(written)
    return taken


def _merge_by(recognition: Any) -> int | None:
    if recognition.outcome != MatchDecision.Outcome.MERGED:
        return None
    return MergeEvent.scoped().filter(evidence__profile=recognition.profile.pk).order_by("-pk").values_list("pk", flat=True).first()


def _refused(row: PersonRow, reason: Reason) -> Taken:
    return Taken(row.number, REJECTED, row.claim.given.get("name", ""), reason=reason)


def _known(keys: set[UUID]) -> dict[UUID, ImportedRow]:
    """The newest row of each key. One query."""
    rows = ImportedRow.scoped().filter(key__in=keys).select_related("profile").order_by("key", "-pk").distinct("key")
    return {row.key: row for row in rows}


def _erased(rows: Sequence[PersonRow]) -> set[int]:
    """Those that name an address of somebody who had their data erased, and that nobody has used since."""
    suppressed = Suppression.scoped().filter(reason=SuppressionReason.ERASED)
    if not suppressed.exists():
        return set()
    region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
    prints: dict[str, list[tuple[int, str, str]]] = {}
    for place, row in enumerate(rows):
        for each in row.claim.identifiers:
            read = normal(each.kind, each.raw, region=region) if each.kind in ADDRESSES else None
            if read is not None:
                for one in point_ref(kind=each.kind, value=read.value).everything:
                    prints.setdefault(one.hmac, []).append((place, each.kind, read.key))
    hit = {found for mark in suppressed.filter(hmac__in=prints).values_list("hmac", flat=True) for found in prints[mark]}
    if not hit:
        return set()
    used = set(Identifier.scoped().filter(key__in={key for _place, _kind, key in hit}, valid_to=None).values_list("kind", "key"))
    return {place for place, kind, key in hit if (kind, key) not in used}


def _says_nothing_new(rows: Sequence[PersonRow]) -> set[int]:
    """Rows that came out of an export and say of their contact what it shows already."""
    named = {row.hilo_id for row in rows if row.hilo_id is not None}
    if not named:
        return set()
    shown = dict(Profile.scoped().filter(home__in=named).values_list("home_id", "contact_id"))
    contacts = {contact.pk: contact for contact in Contact.scoped().filter(pk__in=set(shown.values()))}
    keys: dict[int, set[tuple[str, str]]] = {}
    holders = Identifier.scoped().filter(profile__contact__in=contacts)
    for contact_id, kind, key in holders.values_list("profile__contact_id", "kind", "key"):
        keys.setdefault(contact_id, set()).add((kind, key))
    region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
    return {
        place
        for place, row in enumerate(rows)
        if (contact := contacts.get(shown.get(row.hilo_id or 0, 0))) is not None
        and _shows(contact, keys.get(contact.pk, set()), row, region)
    }


def _shows(contact: Contact, keys: set[tuple[str, str]], row: PersonRow, region: str) -> bool:
    for each in row.claim.identifiers:
        read = normal(each.kind, each.raw, region=region)
        if read is None or (each.kind, read.key) not in keys:
            return False
    for field, value in row.claim.given.items():
        entry = contact.fields.get(field)
        known = [entry["value"], *(other["value"] for other in entry["others"])] if entry else []
        if value not in known and not (field == "name" and value == contact.name):
            return False
    return True
