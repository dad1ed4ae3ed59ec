"""Merges travel both ways: a merge there is one here; ours is one there where the system can, an alias where it cannot."""

from contacts.merging import Refused, merge
from contacts.models import Contact
from integrations.crm.contract import RemoteRecord
from integrations.models import Conflict, ExternalRecord
from integrations.syncing import conflicts, recording
from integrations.syncing.opening import Desk
from integrations.syncing.recording import Action

State = ExternalRecord.State


def merged_there(desk: Desk, record: ExternalRecord | None, remote: RemoteRecord) -> str:
    """The record's person is the survivor's person. Call it under the record's lock; the word says what became of it.

    Where a person said here that they are two, nothing is joined: somebody is asked. Raises ``MissingSurvivor``.
    """
    from integrations.syncing.taking import MissingSurvivor

    if record is None:
        # Never seen before it was merged away: whatever it said is the survivor's now.
        return "ignored"
    survivor = _end_of_chain(desk, remote.merged_into)
    if survivor is None:
        raise MissingSurvivor(remote.merged_into)
    if survivor.pk == record.pk or (record.state == State.MERGED and record.alias_of_id == survivor.pk):
        return "same"
    record.state, record.alias_of, record.version = State.MERGED, survivor, remote.version
    record.save(update_fields=["state", "alias_of", "version"])
    recording.note(Action.MERGED, connection=desk.connection, record=record, after={"into": survivor.external_id})
    contacts = Contact.scoped().filter(pk__in=[record.profile.contact_id, survivor.profile.contact_id])
    if len(contacts) < 2:
        return "merged"
    try:
        merge(contacts=list(contacts), by=desk.actor, cause="crm", evidence={"connection": desk.connection.pk})
    except Refused:
        conflicts.open_other(desk, record, Conflict.Kind.MERGE)
        return "conflict"
    return "merged"


def _end_of_chain(desk: Desk, external_id: str) -> ExternalRecord | None:
    """Whoever the id stands for now, through every merge since."""
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type).select_related("profile", "alias_of")
    found = known.filter(external_id=external_id).first()
    seen: set[int] = set()
    while found is not None and found.state == State.MERGED and found.alias_of_id is not None and found.pk not in seen:
        seen.add(found.pk)
        found = known.filter(pk=found.alias_of_id).first()
    return found


def older_record_of_same_person(record: ExternalRecord) -> ExternalRecord | None:
    """The record there that stands for this one, where their profiles are one contact here."""
    others = ExternalRecord.scoped().filter(
        connection=record.connection_id, object_type=record.object_type, state=State.LIVE, profile__contact=record.profile.contact_id
    )
    return others.filter(pk__lt=record.pk).order_by("pk").first()


def weave_aliases(desk: Desk, record: ExternalRecord) -> bool:
    """Our merge, said there. Returns whether the record is now merged away there.

    Where the system cannot merge, or is not to, both records go on, each in step with the one contact; the younger is known as an
    alias of the older for as long as they are one person here.
    """
    survivor = older_record_of_same_person(record)
    if survivor is not None and desk.connection.merges_there and desk.connector.can_merge:
        if not _is_still_there(desk, record):
            return True
        if _is_still_there(desk, survivor):
            desk.connector.merge(record.external_id, survivor.external_id)
            ExternalRecord.scoped().filter(pk=record.pk).update(state=State.MERGED, alias_of=survivor, version="")
            recording.note(Action.MERGED, connection=desk.connection, record=record, after={"into": survivor.external_id})
            return True
        survivor = older_record_of_same_person(record)
    if record.alias_of_id != (survivor.pk if survivor else None):
        ExternalRecord.scoped().filter(pk=record.pk).update(alias_of=survivor)
    return False


def _is_still_there(desk: Desk, record: ExternalRecord) -> bool:
    """Take in what the record says now: a merge there may drop what only it says, and we would never hear of it."""
    from integrations.syncing.pulling import take_or_bury

    remote = desk.connector.read(record.external_id)
    take_or_bury(desk=desk, remote=remote or RemoteRecord(desk.object_type, record.external_id, is_deleted=True))
    return ExternalRecord.scoped().filter(pk=record.pk, state=State.LIVE).exists()
