"""What a visitor receives: read with the gate's own eyes, switched on at one point and channel, switched off there or everywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Channel
from consent.gate import decide_many
from consent.ledger import opt_out_person, record
from consent.models import ConsentEvent, ConsentState, NoticeVersion, PortalVisit, Purpose
from consent.portal.reach import Reach, ShownPoint
from consent.purposes import name_of
from consent.questions import Question, Ruling
from consent.standing import Standing, standing
from consent.vocabulary import Action, Basis, Origin, PurposeClass, Reason, State

# The person speaks for themselves.
PERSON = Actor(kind="contact", name="Portal")
# The kinds of channel by which each kind of point is written to.
CHANNELS = {"email": ("email",), "phone": ("whatsapp", "sms", "voice")}
# What the gate says of promotions that somebody does not get because of what was said about them, not of the hour.
OFF = frozenset({Reason.GATE_UNAVAILABLE, Reason.SUPPRESSED, Reason.STOPPED, Reason.WITHDRAWN, Reason.PLATFORM_OPT_OUT, Reason.NO_CONSENT})


@dataclass(frozen=True)
class Switch:
    """One purpose by one channel at one point. ``note``: why it is off, where there is more to say."""

    purpose: str
    channel: str
    point: ShownPoint
    is_on: bool
    since: datetime | None
    note: str = ""  # pending | platform | changed
    notice: NoticeVersion | None = None

    @property
    def can_be_switched(self) -> bool:
        return self.note != "platform" or self.is_on


@dataclass(frozen=True)
class Section:
    """One purpose that people choose, with the wording to which they agree by switching it on."""

    key: str
    name: str
    notice: NoticeVersion | None
    switches: tuple[Switch, ...]

    @property
    def is_on_anywhere(self) -> bool:
        return any(switch.is_on for switch in self.switches)


@dataclass(frozen=True)
class Overview:
    """``always``: names of what is sent without asking, because people need it."""

    sections: tuple[Section, ...]
    always: tuple[str, ...]

    @property
    def is_on_anywhere(self) -> bool:
        return any(section.is_on_anywhere for section in self.sections)

    @property
    def changed(self) -> list[Switch]:
        """What was agreed to under a wording that no longer holds."""
        return [switch for section in self.sections for switch in section.switches if switch.note == "changed"]


def overview(*, reach: Reach, language: str) -> Overview:
    """What the visitor's points receive now. Six queries, whatever their number."""
    purposes = list(Purpose.scoped().filter(is_active=True).order_by("position", "pk"))
    chosen = [purpose for purpose in purposes if purpose.purpose_class == PurposeClass.MARKETING]
    notices = current_notices(chosen, language=language)
    places = list(_places(reach))
    now = timezone.now()
    asked = [
        (purpose, point, channel, _question(reach, point, channel, purpose.key, now)) for purpose in chosen for point, channel in places
    ]
    rulings = decide_many([question for *_what, question in asked])
    sections: dict[str, list[Switch]] = {purpose.key: [] for purpose in chosen}
    for (purpose, point, channel, _asked), ruling in zip(asked, rulings, strict=True):
        sections[purpose.key].append(_switch(purpose, point, channel, ruling, notices.get(purpose.pk)))
    return Overview(
        tuple(
            Section(purpose.key, name_of(purpose, language), notices.get(purpose.pk), tuple(sections[purpose.key])) for purpose in chosen
        ),
        tuple(name_of(purpose, language) for purpose in purposes if purpose.purpose_class != PurposeClass.MARKETING),
    )


def current_notices(purposes: Sequence[Purpose], *, language: str) -> dict[int, NoticeVersion]:
    """Purpose → the wording of its latest number, in the language where it has that. One query."""
    found: dict[int, NoticeVersion] = {}
    for notice in NoticeVersion.scoped().filter(purpose__in=purposes).order_by("number", "pk"):
        known = found.get(notice.purpose_id)
        if known is None or notice.number > known.number or notice.language == language:
            found[notice.purpose_id] = notice
    return found


def switch(*, visit: PortalVisit, reach: Reach, purpose: str, point_id: int, channel: str, on: bool, language: str) -> ConsentEvent | None:
    """Switch one purpose on or off at one point that was shown in the visit. ``None`` where it is so already, or there is no such.

    On is a grant with proof that the point is held, so it needs no further confirmation and lifts what stood against it.
    """
    found = next(
        (
            each
            for section in overview(reach=reach, language=language).sections
            for each in section.switches
            if (each.purpose, each.point.point_id, each.channel) == (purpose, point_id, channel)
        ),
        None,
    )
    if found is None or (found.is_on == on and not (on and found.note)) or not found.can_be_switched:
        return None
    if not on:
        return _say(visit, reach, found.point, Action.WITHDRAW, channel=channel, purpose=purpose)
    return _say(visit, reach, found.point, Action.GRANT, channel=channel, purpose=purpose, notice=found.notice)


