"""Take in what people said elsewhere, before they came here: lists of grants and opt-outs with what proves them.

An import lifts nothing: whoever opted out here stays out, whatever a list says. A grant without proof is written down and counts for
nothing (row 6 of the decision table).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Account
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from consent.evidence import Destroyed
from consent.fingerprints import PointRef, fingerprint, point_of, point_ref
from consent.gate import Question, decide_many
from consent.ledger import record
from consent.models import ConsentEvent, NoticeVersion, Purpose
from consent.points import ADDRESSES
from consent.queries import CHANNELS, KINDS
from consent.vocabulary import Action, Basis, Origin, Reason
from contacts.models import Identifier, Profile
from contacts.normalising import normal

# One call is one transaction that holds the points it writes to.
MOST_ROWS = 1000
# What a list may say. Suppressions name their reason, so they come one by one (consent.suppressing).
TAKEN = (Action.GRANT, Action.WITHDRAW, Action.OBJECT)
# An opt-out of ours that outlives the import, as the gate names it.
KEPT_OUT = frozenset({Reason.SUPPRESSED, Reason.STOPPED, Reason.WITHDRAWN, Reason.PLATFORM_OPT_OUT})


@dataclass(frozen=True)
class GrantRow:
    """One line of a list.

    ``kind`` is email, phone, whatsapp …; ``channel`` a kind of channel, empty for every one; ``purpose`` the key of one, which a grant
    has to name; ``notice`` the number of the wording that was before them; ``proof`` JSON; ``key`` the caller's name for the line,
    made of its content where it is empty. ``contact_id`` says whose a grant is where several people have the address.
    """

    address: str
    kind: str
    action: str
    occurred_at: datetime | None
    purpose: str = ""
    channel: str = ""
    proof: dict[str, Any] | None = None
    notice: int | None = None
    key: str = ""
    contact_id: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a line.

    ``state``: ``recorded``; ``unproven`` (a grant that counts for nothing); ``held_back`` (recorded, and an opt-out of theirs stands);
    ``known`` (the same line came before); ``refused``, with ``problem`` in words.
    """

    state: str
    event: ConsentEvent | None = None
    problem: str = ""


@dataclass(frozen=True)
class _Read:
    """A line that can be written: its point, its person where it has one, and its wording."""

    row: GrantRow
    action: Action
    ref: PointRef
    profile: Profile | None
    notice: NoticeVersion | None
    key: str


@dataclass
class _Lists:
    """What the lines are read against, for all of them at once."""

    region: str
    purposes: frozenset[str]
    notices: dict[tuple[str, int], NoticeVersion]
    owners: dict[str, dict[int, Profile]] = field(default_factory=dict)


@transaction.atomic
def import_grants(rows: Sequence[GrantRow], *, by: Actor) -> list[Outcome]:
    """Write the lines into the ledger, each once however often it comes. Outcomes are in the order of the rows.

    At most ``MOST_ROWS``; a line that cannot be read is refused and the others go on. Grants need somebody who has the address; an
    opt-out does not. Raises ``ValueError`` for too many rows, ``PermissionDenied``.
    """
    require(by, Ability.RECORD_CONSENT)
    if len(rows) > MOST_ROWS:
        raise ValueError(f"{len(rows)} rows: {MOST_ROWS} at most")
    lists = _lists(rows)
    outcomes: list[Outcome | None] = [None] * len(rows)
    reads: list[tuple[int, _Read]] = []
    for place, row in enumerate(rows):
        try:
            reads.append((place, _read(row, lists)))
        except ValidationError as error:
            outcomes[place] = Outcome("refused", problem=" ".join(error.messages))
    # In one order, so that two imports at once do not wait for each other; of one point in the order of the list.
    for place, read in sorted(reads, key=lambda pair: (pair[1].ref.lookup, pair[0])):
        outcomes[place] = _write(read, by)
    _name_the_held_back(outcomes, dict(reads))
    return [outcome for outcome in outcomes if outcome is not None]


def _lists(rows: Sequence[GrantRow]) -> _Lists:
    account = Account.objects.only("default_region", "language").get(pk=current_account_id())
    notices: dict[tuple[str, int], NoticeVersion] = {}
    numbers = {row.notice for row in rows if row.notice is not None}
    for version in NoticeVersion.scoped().filter(number__in=numbers).select_related("purpose").order_by("pk"):
        place = (version.purpose.key, version.number)
        if place not in notices or version.language == account.language:
            notices[place] = version
    lists = _Lists(account.default_region, frozenset(Purpose.scoped().values_list("key", flat=True)), notices)
    keys = {read.key for row in rows if (read := normal(row.kind, row.address, region=lists.region)) is not None}
    spelled = {spelling for key in keys for spelling in (key, key.lstrip("+"), f"+{key.lstrip('+')}")}
    found = Identifier.scoped().filter(key__in=spelled, kind__in=ADDRESSES, valid_to=None, profile__erased_at=None)
    for identifier in found.select_related("profile").order_by("-pk"):
        lists.owners.setdefault(point_of(identifier).lookup, {})[identifier.profile.contact_id] = identifier.profile
    return lists


