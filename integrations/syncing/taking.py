"""Take one remote record in: link it, compare three ways, write what changed there, note what is still to be said there.

One transaction per record, under its own lock. Everything a person's record brings goes through ``contacts.matching``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.busy import Busy
from contacts.claims import Claim, ClaimedIdentifier
from contacts.correcting import LONGEST_VALUE, correct_profile
from contacts.ending_identifiers import end_what_agents_added
from contacts.locks import lock_keys
from contacts.matching import take_record
from contacts.models import Contact, Identifier, Profile, Source
from integrations.crm.contract import Permanent, RemoteRecord, Several
from integrations.models import Conflict, ExternalRecord
from integrations.syncing import conflicts, outbox, recording
from integrations.syncing.comparing import Side, Verdict, compare
from integrations.syncing.echo import without_echoes
from integrations.syncing.opening import Desk
from integrations.syncing.our_side import changed_at, ours_of
from integrations.syncing.recording import Action
from integrations.syncing.translating import Ours, Rule, Theirs, normal_value, theirs_of

State = ExternalRecord.State
ATTEMPTS = 5


class MissingSurvivor(Exception):
    """The record was merged into one that is not known yet: read that one first."""

    def __init__(self, external_id: str) -> None:
        super().__init__(external_id)
        self.external_id = external_id


@dataclass(frozen=True)
class Outcome:
    """What became of a record: new, changed, same, conflict, gone, merged, erased or ignored."""

    word: str
    record: ExternalRecord | None = None


def take(*, desk: Desk, remote: RemoteRecord) -> Outcome:
    """Take the record in. Raises ``MissingSurvivor``, ``Busy`` where its people moved again and again, and what refuses its values."""
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _take(desk, remote)
        except Busy:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError


def lock_record(desk: Desk, external_id: str) -> ExternalRecord | None:
    """Hold one record until the transaction ends; the row, where there is one. Taken before every other lock."""
    lock_keys([(f"crm:{desk.connection.pk}:{desk.object_type}", external_id)])
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, external_id=external_id)
    return known.select_related("profile").first()


def _take(desk: Desk, remote: RemoteRecord) -> Outcome:
    from integrations.syncing import erasing, merging

    record = lock_record(desk, remote.external_id)
    if record is not None and record.state == State.ERASED:
        return Outcome("ignored", record)
    if remote.is_erased or remote.is_deleted:
        return Outcome(erasing.gone_there(desk, record, is_erased=remote.is_erased), record)
    if remote.merged_into:
        return Outcome(merging.merged_there(desk, record, remote), record)
    theirs = theirs_of(desk.rules, remote, region=desk.region)
    if not theirs:
        raise Permanent("The record says nothing that the mapping knows")
    if record is None:
        return _meet(desk, remote, theirs)
    waiting = conflicts.fields_waiting(record)
    if record.state != State.LIVE:
        _revive(record)
    elif remote.version and remote.version == record.version and theirs.keys() <= record.base.keys() | waiting:
        return Outcome("same", record)
    return _compare(desk, record, remote, theirs, waiting)


def _revive(record: ExternalRecord) -> None:
    """It is there again: undeleted, or merged and separated. Another live record of the same person keeps the profile."""
    taken = ExternalRecord.scoped().filter(connection=record.connection_id, profile=record.profile_id, state=State.LIVE)
    if taken.exclude(pk=record.pk).exists():
        return
    record.state, record.alias_of = State.LIVE, None
    record.save(update_fields=["state", "alias_of"])
    Conflict.scoped().filter(record=record, kind=Conflict.Kind.DELETION, state=Conflict.State.OPEN).update(
        state=Conflict.State.SETTLED, decision="back", decided_at=timezone.now()
    )


def _meet(desk: Desk, remote: RemoteRecord, theirs: Mapping[str, Theirs]) -> Outcome:
    """A record that was never seen: somebody's whom we know, or somebody new."""
    rules = [rule for rule in desk.rules if rule.comes_in and rule.ours in theirs]
    found = take_record(
        source=Source.CRM,
        claim=claim_of(rules, remote, theirs, only_said=True),
        occurred_at=_time_of(desk, remote),
        cause=desk.cause,
    )
    record = ExternalRecord.objects.create(
        connection=desk.connection, object_type=desk.object_type, external_id=remote.external_id, profile=found.profile
    )
    base = _inherited(desk, remote, theirs)
    ours = ours_of(desk.rules, profile=found.profile, record=record)
    verdict = compare(desk.rules, base=base, ours=ours, theirs=theirs, newer=_newer(desk, record, remote, theirs))
    if changed := {name: value for name, value in verdict.take.items() if name not in verdict.first}:
        hold_values(desk, record, changed)
        ours = ours_of(desk.rules, profile=found.profile, record=record)
    record.base = dict(base)
    _keep(desk, record, remote, verdict, ours, theirs, before=base)
    recording.note(Action.LINKED, connection=desk.connection, record=record, after=_plain(theirs))
    return Outcome("new", record)


