"""What was said about a visitor's consent, with the wording they had before them, and a receipt for each entry."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.models import Account
from accounts.tenancy import TenantQuerySet
from consent.evidence import read_evidence
from consent.models import ConsentEvent, Purpose
from consent.portal.channels import channel_name
from consent.portal.languages import languages
from consent.portal.reach import Reach
from consent.purposes import name_of
from consent.vocabulary import Action, Origin

PAGE = 50


@dataclass(frozen=True)
class Line:
    """One entry. ``words``: what the person wrote, where their own words are the evidence."""

    event: ConsentEvent
    action: str
    purpose: str
    channel: str
    address: str
    source: str
    words: str

    @property
    def at(self) -> datetime:
        return self.event.occurred_at

    @property
    def is_restriction(self) -> bool:
        return self.event.action not in (Action.GRANT, Action.PLATFORM_RESUME, Action.SOFT_OPT_IN, Action.REQUEST, Action.RETRACT)


def events_of(reach: Reach) -> TenantQuerySet[ConsentEvent]:
    """The events of the visitor's profiles, and those at their own points that were said by whoever held the point."""
    alone = [point.point_id for point in reach.points if not point.is_shared]
    shown = [point.point_id for point in reach.points]
    mine = Q(profile__in=reach.profile_ids) | Q(point__in=shown, profile=None) | Q(point__in=alone, possession_proven=True)
    return ConsentEvent.scoped().filter(mine)


def history(*, reach: Reach, language: str, before: int | None = None) -> list[Line]:
    """The latest entries first, ``PAGE`` of them and one more where there are others. Two queries."""
    rows = events_of(reach).select_related("notice", "evidence__key").order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _lines(rows[: PAGE + 1], reach, language)


def one_line(*, reach: Reach, language: str, event_id: int) -> Line | None:
    """One entry of the visitor's, ``None`` where it is not theirs."""
    return next(iter(_lines(events_of(reach).select_related("notice", "evidence__key").filter(pk=event_id), reach, language)), None)


def _lines(events: Iterable[ConsentEvent], reach: Reach, language: str) -> list[Line]:
    names = {purpose.key: name_of(purpose, language) for purpose in Purpose.scoped()}
    texts = {point.point_id: point.text for point in reach.points}
    return [
        Line(
            event=event,
            action=str(Action(event.action).label),
            purpose=names.get(event.purpose, event.purpose) if event.purpose else _("Everything but service"),
            channel=event.channel,
            address=texts.get(event.point_id, _("another address of yours")),
            source=str(Origin(event.source).label),
            words=_words(event, reach),
        )
        for event in events
    ]


def _words(event: ConsentEvent, reach: Reach) -> str:
    """Only what the visitor's own profiles gave."""
    if event.evidence is None or event.profile_id not in reach.profile_ids:
        return ""
    try:
        content: dict[str, Any] = read_evidence(event.evidence) or {}
    except ValueError:
        return ""
    said = content.get("said") or ""
    return said if isinstance(said, str) else ""


def receipt(line: Line, *, account: Account) -> str:
    """The entry as a text to keep: what was agreed to or refused, when, in which words, and its place in the ledger."""
    event = line.event
    facts = [
        (_("Business"), account.name),
        (_("What"), line.action),
        (_("About"), line.purpose),
        (_("Channel"), channel_name(line.channel)),
        (_("Address"), line.address),
        (_("When"), _moment(event.occurred_at)),
        (_("Written down"), _moment(event.recorded_at)),
        (_("How"), line.source),
    ]
    if event.notice is not None:
        language = languages().get(event.notice.language, event.notice.language)
        wording = {"number": event.notice.number, "language": language}
        facts.append((_("Wording"), _("version %(number)d, %(language)s") % wording))
    facts.append((_("Entry"), str(event.sequence if event.sequence is not None else _("not sealed yet"))))
    if event.hash:
        facts.append(("SHA-256", event.hash))
    width = max(len(str(name)) for name, _value in facts)
    parts = [_("Receipt"), "=" * len(_("Receipt")), "", *(f"{name}:{' ' * (width - len(str(name)))} {value}" for name, value in facts)]
    if event.notice is not None:
        parts += ["", _("The wording"), "-" * len(_("The wording")), event.notice.text, "", f"SHA-256: {event.notice.sha256}"]
    if line.words:
        parts += ["", _("What you wrote"), "-" * len(_("What you wrote")), line.words]
    return "\n".join(map(str, parts)) + "\n"


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{formats.date_format(local, 'DATETIME_FORMAT')} ({local.strftime('%z')})"