def decline(*, visit: PortalVisit, reach: Reach, purpose: str, language: str) -> int:
    """Say no to the changed wording of a purpose, wherever the old one was agreed to. Returns at how many places."""
    changed = [each for each in overview(reach=reach, language=language).changed if each.purpose == purpose]
    with transaction.atomic():
        for each in changed:
            _say(visit, reach, each.point, Action.WITHDRAW, channel=each.channel, purpose=purpose)
    return len(changed)


def agree(*, visit: PortalVisit, reach: Reach, purpose: str, language: str) -> int:
    """Say yes to the changed wording of a purpose, wherever the old one was agreed to. Returns at how many places."""
    changed = [each for each in overview(reach=reach, language=language).changed if each.purpose == purpose]
    with transaction.atomic():
        for each in changed:
            _say(visit, reach, each.point, Action.GRANT, channel=each.channel, purpose=purpose, notice=each.notice)
    return len(changed)


@transaction.atomic
def stop_all(*, visit: PortalVisit, reach: Reach) -> None:
    """No promotions by any channel, at every point that leads to the visitor now, shown in this visit or not."""
    key, now = f"portal-stop:{visit.pk}:{uuid4().hex}", timezone.now()
    people = {profile.contact_id: profile for profile in reversed(reach.records)}
    for profile in people.values():
        opt_out_person(profile=profile, origin=Origin.PORTAL, occurred_at=now, key=key, possession_proven=True, by=PERSON)
    # A point that leads to nobody known yet; where it was just done, the key makes it one event.
    for point in reach.points:
        _say(visit, reach, point, Action.WITHDRAW, at=now, key=key)


def _say(
    visit: PortalVisit,
    reach: Reach,
    point: ShownPoint,
    action: Action,
    *,
    channel: str = "",
    purpose: str = "",
    notice: NoticeVersion | None = None,
    at: datetime | None = None,
    key: str = "",
) -> ConsentEvent:
    profile = reach.profile_at(point)
    granted = action is Action.GRANT
    return record(
        ref=point.ref,
        action=action,
        origin=Origin.PORTAL,
        occurred_at=at or timezone.now(),
        key=key or f"portal:{visit.pk}:{uuid4().hex}",
        profile=profile,
        channel=channel,
        purpose=purpose,
        basis=Basis.CONSENT if granted else "",
        possession_proven=True,
        notice=notice,
        proof={"how": "switched on in the portal", "visit": visit.pk} if granted and profile is not None else None,
        by=PERSON,
    )


def _places(reach: Reach) -> Iterator[tuple[ShownPoint, str]]:
    """Each point with the kinds of channel that the account has for it, or about which something was said there."""
    ours = set(Channel.scoped().filter(is_active=True).values_list("kind", flat=True))
    said = set(ConsentState.scoped().filter(point__in=[point.point_id for point in reach.points]).values_list("point_id", "channel"))
    for point in reach.points:
        kinds = CHANNELS.get(point.ref.kind, ())
        wanted = [kind for kind in kinds if kind in ours or (point.point_id, kind) in said] or kinds[:1]
        for kind in wanted:
            yield point, kind


def _question(reach: Reach, point: ShownPoint, channel: str, purpose: str, at: datetime) -> Question:
    profile = reach.profile_at(point)
    return Question(ref=point.ref, profile_id=profile.pk if profile else None, channel=channel, purpose=purpose, at=at)


def _switch(purpose: Purpose, point: ShownPoint, channel: str, ruling: Ruling, notice: NoticeVersion | None) -> Switch:
    is_on = not OFF.intersection(ruling.reasons)
    stands = _standing(ruling)
    note = ""
    if Reason.PLATFORM_OPT_OUT in ruling.reasons:
        note = "platform"
    elif not is_on and stands.state is State.PENDING:
        note = "pending"
    elif not is_on and stands.state is State.GRANTED and ruling.rulebook is not None and ruling.rulebook.purpose is not None:
        current = ruling.rulebook.purpose.material_notice
        note = "changed" if all(grant.notice < current for grant in stands.grants) else ""
    return Switch(purpose.key, channel, point, is_on, stands.since, note, notice)


def _standing(ruling: Ruling) -> Standing:
    facts, question = ruling.facts, ruling.question
    if facts is None:
        return Standing(State.NONE, None)
    return standing(
        facts.cells,
        profile_id=question.profile_id,
        channel=question.channel,
        purpose=question.purpose,
        is_shared=facts.is_shared,
        recycled_at=facts.recycled_at,
    )
