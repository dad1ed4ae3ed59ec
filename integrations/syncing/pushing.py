"""Say there what changed here: only the changed fields, on the version we know, compared again when that is no longer the one."""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.queueing import back_off, enqueue
from contacts.models import Profile
from integrations.crm.contract import AlreadyThere, Misconfigured, Permanent, RemoteRecord, Retry, Several, Stale
from integrations.models import Connection, DeadLetter, ExternalRecord, SyncOutbox
from integrations.syncing import echo, outbox, recording
from integrations.syncing.comparing import compare
from integrations.syncing.conflicts import fields_waiting, said_again, to_say_again
from integrations.syncing.dead_letters import Place, bury, dig_up
from integrations.syncing.erasing import erase_there
from integrations.syncing.merging import weave_aliases
from integrations.syncing.opening import Desk, open_desk
from integrations.syncing.our_side import ours_of
from integrations.syncing.pulling import State, stop, take_or_bury
from integrations.syncing.recording import Action
from integrations.syncing.taking import lock_record
from integrations.syncing.translating import Ours, Rule, Theirs, remote_values, theirs_of

log = structlog.get_logger("hilo.syncing")
# Longer than what is said to one record takes.
HELD = timedelta(seconds=120)
ATTEMPTS = 5
# Seconds; a clock that differs by less is right: stamps are rounded and answers take their time.
TRUSTED = 3


def say(*, outbox_id: int) -> None:
    """Say what one row of the outbox asks for. Refused for good, it is put aside; refused for now, it waits and is tried again."""
    if not outbox.due().filter(pk=outbox_id).update(due_at=timezone.now() + HELD):
        return
    row = SyncOutbox.scoped().select_related("connection", "record__profile", "profile").get(pk=outbox_id)
    connection = row.connection
    desk = open_desk(connection)
    place = Place(connection, DeadLetter.Direction.OUT, desk.object_type, profile_id=row.profile_id)
    try:
        _say(desk, row)
    except Misconfigured as error:
        stop(connection, State.MISCONFIGURED, str(error))
        _try_later(row, timedelta())
        return
    except Retry as error:
        _try_later(row, max(timedelta(seconds=error.after), timedelta() if error.after else back_off(row.attempts + 1)))
        return
    except (Permanent, ValueError) as error:
        log.warning("change_refused", connection=connection.pk, error=type(error).__name__)
        bury(place, error)
    else:
        dig_up(place)
        Connection.scoped().filter(pk=connection.pk).update(pushed_at=timezone.now())
    _done_with(row)


def _say(desk: Desk, row: SyncOutbox) -> None:
    if row.kind == SyncOutbox.Kind.ERASE:
        if row.record is not None:
            erase_there(desk, row.record)
        return
    if row.profile.erased_at is not None:
        return
    record = _record_of(desk, row.profile)
    if record is None:
        if desk.connection.creates_there:
            create_there(desk, row.profile)
        return
    if weave_aliases(desk, record):
        return
    try:
        update_there(desk, record)
    except AlreadyThere as found:
        _share(desk, record, found.external_id)


def _share(desk: Desk, record: ExternalRecord, external_id: str) -> None:
    """Another record there has an address that only one may have, and that this one was to be given.

    Where both are one person here, the two become one there; where that is not wished, each keeps the addresses that it has.
    """
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, state=ExternalRecord.State.LIVE)
    same_person = known.filter(external_id=external_id, profile__contact=record.profile.contact_id).exclude(pk=record.pk)
    other = same_person.select_related("profile").first()
    if other is None:
        raise Permanent(_("Another record there has this address."))
    # First what nobody disputes: a system that makes a third record of two makes it of what stands there.
    update_there(desk, record, leaving=[rule.ours for rule in desk.rules if rule.is_identifier])
    if weave_aliases(desk, other):
        update_there(desk, ExternalRecord.scoped().select_related("profile").get(pk=record.pk))


def _record_of(desk: Desk, profile: Profile) -> ExternalRecord | None:
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, profile=profile)
    return known.filter(state=ExternalRecord.State.LIVE).select_related("profile").first()


def update_there(desk: Desk, record: ExternalRecord, *, leaving: Collection[str] = ()) -> None:
    """Write what differs from the base, but for the fields ``leaving``, until both sides are in step. Raises the connector's errors."""
    for _attempt in range(ATTEMPTS):
        waiting = fields_waiting(record)
        if any(rule.goes_out and rule.ours not in record.base and rule.ours not in waiting for rule in desk.rules):
            _look_again(desk, record.external_id)
            fresh = _record_of(desk, record.profile)
            if fresh is None:
                return
            record, waiting = fresh, fields_waiting(fresh)
        ours = ours_of(desk.rules, profile=record.profile, record=record)
        theirs: dict[str, Theirs] = {name: entry["theirs"] for name, entry in record.base.items()}
        verdict = compare(desk.rules, base=record.base, ours=ours, theirs=theirs, newer=dict.fromkeys(theirs, "ours"), waiting=waiting)
        # Read after our side: an answer that is taken back meanwhile changes both.
        waiting = fields_waiting(record)
        again = {name: value for name, value in to_say_again(record).items() if name in ours and name not in leaving}
        give = {name: value for name, value in verdict.give.items() if name not in leaving and name not in waiting}
        give |= {name: value for name, value in again.items() if theirs.get(name) != value}
        if not give:
            said_again(record, again)
            return
        before = {name: record.base[name]["theirs"] for name in give if name in record.base}
        begun_at = timezone.now()
        try:
            answered = desk.connector.write(record.external_id, remote_values(desk.rules, give), expected=record.version)
        except Stale:
            _look_again(desk, record.external_id)
        else:
            sent = {name: again.get(name, ours[name]) for name in give}
            _note(desk, record.external_id, answered, sent=sent, before=before)
            said_again(record, again)
            _learn_clock(desk, answered, begun_at)
            take_or_bury(desk=desk, remote=answered)
            return
        fresh = _record_of(desk, record.profile)
        if fresh is None:
            return
        record = fresh
    raise Retry("The record is being changed there again and again")


