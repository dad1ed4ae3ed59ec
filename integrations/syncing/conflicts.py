"""What only a person can settle: two values, a merge there of people who are two here, a record that was deleted there."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.roles import Ability, require
from contacts.claims import Claim, ClaimedIdentifier
from contacts.erasing import erase
from contacts.matching import take_record
from contacts.merging import Refused, merge
from contacts.models import Contact, Identifier, MergeEvent, Profile, Source
from integrations.models import Conflict, ExternalRecord
from integrations.syncing import outbox, recording
from integrations.syncing.comparing import Clash
from integrations.syncing.recording import Action
from integrations.syncing.translating import Ours, Theirs

if TYPE_CHECKING:
    from integrations.syncing.opening import Desk

Kind, State = Conflict.Kind, Conflict.State
# For so long an answer is shown with a way to take it back, and what it changed is kept.
TAKEN_BACK_WITHIN = timedelta(days=14)
# What a person may decide about each kind.
DECISIONS = {Kind.FIELD: ("ours", "theirs"), Kind.MERGE: ("merged", "apart"), Kind.DELETION: ("kept", "erased")}


def fields_waiting(record: ExternalRecord) -> set[str]:
    """The fields of the record that do not move until somebody says which value holds."""
    rows = Conflict.scoped().filter(record=record, kind=Kind.FIELD, state=State.OPEN)
    return set(rows.values_list("field", flat=True))


def open_field(desk: "Desk", record: ExternalRecord, clash: Clash) -> None:
    """Two values of one field."""
    Conflict.objects.get_or_create(
        connection=desk.connection,
        record=record,
        kind=Kind.FIELD,
        field=clash.field,
        state=State.OPEN,
        defaults={"ours": clash.ours, "theirs": clash.theirs},
    )
    both = {clash.field: {"ours": clash.ours, "theirs": clash.theirs}}
    recording.note(Action.CONFLICT, connection=desk.connection, record=record, after=both)


def open_other(desk: "Desk", record: ExternalRecord, kind: str) -> None:
    """A merge or a deletion; asked once while it is open."""
    _found, is_new = Conflict.objects.get_or_create(connection=desk.connection, record=record, kind=kind, field="", state=State.OPEN)
    if is_new:
        recording.note(Action.CONFLICT, connection=desk.connection, record=record, after={"kind": kind})


def renew_waiting(record: ExternalRecord, *, ours: Mapping[str, Ours], theirs: Mapping[str, Theirs], fields: Collection[str]) -> None:
    """What is shown to whoever settles it is what stands there now; where both agree by now, there is nothing to settle."""
    for row in Conflict.scoped().filter(record=record, kind=Kind.FIELD, state=State.OPEN, field__in=fields):
        if row.field not in theirs:
            continue
        if row.says_again and theirs[row.field] in (row.ours, record.base.get(row.field, {}).get("theirs")):
            # What stands there is still what we said; it is being taken back.
            continue
        row.ours, row.theirs, row.says_again = ours.get(row.field), theirs[row.field], False
        if row.ours == row.theirs:
            record.base[row.field] = {"ours": row.ours, "theirs": row.theirs}
            row.state, row.decision, row.decided_at = State.SETTLED, "same", timezone.now()
        row.save(update_fields=["ours", "theirs", "says_again", "state", "decision", "decided_at"])


def to_say_again(record: ExternalRecord) -> dict[str, str | None]:
    """What a person's answer was taken back for, and is to stand there again."""
    rows = Conflict.scoped().filter(record=record, kind=Kind.FIELD, state=State.OPEN, says_again=True)
    return dict(rows.values_list("field", "theirs"))


def said_again(record: ExternalRecord, fields: Collection[str]) -> None:
    """It stands there again."""
    if fields:
        Conflict.scoped().filter(record=record, kind=Kind.FIELD, state=State.OPEN, field__in=fields).update(says_again=False)