def _read(row: GrantRow, lists: _Lists) -> _Read:
    if row.action not in TAKEN:
        raise ValidationError(_("An import takes grants, withdrawals and objections."))
    if row.kind not in ADDRESSES or (value := normal(row.kind, row.address, region=lists.region)) is None:
        raise ValidationError(_("This cannot be read as an address."))
    if row.purpose and row.purpose not in lists.purposes:
        raise ValidationError(_("There is no such purpose."))
    if row.channel and row.channel not in KINDS:
        raise ValidationError(_("There is no such kind of channel."))
    if row.occurred_at is not None and timezone.is_naive(row.occurred_at):
        raise ValidationError(_("The time needs a time zone."))
    ref = point_ref(kind=row.kind, value=value.value)
    action = Action(row.action)
    notice = lists.notices.get((row.purpose, row.notice)) if row.notice is not None else None
    if row.notice is not None and notice is None:
        raise ValidationError(_("There is no such notice."))
    said = "" if row.occurred_at is None else row.occurred_at.isoformat()
    key = row.key or fingerprint("import", row.action, row.purpose, row.channel, said, str(row.notice or ""), str(row.contact_id or ""))
    return _Read(row, action, ref, _whose(row, action, lists.owners.get(ref.lookup, {})), notice, f"import:{key}")


def _whose(row: GrantRow, action: Action, owners: dict[int, Profile]) -> Profile | None:
    """The profile that says it. An opt-out reaches everybody at the point, so it needs none."""
    if action == Action.GRANT:
        if not row.purpose:
            raise ValidationError(_("A grant names its purpose."))
        if row.occurred_at is None:
            raise ValidationError(_("A grant needs the time at which it was given."))
        if not owners:
            raise ValidationError(_("Nobody here has this address: import the contacts first."))
        if len(owners) > 1 and row.contact_id not in owners:
            raise ValidationError(_("Several people have this address: say whose grant it is."))
    if row.contact_id is not None and row.contact_id not in owners:
        raise ValidationError(_("This contact does not have the address."))
    if row.contact_id is not None:
        return owners[row.contact_id]
    return next(iter(owners.values())) if len(owners) == 1 else None


def _write(read: _Read, by: Actor) -> Outcome:
    began = timezone.now()
    proof = read.row.proof if read.profile is not None else None
    try:
        with transaction.atomic():
            event = record(
                ref=read.ref,
                action=read.action,
                origin=Origin.IMPORT,
                occurred_at=read.row.occurred_at or began,
                key=read.key,
                profile=read.profile,
                channel=read.row.channel,
                purpose=read.row.purpose,
                basis=Basis.CONSENT if read.action == Action.GRANT else "",
                notice=read.notice,
                proof=proof or None,
                by=by,
            )
    except Destroyed:
        return Outcome("refused", problem=_("Erased at the person's request"))
    if event.recorded_at < began:
        return Outcome("known", event)
    unproven = event.action == Action.GRANT and event.evidence_id is None
    return Outcome("unproven" if unproven else "recorded", event)


def _name_the_held_back(outcomes: list[Outcome | None], reads: dict[int, _Read]) -> None:
    """Of the grants that were written, say beside which an opt-out stands. Two queries."""
    asked: list[tuple[int, Question]] = []
    for place, read in reads.items():
        outcome = outcomes[place]
        if outcome is not None and outcome.state in ("recorded", "unproven") and read.action == Action.GRANT:
            asked += [(place, question) for question in _questions(read)]
    rulings = decide_many([question for _place, question in asked])
    for (place, _question), ruling in zip(asked, rulings, strict=True):
        outcome = outcomes[place]
        if outcome is not None and KEPT_OUT & set(ruling.reasons):
            outcomes[place] = Outcome("held_back", outcome.event)


def _questions(read: _Read) -> list[Question]:
    channels = (read.row.channel,) if read.row.channel else CHANNELS.get(read.ref.kind, ())
    said_by = read.profile.pk if read.profile is not None else None
    now = timezone.now()
    return [Question(ref=read.ref, profile_id=said_by, channel=channel, purpose=read.row.purpose, at=now) for channel in channels]
