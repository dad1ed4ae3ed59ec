"""Undo of a whole import: the people it made go, what it joined is parted, what it changed is put back.

What others wrote or did meanwhile stays, and with it whatever they wrote it on; the figures say how much could not be undone.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from django.db import OperationalError, models, transaction
from django.db.models import ForeignObjectRel, ProtectedError
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from contacts.announcements import contacts_changed
from contacts.locks import StillMoving
from contacts.merging import Refused, hold_profiles_of, oldest_home, part, take_back
from contacts.models import Contact, Identifier, MergeEvent, Profile
from contacts.survivorship import refresh
from inbox.past_messages import remove_past
from integrations.importing.versions import go_back
from integrations.models import DeadLetter, SyncOutbox, WebhookEvent
from integrations.models.imports import Import, ImportedRow, ImportRun
from integrations.webhooks.listening import tell_of_removal

CAUSE = "import_undo"
# News of a person is no use of them: what other systems hear, are still to hear, or refused to.
NEWS = (WebhookEvent, SyncOutbox, DeadLetter)
LOT = 100
ATTEMPTS = 5
Outcome = ImportedRow.Outcome


def undo_rows(run: ImportRun) -> None:
    """Take the rows back, the latest first. Each lot's rows are gone with it, so that whoever goes on goes on behind it."""
    by = Actor.person(run.asked_by) if run.asked_by else SYSTEM
    run.figures = {"counts": {}, **run.figures}
    imported = Import.scoped().get(pk=run.imported_id)
    run.done = run.reached
    run.total = run.reached + imported.rows.count()
    while _undo_lot(run, imported, by):
        pass
    with transaction.atomic():
        Import.scoped().filter(pk=imported.pk).update(undone_at=timezone.now())
        run.end(ImportRun.State.DONE)
        record(actor=by, action="import.undone", target=imported, kind=imported.kind, name=imported.name, figures=run.figures["counts"])


def _undo_lot(run: ImportRun, imported: Import, by: Actor) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        before = run.reached, run.done, dict(run.figures)
        try:
            with transaction.atomic():
                rows = list(imported.rows.select_related("profile").order_by("-pk")[:LOT])
                if not rows:
                    return False
                counts = Counter(run.figures["counts"]) + _take_back(rows, by)
                run.figures = {**run.figures, "counts": {name: count for name, count in counts.items() if count}}
                ImportedRow.scoped().filter(pk__in=[row.pk for row in rows]).delete()
                run.reached += len(rows)
                run.done = run.reached
                run.beat("reached")
            return True
        except (StillMoving, OperationalError):
            run.reached, run.done, run.figures = before
            if attempt == ATTEMPTS:
                raise
    return False


def _take_back(rows: Sequence[ImportedRow], by: Actor) -> Counter[str]:
    counts: Counter[str] = Counter()
    # The ledger is append-only: what was said stays said.
    counts["cannot"] += sum(row.outcome == Outcome.ADDED for row in rows)
    people = [row for row in rows if row.profile is not None and row.outcome != Outcome.ADDED]
    alive = [row for row in people if row.profile is not None and row.profile.erased_at is None]
    counts["erased"] += len(people) - len(alive)
    # All at once, in one order: what follows takes locks that are held already.
    hold_profiles_of({row.profile.contact_id for row in alive if row.profile is not None})
    # Before their people, who are needed as long as a conversation is theirs.
    past = remove_past([row.message_id for row in alive if row.message_id is not None])
    counts += Counter({f"{what}_removed": past[what] for what in ("messages", "conversations")})
    counts["conversations_kept"] += past["conversations_kept"]
    counts["gone_before"] += sum(row.outcome == Outcome.FILED and row.message_id is None for row in alive)
    made = {row.profile_id: row for row in alive if row.outcome in ImportedRow.MADE}
    for row in alive:
        if row.outcome == Outcome.UPDATED and row.profile is not None and row.before is not None:
            counts += _version_back(row.profile, row.before, by)
    needed = _needed([pk for pk in made if pk is not None])
    counts["kept"] += len(needed)
    for event in MergeEvent.scoped().filter(evidence__profile__in=list(made.keys() - needed), cause="unified").order_by("-pk"):
        counts["separated"] += _part_merge(event, by)
    counts["removed"] += _remove([pk for pk in made if pk is not None and pk not in needed], by)
    return counts


