"""What only a person can settle: two values, a merge there of people who are two here, a record that was deleted there."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

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
from contacts.models import Contact, Source
from integrations.models import Conflict, ExternalRecord
from integrations.syncing import outbox, recording
from integrations.syncing.comparing import Clash
from integrations.syncing.recording import Action
from integrations.syncing.translating import Ours, Theirs

if TYPE_CHECKING:
    from integrations.syncing.opening import Desk

Kind, State = Conflict.Kind, Conflict.State
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
        row.ours, row.theirs = ours.get(row.field), theirs[row.field]
        if row.ours == row.theirs:
            record.base[row.field] = {"ours": row.ours, "theirs": row.theirs}
            row.state, row.decision, row.decided_at = State.SETTLED, "same", timezone.now()
        row.save(update_fields=["ours", "theirs", "state", "decision", "decided_at"])


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
        _settle_field(desk, record, row, decision)
    elif decision == "merged":
        _join(record, by)
    elif decision == "erased":
        erase(profiles=[record.profile], by=by)
    audit(actor=by, action="connection.settle", target=desk.connection, kind=row.kind, decision=decision)
    return row


def _settle_field(desk: "Desk", record: ExternalRecord, row: Conflict, decision: str) -> None:
    from integrations.syncing.taking import hold_values

    if decision == "theirs":
        rule = next((rule for rule in desk.rules if rule.ours == row.field), None)
        if rule is not None and rule.is_identifier:
            claim = Claim(identifiers=(ClaimedIdentifier(kind=row.field, raw=row.theirs or ""),))
        else:
            claim = Claim(given={row.field: row.theirs or ""})
        take_record(source=Source.CRM, claim=claim, occurred_at=timezone.now(), cause=desk.cause, profile=record.profile)
        hold_values(desk, record, {row.field: row.theirs})
        record.base[row.field] = {"ours": row.theirs, "theirs": row.theirs}
    else:
        # Ours now differs from the base, so that it is what is said there.
        record.base[row.field] = {"ours": row.theirs, "theirs": row.theirs}
    record.save(update_fields=["base"])
    outbox.ask(connection_id=record.connection_id, profile_id=record.profile_id, record_id=record.pk)


def _join(record: ExternalRecord, by: Actor) -> None:
    if record.alias_of is None:
        raise Refused(_("The record is no longer there."), code="gone")
    pair = [record.profile.contact_id, record.alias_of.profile.contact_id]
    merge(contacts=list(Contact.scoped().filter(pk__in=pair)), by=by, cause="manual", evidence={"connection": record.connection_id})
