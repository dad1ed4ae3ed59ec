"""What the ledger's pages read: events by filters, each with the address it can still be told by. Constant numbers of queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Account, Membership
from accounts.scope import current_account_id
from accounts.tenancy import TenantQuerySet
from consent.evidence import read_evidence
from consent.fingerprints import point_of, point_ref
from consent.models import ConsentEvent, ContactPoint
from consent.points import ADDRESSES
from contacts.masking import MASKED_KINDS, masked
from contacts.models import Identifier
from contacts.normalising import normal

PAGE = 50
FINGERPRINT = 12  # characters of a fingerprint that a person reads


@dataclass(frozen=True)
class Wanted:
    """What the browser was asked for. ``point`` is an address, or the beginning of a fingerprint."""

    point: str = ""
    purpose: str = ""
    channel: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Line:
    """One event. ``address`` is masked, empty where nobody known has it any more."""

    event: ConsentEvent
    address: str
    member: str

    @property
    def fingerprint(self) -> str:
        return self.event.point.lookup_hmac[:FINGERPRINT]


@dataclass(frozen=True)
class Page:
    """The latest first; ``before`` is the cursor of the next page, empty on the last."""

    lines: list[Line]
    before: str


@dataclass(frozen=True)
class Receipt:
    """One event with all that proves it. ``evidence``: ``None`` where there is none; ``is_destroyed``: there was."""

    line: Line
    evidence: dict[str, Any] | None
    is_destroyed: bool
    is_tampered: bool


def events(wanted: Wanted, *, zone: ZoneInfo, before: str = "", limit: int = PAGE) -> Page:
    """One page; days are of ``zone``, both included. Raises ``ValueError`` for a cursor that is not ours."""
    found = ConsentEvent.scoped().select_related("point", "notice")
    if wanted.point:
        found = found.filter(point__in=_points(wanted.point))
    found = found.filter(**{name: value for name in ("purpose", "channel", "action") if (value := getattr(wanted, name))})
    if wanted.since is not None:
        found = found.filter(occurred_at__gte=_midnight(wanted.since, zone))
    if wanted.until is not None:
        found = found.filter(occurred_at__lt=_midnight(wanted.until + timedelta(days=1), zone))
    if before:
        found = found.filter(pk__lt=_number(before))
    rows = list(found.order_by("-pk")[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    return Page(_lines(rows), str(rows[-1].pk) if more else "")


def receipt_of(event: ConsentEvent) -> Receipt:
    """Needs ``point``, ``notice`` and ``evidence__key``."""
    (line,) = _lines([event])
    if event.evidence is None:
        return Receipt(line, None, False, False)
    try:
        content = read_evidence(event.evidence)
    except ValueError:
        return Receipt(line, None, False, True)
    return Receipt(line, content, content is None, False)


def as_json(receipt: Receipt, *, account: Account) -> dict[str, Any]:
    """The receipt to keep: with it and the key of the account, anybody can compute the hash again."""
    event = receipt.line.event
    names = ("channel", "purpose", "action", "basis", "reason", "possession_proven", "source", "actor_kind")
    notice = event.notice
    return {
        "account": account.name,
        "event": event.pk,
        "point": event.point.lookup_hmac,
        "address": receipt.line.address,
        "profile": event.profile_id,
        **{name: getattr(event, name) for name in names},
        "member": receipt.line.member,
        "occurred_at": event.occurred_at.isoformat(),
        "recorded_at": event.recorded_at.isoformat(),
        "notice": notice and {"number": notice.number, "language": notice.language, "text": notice.text, "sha256": notice.sha256},
        "retracts": event.retracts_id,
        "evidence": receipt.evidence,
        "evidence_sha256": event.evidence.sha256 if event.evidence else None,
        "sequence": event.sequence,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }


def _points(text: str) -> TenantQuerySet[ContactPoint]:
    plain = text.strip()
    if len(plain) >= FINGERPRINT and all(letter in "0123456789abcdef" for letter in plain):
        return ContactPoint.scoped().filter(lookup_hmac__startswith=plain)
    region = Account.objects.values_list("default_region", flat=True).get(pk=current_account_id())
    read = [(kind, normal(kind, plain, region=region)) for kind in ("email", "phone")]
    refs = [point_ref(kind=kind, value=value.value) for kind, value in read if value is not None]
    return ContactPoint.scoped().filter(lookup_hmac__in=[ref.lookup for ref in refs])


def _lines(rows: list[ConsentEvent]) -> list[Line]:
    addresses = _addresses(row.profile_id for row in rows)
    ids = {row.membership_id for row in rows if row.membership_id}
    members = {member.pk: str(member) for member in Membership.scoped().filter(pk__in=ids).select_related("user")}
    return [Line(row, addresses.get(row.point.lookup_hmac, ""), members.get(row.membership_id or 0, "")) for row in rows]


def _addresses(profile_ids: Iterable[int | None]) -> Mapping[str, str]:
    """Fingerprint → masked address, of those that the people of the profiles have now. One query."""
    wanted = {pk for pk in profile_ids if pk}
    found = Identifier.scoped().filter(profile__contact__profiles__in=wanted, kind__in=ADDRESSES & MASKED_KINDS).distinct()
    return {point_of(row).lookup: masked(row.kind, row.value) for row in found}


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 18:
        raise ValueError(cursor)
    return int(cursor)
