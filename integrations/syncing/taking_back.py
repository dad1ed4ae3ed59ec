"""Take back what a person said about a conflict: what it changed is put back, and the conflict is open again."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.roles import Ability, require
from contacts.correcting import correct_profile
from contacts.matching import take_record
from contacts.merging import Refused, undo
from contacts.models import MergeEvent, Profile, Source
from integrations.models import Conflict, ExternalRecord
from integrations.syncing import outbox, recording
from integrations.syncing.conflicts import Kind, State, claim_of_value
from integrations.syncing.opening import Desk, open_desk
from integrations.syncing.our_side import ours_of
from integrations.syncing.recording import Action
from integrations.syncing.taking import hold_values, lock_record


@transaction.atomic
def take_back(*, conflict: Conflict, by: Actor) -> Conflict:
    """Open a settled conflict again. Ours is put back at once; what stood there is said there by the outbox.

    Raises ``contacts.merging.Refused`` where either side changed since, having changed nothing, and ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CHANNELS)
    desk = open_desk(conflict.connection)
    record = lock_record(desk, conflict.record.external_id)
    row = Conflict.objects.select_for_update().get(pk=conflict.pk)
    open_ones = Conflict.scoped().filter(record=row.record_id, kind=row.kind, field=row.field, state=State.OPEN)
    if row.state == State.OPEN or open_ones.exists():
        raise Refused(_("This waits for an answer already."), code="open")
    if record is None or record.state == ExternalRecord.State.ERASED or row.decision in ("erased", "same", "back", "gone"):
        raise _changed()
    said = row.decision
    if row.kind == Kind.FIELD:
        _put_field_back(desk, record, row)
    elif row.kind == Kind.MERGE:
        _part(record, row, by)
    elif record.state != ExternalRecord.State.GONE:
        raise _changed()
    row.state, row.decision, row.decided_by, row.decided_at, row.before = State.OPEN, "", None, None, None
    row.save(update_fields=["state", "decision", "decided_by", "decided_at", "before", "says_again"])
    after = {row.field: {"ours": row.ours, "theirs": row.theirs}} if row.kind == Kind.FIELD else {"kind": row.kind}
    recording.note(Action.CONFLICT, connection=desk.connection, record=record, after=after)
    audit(actor=by, action="connection.settle_undo", target=desk.connection, kind=row.kind, decision=said)
    return row


def _put_field_back(desk: Desk, record: ExternalRecord, row: Conflict) -> None:
    rule = next((rule for rule in desk.rules if rule.ours == row.field), None)
    if rule is None or not (rule.goes_out and rule.comes_in):
        raise Refused(_("This field is no longer kept in step both ways."), code="no_line")
    base = record.base.get(row.field) or {}
    if record.state != ExternalRecord.State.LIVE or row.before is None or not base:
        raise _changed()
    chosen = row.ours if row.decision == "ours" else row.theirs
    # Ours may not have been said there yet; then what stood there still does.
    has_answer = base["ours"] == chosen or base["theirs"] in (chosen, row.theirs)
    if _shown(desk, record, row.field) != chosen or not has_answer:
        raise _changed()
    if row.decision == "ours":
        row.says_again = True
        outbox.ask(connection_id=record.connection_id, profile_id=record.profile_id, record_id=record.pk)
        return
    if "merge" in row.before:
        raise Refused(_("That value showed that two people are one. Undo their merge first, on the contact's page."), code="merged")
    _put_ours_back(desk, record, row, row.before)


def _put_ours_back(desk: Desk, record: ExternalRecord, row: Conflict, before: dict[str, Any]) -> None:
    """The profile says what it said, and so does its correction; whatever the rules of survivorship make of that, ours is shown."""
    said = before["addresses"] or [before["given"]]
    found = take_record(
        source=Source.CRM,
        claim=claim_of_value(desk, row.field, *said),
        occurred_at=timezone.now(),
        cause=desk.cause,
        profile=record.profile,
    )
    record.profile = found.profile
    if Profile.scoped().filter(corrects=record.profile, given__has_key=row.field).exists():
        correct_profile(profile=record.profile, field=row.field, value=before["corrected"], by=desk.actor)
    hold_values(desk, record, {row.field: row.ours})
    if _shown(desk, record, row.field) != row.ours:
        raise _changed()


def _part(record: ExternalRecord, row: Conflict, by: Actor) -> None:
    """People who were said to be one are two again; of those who were kept apart nothing was changed."""
    if record.state != ExternalRecord.State.MERGED or record.alias_of is None:
        raise _changed()
    if row.decision == "merged":
        event = MergeEvent.scoped().filter(pk=(row.before or {}).get("merge", 0)).first()
        if event is None:
            raise _changed()
        undo(event=event, by=by)
    elif record.profile.contact_id == record.alias_of.profile.contact_id:
        raise _changed()


def _shown(desk: Desk, record: ExternalRecord, field: str) -> Any:
    rules = [rule for rule in desk.rules if rule.ours == field]
    fresh = Profile.scoped().get(pk=record.profile_id)
    return ours_of(rules, profile=fresh, record=record)[field]


def _changed() -> Refused:
    return Refused(_("One of the sides has changed since then, so this cannot be undone. Correct the value by hand."), code="changed")