def _inherited(desk: Desk, remote: RemoteRecord, theirs: Mapping[str, Theirs]) -> dict[str, Any]:
    """Where both sides stood with the records that this one was made of: what was changed here since then is still to be said there."""
    known = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, external_id__in=remote.made_of)
    base: dict[str, Any] = {}
    for former in sorted(known.order_by("pk"), key=lambda each: each.state != State.LIVE) if remote.made_of else ():
        for name, stood in former.base.items():
            # Of several, the one whose value the new record has.
            if name in theirs and (name not in base or base[name]["theirs"] != theirs[name] == stood["theirs"]):
                base[name] = stood
    return base


def _compare(desk: Desk, record: ExternalRecord, remote: RemoteRecord, theirs: Mapping[str, Theirs], waiting: set[str]) -> Outcome:
    theirs = without_echoes(record, remote, theirs)
    ours = ours_of(desk.rules, profile=record.profile, record=record)
    newer = _newer(desk, record, remote, theirs)
    verdict = compare(desk.rules, base=record.base, ours=ours, theirs=theirs, newer=newer, waiting=waiting)
    before = dict(record.base)
    if verdict.take:
        _write(desk, record, remote, verdict)
        ours = ours_of(desk.rules, profile=record.profile, record=record)
    conflicts.renew_waiting(record, ours=ours, theirs=theirs, fields=waiting)
    _keep(desk, record, remote, verdict, ours, theirs, before=before)
    if verdict.take:
        was = {name: before.get(name, {}).get("ours") for name in verdict.take}
        recording.note(Action.TAKEN, connection=desk.connection, record=record, before=was, after=_plain(verdict.take))
    word = "conflict" if verdict.clashes else "changed" if verdict.take else "same"
    return Outcome(word, record)


def _write(desk: Desk, record: ExternalRecord, remote: RemoteRecord, verdict: Verdict) -> None:
    """The profile says what the record says; where the rules of survivorship would still show another value, theirs is held."""
    rules = [rule for rule in desk.rules if rule.ours in verdict.take]
    found = take_record(
        source=Source.CRM,
        claim=claim_of(rules, remote, verdict.take),
        occurred_at=_time_of(desk, remote, record.profile),
        cause=desk.cause,
        profile=record.profile,
    )
    record.profile = found.profile
    hold_values(desk, record, {rule.ours: verdict.take[rule.ours] for rule in rules if rule.ours not in verdict.first})
    for rule in rules:
        if rule.is_identifier and (taken_out := _told(record, rule) - _values(verdict.take[rule.ours])):
            contact = Contact.scoped().get(pk=record.profile.contact_id)
            end_what_agents_added(contact=contact, kind=rule.ours, values=taken_out, by=desk.actor)


def _told(record: ExternalRecord, rule: Rule) -> set[str]:
    """The values in which both sides agreed."""
    stood = record.base.get(rule.ours, {"ours": None, "theirs": None})
    return _values(stood["ours"]) & _values(stood["theirs"])


def _values(said: Ours | Theirs) -> set[str]:
    return {said} if isinstance(said, str) else set(said or ())


def hold_values(desk: Desk, record: ExternalRecord, values: Mapping[str, Theirs]) -> None:
    """A change there that won is what the contact shows, as if an agent had made it."""
    fields = [rule for rule in desk.rules if rule.ours in values and not rule.is_identifier and not rule.is_several]
    shown = ours_of(fields, profile=record.profile, record=record)
    for rule in fields:
        value = values[rule.ours] or ""
        if shown[rule.ours] != values[rule.ours] and isinstance(value, str) and len(value) <= LONGEST_VALUE:
            correct_profile(profile=record.profile, field=rule.ours, value=value, by=desk.actor)


