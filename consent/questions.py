"""What is asked of the gate, what is known about it, and what it answers: plain values that can be stored and read again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time
from typing import Any, Self

from consent.country_rules import Rules
from consent.fingerprints import PointRef
from consent.standing import Cell
from consent.vocabulary import PurposeClass, Reason, Verdict

HUMAN, BOT = "human", "bot"


@dataclass(frozen=True, slots=True)
class Question:
    """One message that would leave. Times are aware.

    ``channel`` is the kind of channel; ``sender_id`` our channel's id, where it is one of ours. ``reply_to_at`` is when the inbound
    message was written that it answers. Whoever has the messages says ``inbound_known`` and gives ``last_inbound_at``, the latest
    one of the point on this channel (``None``: there is none); for others the stored service window counts. ``template`` is the
    category of an approved template, empty for free text. ``asked_now``: a code that the person has just asked for. ``subject``
    names the message, so that asking twice about one counts once.
    """

    ref: PointRef
    profile_id: int | None
    channel: str
    purpose: str
    at: datetime
    sender_id: int | None = None
    actor: str = HUMAN
    category: str = ""
    reply_to_at: datetime | None = None
    inbound_known: bool = False
    last_inbound_at: datetime | None = None
    template: str = ""
    similar_product: bool = False
    asked_now: bool = False
    is_bulk: bool = False
    has_unsubscribe: bool = False
    subject: str = ""

    def as_json(self) -> dict[str, Any]:
        """Without the address: the point is named by its fingerprints."""
        stored = {name: getattr(self, name) for name in self.__slots__ if name != "ref"}
        ref = {"kind": self.ref.kind, "scope": self.ref.scope, "lookup": self.ref.lookup, "match": self.ref.match}
        return {**{name: _plain(value) for name, value in stored.items()}, "ref": ref}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        named = {name: str(stored["ref"].get(name) or "") for name in ("kind", "scope", "lookup", "match")}
        return cls(**{**_known(cls, stored), "ref": PointRef(**named, value="", key="", everything=())})


@dataclass(frozen=True, slots=True)
class Suppressed:
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """What one profile of the person prefers, as far as the gate asks."""

    profile_id: int | None = None
    timezone: str = ""
    quiet_from: time | None = None
    quiet_to: time | None = None
    cap_count: int | None = None
    cap_days: int | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the point and the person of one question."""

    country: str = ""
    timezone: str = ""
    recycled_at: datetime | None = None
    is_shared: bool = False
    cells: tuple[Cell, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    last_inbound_at: datetime | None = None
    wishes: tuple[Wish, ...] = ()
    # When messages left that count towards the person's cap, without the one that is asked about; newest first.
    sent: tuple[datetime, ...] = ()
    # When a stop word was last confirmed, by another message than the one that is asked about.
    stop_confirmed_at: datetime | None = None

    @property
    def sequence(self) -> int:
        return max((cell.last_event for cell in self.cells), default=0)

    def as_json(self) -> dict[str, Any]:
        return _plain({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        read = _known(cls, stored)
        for name, kind in (("cells", Cell), ("suppressed", Suppressed), ("wishes", Wish)):
            read[name] = tuple(kind(**_known(kind, each)) for each in stored.get(name) or ())
        read["sent"] = tuple(datetime.fromisoformat(at) for at in stored.get("sent") or ())
        return cls(**read)


@dataclass(frozen=True, slots=True)
class PurposeRule:
    key: str
    purpose_class: PurposeClass
    double_opt_in: bool = False
    expires_after_days: int | None = None
    is_active: bool = True
    # Number of the latest material notice: grants to an older one no longer count.
    material_notice: int = 0


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """The account's own settings of the gate."""

    postal_address: str = ""
    cap_count: int = 4
    cap_days: int = 7
    quiet_from: time | None = None
    quiet_to: time | None = None
    # When our copy of the registry of the point's country was brought in.
    registry_updated_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules that one question is judged by. ``purpose`` and ``country`` are ``None`` where nobody stated them."""

    purpose: PurposeRule | None
    account: AccountPolicy
    country: Rules | None

    def as_json(self) -> dict[str, Any]:
        return {
            "purpose": _plain(asdict(self.purpose)) if self.purpose else None,
            "account": _plain(asdict(self.account)),
            "country": {"country": self.country.country, "values": self.country.values} if self.country else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        purpose, country = stored.get("purpose"), stored.get("country")
        return cls(
            purpose=PurposeRule(**{**_known(PurposeRule, purpose), "purpose_class": PurposeClass(purpose["purpose_class"])})
            if purpose
            else None,
            account=AccountPolicy(**_known(AccountPolicy, stored.get("account") or {})),
            country=Rules(country["country"], country["values"]) if country else None,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table that fired. ``detail`` says which of its conditions, for people."""

    row: int
    verdict: Verdict
    reason: Reason
    detail: str = ""
    not_before: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the gate says, with every finding, the deciding one first.

    ``until``: when the window that allows it closes. ``not_before``: when a deferred message may leave. ``obligations``: what the
    message has to carry. ``excused``: findings that an answer or a code passes.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    question: Question
    facts: Facts | None = None
    rulebook: Rulebook | None = None
    obligations: tuple[str, ...] = ()
    excused: tuple[Finding, ...] = ()
    counts: bool = False
    not_before: datetime | None = None

    @property
    def allowed(self) -> bool:
        return self.verdict is Verdict.ALLOW

    @property
    def deferred(self) -> bool:
        return self.verdict is Verdict.DEFER

    @property
    def reason(self) -> Reason:
        return self.findings[0].reason

    @property
    def detail(self) -> str:
        return self.findings[0].detail

    @property
    def reasons(self) -> list[Reason]:
        return list(dict.fromkeys(finding.reason for finding in self.findings))

    @property
    def until(self) -> datetime | None:
        return self.findings[0].until


def _plain(value: Any) -> Any:
    match value:
        case datetime() | time():
            return value.isoformat()
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case Cell() | Suppressed() | Wish():
            return {name: _plain(getattr(value, name)) for name in value.__slots__}
    return value


def _read(name: str, value: Any) -> Any:
    if value is None or not isinstance(value, str):
        return value
    if name == "at" or name.endswith(("_at", "_until")):
        return datetime.fromisoformat(value)
    return time.fromisoformat(value) if name in ("quiet_from", "quiet_to") else value


def _known(kind: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of the fields that the kind has today: one that was dropped since is left out, one that is new has its default."""
    names = {field.name for field in fields(kind)}
    return {name: _read(name, value) for name, value in stored.items() if name in names}