@transaction.atomic
def settle(*, conflict: Conflict, decision: str, by: Actor) -> Conflict:
    """Carry out what a person decided. Settled already, it stays as it was settled.

    Raises ``contacts.merging.Refused`` where it can no longer be done, ``PermissionDenied``.
    """
    from integrations.syncing.opening import open_desk
    from integrations.syncing.taking import lock_record

    require(by, Ability.MANAGE_CHANNELS)
    desk = open_desk(conflict.connection)
    record = lock_record(desk, conflict.record.external_id)
    row = Conflict.objects.select_for_update().get(pk=conflict.pk)
    if row.state != State.OPEN or record is None:
        return row
    if decision not in DECISIONS[Kind(row.kind)]:
        raise Refused(_("Choose one of the answers."), code="unknown")
    row.state, row.decision, row.decided_by, row.decided_at = State.SETTLED, decision, by.membership, timezone.now()
    row.save(update_fields=["state", "decision", "decided_by", "decided_at"])
    if row.kind == Kind.FIELD:
        before = what_record_says(record, row.field) | _settle_field(desk, record, row, decision)
        Conflict.scoped().filter(pk=row.pk).update(before=before, says_again=False)
    elif decision == "merged":
        Conflict.scoped().filter(pk=row.pk).update(before={"merge": _join(record, by).pk})
    elif decision == "erased":
        erase(profiles=[record.profile], by=by)
    audit(actor=by, action="connection.settle", target=desk.connection, kind=row.kind, decision=decision)
    return row


def what_record_says(record: ExternalRecord, field: str) -> dict[str, Any]:
    """What the record's profile says of one field, and what was said in its place here: to be put back as it was."""
    profile = record.profile
    addresses = Identifier.scoped().filter(profile=profile, kind=field, valid_to=None).order_by("valid_from", "pk")
    correction = Profile.scoped().filter(corrects=profile, given__has_key=field).first()
    return {
        "given": profile.given.get(field, ""),
        "addresses": list(addresses.values_list("value", flat=True)),
        "corrected": correction.given[field] if correction else "",
    }


def _settle_field(desk: "Desk", record: ExternalRecord, row: Conflict, decision: str) -> dict[str, Any]:
    """Returns the merge that the value brought with it, where it joined two people."""
    from integrations.syncing.taking import hold_values

    # Where an earlier answer was taken back and the other system has not heard of it yet, it still has that answer.
    stands = record.base[row.field]["theirs"] if row.says_again else row.theirs
    joined: dict[str, Any] = {}
    if decision == "theirs":
        latest = MergeEvent.scoped().order_by("-pk").values_list("pk", flat=True).first() or 0
        found = take_record(
            source=Source.CRM,
            claim=claim_of_value(desk, row.field, row.theirs),
            occurred_at=timezone.now(),
            cause=desk.cause,
            profile=record.profile,
        )
        record.profile = found.profile
        hold_values(desk, record, {row.field: row.theirs})
        event = MergeEvent.scoped().filter(pk__gt=latest, contact=found.profile.contact_id).order_by("-pk").first()
        joined = {"merge": event.pk} if event else {}
    # Ours, where it is the answer, differs from the base, so that it is what is said there.
    record.base[row.field] = {"ours": stands, "theirs": stands}
    record.save(update_fields=["base"])
    outbox.ask(connection_id=record.connection_id, profile_id=record.profile_id, record_id=record.pk)
    return joined


def claim_of_value(desk: "Desk", field: str, *values: str | None) -> Claim:
    """That the record says this of the field; an empty value takes away what it says."""
    rule = next((rule for rule in desk.rules if rule.ours == field), None)
    if rule is not None and rule.is_identifier:
        return Claim(identifiers=tuple(ClaimedIdentifier(kind=field, raw=value or "") for value in values or ("",)))
    return Claim(given={field: "".join(value or "" for value in values)})


def _join(record: ExternalRecord, by: Actor) -> MergeEvent:
    if record.alias_of is None:
        raise Refused(_("The record is no longer there."), code="gone")
    pair = [record.profile.contact_id, record.alias_of.profile.contact_id]
    contacts = list(Contact.scoped().filter(pk__in=pair))
    return merge(contacts=contacts, by=by, cause="manual", evidence={"connection": record.connection_id})