def _version_back(profile: Profile, kept: dict[str, Any], by: Actor) -> Counter[str]:
    counts = go_back(profile, before=kept["before"], after=kept["after"])
    if kept["merge"] is not None:
        event = MergeEvent.scoped().filter(pk=kept["merge"]).first()
        counts["separated"] += _part_merge(event, by) if event is not None else 0
    return counts


def _part_merge(event: MergeEvent, by: Actor) -> int:
    if event.undone_by.exists():
        return 0
    try:
        return int(take_back(event=event, by=by, cause=CAUSE) is not None)
    except Refused:
        return 0


def _needed(profile_ids: Collection[int]) -> set[int]:
    """Those of the profiles that anybody said or did anything about since: a conversation, a consent, a correction, a CRM record."""
    needed = set(Profile.scoped().filter(corrects__in=profile_ids).values_list("corrects_id", flat=True))
    for model, column in _other_rooms():
        needed |= set(model._default_manager.filter(**{f"{column}__in": profile_ids}).values_list(column, flat=True))
    verified = Identifier.scoped().filter(profile__in=profile_ids).exclude(certainty="claimed")
    return needed | set(verified.values_list("profile_id", flat=True))


@cache
def _other_rooms() -> list[tuple[type[models.Model], str]]:
    """Every table of another room that refers to profiles because somebody did something with them, and its column."""
    found = []
    for relation in Profile._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.related_model not in (ImportedRow, *NEWS):
            model: Any = relation.related_model
            if model._meta.app_label != "contacts" and not model.__name__.startswith("Historical"):
                found.append((model, relation.field.attname))
    return found


def _remove(profile_ids: Sequence[int], by: Actor) -> int:
    """Take profiles away that nobody needs; whoever else sits in their contacts stays who they are."""
    shown: set[int] = set()
    homes: dict[int, int] = {}
    for profile in Profile.scoped().filter(pk__in=profile_ids).order_by("pk"):
        everybody = list(Profile.scoped().filter(contact=profile.contact_id).order_by("first_seen_at", "pk"))
        others = [each for each in everybody if each.pk not in profile_ids]
        if others:
            shown.add(_leave(profile, everybody, others, by))
        if profile.home_id is not None:
            homes[profile.home_id] = profile.pk
        _delete(profile)
    refresh(shown)
    gone = _delete_homes(homes.keys() - set(Profile.scoped().filter(home__in=homes).values_list("home_id", flat=True)))
    tell_of_removal({contact_id: homes[contact_id] for contact_id in sorted(gone)})
    contacts_changed.send(sender=Profile, contact_ids=sorted(shown - gone))
    return len(profile_ids)


def _leave(profile: Profile, everybody: Sequence[Profile], others: Sequence[Profile], by: Actor) -> int:
    """Make the others independent of the profile; gives the contact that shows them."""
    if profile.home_id is None or profile.home_id != profile.contact_id:
        return profile.contact_id
    heir = next((each for each in others if each.corrects_id is None), None)
    if heir is not None and not any(each.home_id for each in others):
        # Whoever joined its contact stays in it, and the address of its page holds.
        home_id, profile.home_id = profile.home_id, None
        profile.save(update_fields=["home"])
        heir.home_id = home_id
        heir.save(update_fields=["home"])
        return heir.contact_id
    part(everybody=everybody, sides=[{profile.pk}], by=by, cause=CAUSE)
    profile.refresh_from_db()
    return oldest_home(others)


def _delete(profile: Profile) -> None:
    """With its history: what was never said has none."""
    pk = profile.pk
    profile.delete()
    Profile.history.filter(id=pk).delete()
    Identifier.history.filter(profile_id=pk).delete()


def _delete_homes(contact_ids: Collection[int]) -> set[int]:
    """Contacts that nobody sits in; one that a merge of others tells of stays, empty."""
    gone = set()
    for contact in Contact.scoped().filter(pk__in=contact_ids, profiles=None):
        pk = contact.pk
        try:
            with transaction.atomic():
                contact.delete()
        except ProtectedError:
            refresh([pk])
        else:
            gone.add(pk)
        Contact.history.filter(id=pk).delete()
    return gone