def claim_of(rules: list[Rule], remote: RemoteRecord, said: Mapping[str, Theirs], *, only_said: bool = False) -> Claim:
    """What the record says, for matching. An empty value takes one away, unless ``only_said``."""
    given: dict[str, Any] = {}
    identifiers: list[ClaimedIdentifier] = []
    for rule in rules:
        value = said[rule.ours]
        if not rule.is_identifier:
            text = ", ".join(value.values()) if isinstance(value, dict) else value
            if text or not only_said:
                given[rule.ours] = text or ""
            continue
        spellings = list(value.values()) if isinstance(value, dict) else [value] if value else []
        if not spellings and not only_said:
            spellings = [""]
        identifiers += [ClaimedIdentifier(kind=rule.ours, raw=each) for each in spellings]
    return Claim(identifiers=tuple(identifiers), given=given)


def _keep(
    desk: Desk,
    record: ExternalRecord,
    remote: RemoteRecord,
    verdict: Verdict,
    ours: Mapping[str, Ours],
    theirs: Mapping[str, Theirs],
    *,
    before: Mapping[str, Any],
) -> None:
    """Write down where both sides stand now, and ask for what is to be said there."""
    record.base |= verdict.settled
    for name in {*verdict.take, *verdict.give}:
        record.base[name] = _base_of(name, verdict, ours.get(name), theirs.get(name), before.get(name), desk)
    for clash in verdict.clashes:
        conflicts.open_field(desk, record, clash)
    record.version = remote.version
    record.modified_at = remote.modified_at or record.modified_at
    record.synced_at = timezone.now()
    record.save(update_fields=["base", "version", "modified_at", "synced_at"])
    if verdict.give:
        outbox.ask(connection_id=desk.connection.pk, profile_id=record.profile_id, record_id=record.pk)


def _base_of(name: str, verdict: Verdict, ours: Any, theirs: Any, before: Any, desk: Desk) -> dict[str, Any]:
    """After what was taken and before what is still to be given: the next comparison must see the latter, and only that."""
    giving = verdict.give.get(name)
    if isinstance(giving, Several):
        rule = next(rule for rule in desk.rules if rule.ours == name)
        leaving = {normal_value(rule, each, region=desk.region) for each in giving.remove}
        return {"ours": sorted(({*ours} - {*giving.add}) | (leaving - {None})), "theirs": theirs}
    if name in verdict.give:
        return {"ours": before["ours"] if before else theirs, "theirs": theirs}
    return {"ours": ours, "theirs": theirs}


def _newer(desk: Desk, record: ExternalRecord, remote: RemoteRecord, theirs: Mapping[str, Theirs]) -> dict[str, Side]:
    """Who changed each field last, both by our clock. Without times, what stands there is newer: it was changed since we looked."""
    wanted = [rule.ours for rule in desk.rules if rule.policy == "newest" and rule.ours in theirs and not rule.is_several]
    if remote.modified_at is None or not wanted:
        return {}
    at = remote.modified_at - timedelta(seconds=desk.connection.clock_offset)
    mine = {name: changed_at(name, profile=record.profile) for name in wanted}
    return {name: "ours" if changed is not None and changed > at else "theirs" for name, changed in mine.items()}


def _time_of(desk: Desk, remote: RemoteRecord, profile: Profile | None = None) -> datetime:
    """When the record changed, by our clock: never in the future, and never before the version of it that we have."""
    now = timezone.now()
    at = min(now, remote.modified_at - timedelta(seconds=desk.connection.clock_offset)) if remote.modified_at else now
    if profile is None:
        return at
    stamps = [*profile.given_at.values(), *(each["at"] for each in profile.later.values())]
    known = [datetime.fromisoformat(stamp) for stamp in stamps]
    known += Identifier.scoped().filter(profile=profile).values_list("valid_from", flat=True)
    return max([at, *(stamp + timedelta(microseconds=1) for stamp in known)])


def _plain(values: Mapping[str, Theirs]) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, dict) else value for name, value in values.items()}
