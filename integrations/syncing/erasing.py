"""Erasure both ways: a person erased here is erased there, and what is deleted or erased there is settled here."""

from django.db.models import Q

from contacts.erasers import Person, Report
from contacts.erasing import erase
from contacts.merging import Refused
from contacts.models import Profile
from integrations.models import Conflict, Connection, DeadLetter, EchoEntry, ExternalRecord, SyncLog, SyncOutbox
from integrations.syncing import conflicts, outbox, recording
from integrations.syncing.opening import Desk
from integrations.syncing.recording import Action

State = ExternalRecord.State
OnDeletion = Connection.OnDeletion


def gone_there(desk: Desk, record: ExternalRecord | None, *, is_erased: bool = False) -> str:
    """The record is no longer there. Call it under the record's lock; the word says what became of it.

    A person erased there by their right is erased here, whether or not the record was known to be deleted; a record that was only
    deleted follows the connection's setting.
    """
    if record is None or record.state in (State.ERASED, State.MERGED) or (record.state == State.GONE and not is_erased):
        return "same"
    if record.state != State.GONE:
        record.state, record.version = State.GONE, ""
        record.save(update_fields=["state", "version"])
        SyncOutbox.scoped().filter(record=record, kind=SyncOutbox.Kind.PUSH).delete()
        recording.note(Action.GONE, connection=desk.connection, record=record)
    wish = desk.connection.on_deletion
    if is_erased or wish == OnDeletion.ERASE:
        try:
            erase(profiles=_told_by(record), by=desk.actor)
        except Refused:
            return "gone"
        return "erased"
    if wish == OnDeletion.REVIEW:
        conflicts.open_other(desk, record, Conflict.Kind.DELETION)
        return "conflict"
    return "gone"


def _told_by(record: ExternalRecord) -> list[Profile]:
    """What the record is here, with what it was made of there, as far as it is the same person here."""
    ids, told = {record.pk}, [record.profile]
    while more := ExternalRecord.scoped().filter(alias_of__in=ids, state=State.MERGED).exclude(pk__in=ids).select_related("profile"):
        ids |= {each.pk for each in more}
        told += [each.profile for each in more if each.profile.contact_id == record.profile.contact_id]
    return told


def forget_records(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``: nothing that was compared or logged stays, and the other systems are told.

    The record's id stays, so that what is read there before they erase it too does not come back as somebody new.
    """
    records = list(ExternalRecord.scoped().filter(profile__in=person.profile_ids).select_related("connection"))
    ids = [record.pk for record in records]
    report.removed["synchronised"] += SyncLog.scoped().filter(record__in=ids).delete()[0]
    EchoEntry.scoped().filter(record__in=ids).delete()
    Conflict.scoped().filter(record__in=ids).delete()
    known = Q(profile__in=person.profile_ids) | Q(external_id__in=[record.external_id for record in records])
    DeadLetter.scoped().filter(known).delete()
    SyncOutbox.scoped().filter(profile__in=person.profile_ids, kind=SyncOutbox.Kind.PUSH).delete()
    told = False
    for record in records:
        is_there = record.state == State.LIVE
        record.state, record.base, record.version = State.ERASED, {}, ""
        record.save(update_fields=["state", "base", "version"])
        if is_there and record.connection.erases_there:
            told = True
            outbox.ask(connection_id=record.connection_id, profile_id=record.profile_id, record_id=record.pk, kind=SyncOutbox.Kind.ERASE)
    if told:
        report.kept["connections"] = "The id of the record in other systems, until they have erased it and so that it does not return."


def erase_there(desk: Desk, record: ExternalRecord) -> None:
    """Tell the other system to destroy what it has. Raises the connector's errors."""
    desk.connector.erase(record.external_id)
    recording.note(Action.ERASED, connection=desk.connection, record=record)