def create_there(desk: Desk, profile: Profile) -> None:
    """A new record for a contact that has none there; made twice with one key, it is one."""
    live = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, state=ExternalRecord.State.LIVE)
    if live.filter(profile__contact=profile.contact_id).exists():
        return
    rules: list[Rule] = [rule for rule in desk.rules if rule.goes_out]
    ours = ours_of(rules, profile=profile, record=None)
    said = {name: Several(add=tuple(value)) if isinstance(value, list) else value for name, value in ours.items() if value}
    if not said:
        return
    earlier = ExternalRecord.scoped().filter(connection=desk.connection, profile=profile).count()
    try:
        answered = desk.connector.create(remote_values(rules, said), key=f"hilo-{desk.connection.key[:8]}-{profile.pk}-{earlier}")
    except AlreadyThere as found:
        _look_again(desk, found.external_id)
        if live.filter(profile__contact=profile.contact_id).exists():
            return
        # Somebody else's here, as after a merge that the other system cannot take back: nobody's record is made a second person's.
        said_why = _("Has no record there: %(id)s has one of the addresses. Take it away from that one, or merge the two, and try again.")
        raise Permanent(said_why % {"id": found.external_id}) from None
    with transaction.atomic():
        record = lock_record(desk, answered.external_id)
        if record is None:
            ExternalRecord.objects.create(
                connection=desk.connection, object_type=desk.object_type, external_id=answered.external_id, profile=profile
            )
    _note(desk, answered.external_id, answered, sent={name: ours[name] for name in said}, before={}, action=Action.CREATED)
    take_or_bury(desk=desk, remote=answered)


def _look_again(desk: Desk, external_id: str) -> None:
    remote = desk.connector.read(external_id)
    take_or_bury(desk=desk, remote=remote or RemoteRecord(desk.object_type, external_id, is_deleted=True))


def _note(
    desk: Desk, external_id: str, answered: RemoteRecord, *, sent: dict[str, Ours], before: dict[str, Theirs], action: str = Action.SENT
) -> None:
    """Both sides are in step in what was sent. Where something else changed there meanwhile, the version stays unknown."""
    theirs = theirs_of(desk.rules, answered, region=desk.region)
    with transaction.atomic():
        record = lock_record(desk, external_id)
        if record is None or record.state != ExternalRecord.State.LIVE:
            return
        others = [name for name in theirs if name not in sent]
        whole = all(name in record.base and _same(record.base[name]["theirs"], theirs[name]) for name in others)
        echo.note_own_write(record, sent=sent, answered=answered, theirs=theirs, whole=whole)
        recording.note(action, connection=desk.connection, record=record, before=before, after=sent)


def _learn_clock(desk: Desk, answered: RemoteRecord, begun_at: datetime) -> None:
    """The stamp of our own write shows how far the clock there is ahead; the write happened somewhere between begin and end."""
    if answered.modified_at is None:
        return
    middle = begun_at + (timezone.now() - begun_at) / 2
    offset = (answered.modified_at - middle).total_seconds()
    Connection.scoped().filter(pk=desk.connection.pk).update(clock_offset=round(offset, 1) if abs(offset) > TRUSTED else 0)


def _same(known: Theirs, now: Theirs) -> bool:
    return set(known) == set(now) if isinstance(known, dict) and isinstance(now, dict) else known == now


def _try_later(row: SyncOutbox, wait: timedelta) -> None:
    from integrations.syncing.tasks import say_to_others

    SyncOutbox.scoped().filter(pk=row.pk).update(attempts=row.attempts + 1, due_at=timezone.now() + wait)
    if wait:
        enqueue(say_to_others, in_seconds=wait.total_seconds(), account_id=row.account_id, outbox_id=row.pk)


def _done_with(row: SyncOutbox) -> None:
    """Asked again meanwhile, it is said again."""
    from integrations.syncing.tasks import say_to_others

    if SyncOutbox.scoped().filter(pk=row.pk, asked=row.asked).delete()[0]:
        return
    if SyncOutbox.scoped().filter(pk=row.pk).update(due_at=timezone.now(), attempts=0):
        enqueue(say_to_others, account_id=row.account_id, outbox_id=row.pk)
