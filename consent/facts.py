"""Gather what the gate has to know, for any number of questions in two queries: one for points and people, one for the rules."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import F

from accounts.models import Account
from accounts.scope import current_account_id
from consent.country_rules import Rules, gather
from consent.models import (
    ConsentState,
    ContactPoint,
    CountryRule,
    CountryRuleCorrection,
    Decision,
    GatePolicy,
    NoticeVersion,
    Preference,
    Purpose,
    RegistryCopy,
    ServiceWindow,
    Suppression,
)
from consent.points import country_of
from consent.prepared_statements import Given, Statement, run, tagged, written
from consent.projecting import TIMES
from consent.questions import AccountPolicy, Facts, PurposeRule, Question, Rulebook, Suppressed, Wish
from consent.standing import Cell
from consent.vocabulary import Category, PurposeClass, Verdict
from contacts.models import EndReason, Identifier, ValueMark

# No cap looks back further.
LONGEST_CAP = timedelta(days=92)
NUMBERS = ("phone", "whatsapp")


def gather_facts(questions: Sequence[Question]) -> list[tuple[Facts, Rulebook]]:
    """What is known and the rules for each question, in their order. Two queries, however many there are."""
    known = _Known(questions)
    home, rules = _Rules.read()
    gathered = []
    for question in questions:
        facts = known.about(question)
        country = facts.country or country_of(question.ref) or home
        gathered.append((replace(facts, country=country), rules.book(question.purpose, country)))
    return gathered


@lru_cache(maxsize=1000)
def _about_points(account_id: int) -> Statement:
    """What the tables say about points and people. The account in scope stands in the text."""
    assert account_id == current_account_id()
    return written(
        [
            tagged(
                "point",
                ContactPoint.scoped().filter(match_hmac__among_given=Given("matches")),
                lookup=F("lookup_hmac"),
                country=F("country"),
                timezone=F("timezone"),
                recycled_at=F("recycled_at"),
            ),
            tagged(
                "state",
                ConsentState.scoped().filter(point__match_hmac__among_given=Given("matches")),
                match=F("point__match_hmac"),
                lookup=F("point__lookup_hmac"),
                **{name: F(name) for name in ("profile_id", "channel", "purpose", "last_event", *TIMES)},
                proven_notice=F("proven_notice"),
                attested_notice=F("attested_notice"),
            ),
            tagged(
                "suppressed",
                Suppression.scoped().filter(hmac__among_given=Given("prints")),
                **{n: F(n) for n in ("hmac", "scope", "reason", "at")},
            ),
            tagged(
                "window",
                ServiceWindow.scoped().filter(point__match_hmac__among_given=Given("matches")),
                match=F("point__match_hmac"),
                channel=F("channel_id"),
                at=F("last_inbound_at"),
            ),
            tagged(
                "wish",
                Preference.scoped().filter(profile__contact__profiles__id__among_given=Given("profiles")),
                asked=F("profile__contact__profiles"),
                **{name: F(name) for name in Wish.__slots__},
            ),
            tagged(
                "sent",
                Decision.scoped().filter(
                    counts=True,
                    stage=Decision.Stage.LEAVING,
                    verdict=Verdict.ALLOW,
                    at__after_given=Given("since"),
                    profile__contact__profiles__id__among_given=Given("profiles"),
                ),
                asked=F("profile__contact__profiles"),
                subject=F("subject"),
                at=F("at"),
            ),
            tagged(
                "confirmed",
                Decision.scoped().filter(
                    category=Category.STOP_CONFIRMATION, verdict=Verdict.ALLOW, point__match_hmac__among_given=Given("matches")
                ),
                match=F("point__match_hmac"),
                subject=F("subject"),
                at=F("at"),
            ),
            tagged(
                "shared",
                ValueMark.scoped().filter(mark=ValueMark.Mark.SHARED, key__among_given=Given("keys")),
                kind=F("kind"),
                key=F("key"),
            ),
            tagged(
                "recycled",
                Identifier.scoped().filter(kind__in=NUMBERS, key__among_given=Given("spelled"), end_reason=EndReason.RECYCLED),
                key=F("key"),
                at=F("valid_to"),
            ),
        ]
    )


@lru_cache(maxsize=1000)
def _about_rules(account_id: int) -> Statement:
    """The account's purposes and settings, and every country's figures."""
    figures = {"country": F("country"), "name": F("name"), "value": F("value")}
    return written(
        [
            tagged(
                "purpose",
                Purpose.scoped(),
                **{n: F(n) for n in ("key", "purpose_class", "double_opt_in", "expires_after_days", "is_active")},
            ),
            tagged("notice", NoticeVersion.scoped().filter(is_material=True), purpose=F("purpose__key"), number=F("number")),
            tagged("policy", GatePolicy.scoped(), **{name: F(name) for name in AccountPolicy.__slots__ if name != "registry_updated_at"}),
            tagged("registry", RegistryCopy.scoped().filter(state=RegistryCopy.State.DONE), country=F("country"), at=F("created_at")),
            tagged("shipped", CountryRule.objects.all(), **figures),
            tagged("corrected", CountryRuleCorrection.scoped(), **figures),
            tagged("account", Account.objects.filter(pk=account_id), default_region=F("default_region")),
        ]
    )


class _Known:
    """What the tables say about the points and people of the questions. One query."""

    def __init__(self, questions: Sequence[Question]) -> None:
        matches = {question.ref.match for question in questions}
        prints = {each.hmac for question in questions for each in question.ref.everything}
        profiles = {question.profile_id for question in questions if question.profile_id is not None}
        keys = {(question.ref.kind, question.ref.key) for question in questions}
        spelled = {spelling for kind, key in keys if kind == "phone" for spelling in (key, key.lstrip("+"))}
        since = min(question.at for question in questions) - LONGEST_CAP
        found = run(
            _about_points(current_account_id()),
            {
                "matches": list(matches),
                "prints": list(prints),
                "profiles": list(profiles),
                "keys": list({key for _kind, key in keys}),
                "spelled": list(spelled),
                "since": since,
            },
        )
        self.points = {row["lookup"]: row for row in found["point"]}
        self.cells: dict[str, list[tuple[str, Cell]]] = defaultdict(list)
        for row in found["state"]:
            match, lookup = row.pop("match"), row.pop("lookup")
            self.cells[match].append((lookup, Cell(is_own=False, **{name: _read(name, value) for name, value in row.items()})))
        self.suppressed = _grouped(found["suppressed"], "hmac")
        self.windows = {(row["match"], row["channel"]): _at(row["at"]) for row in found["window"]}
        self.wishes: dict[int, list[Wish]] = defaultdict(list)
        for row in found["wish"]:
            self.wishes[row.pop("asked")].append(Wish(**{name: _read(name, value) for name, value in row.items()}))
        self.sent = _grouped(found["sent"], "asked")
        self.confirmed = _grouped(found["confirmed"], "match")
        self.shared = {(row["kind"], row["key"]) for row in found["shared"]}
        self.recycled = {row["key"].lstrip("+"): _at(row["at"]) for row in sorted(found["recycled"], key=lambda row: row["at"])}

    def about(self, question: Question) -> Facts:
        ref = question.ref
        point = self.points.get(ref.lookup, {})
        recycled = [at for at in (_at(point.get("recycled_at")), self.recycled.get(ref.key.lstrip("+"))) if at is not None]
        prints = [each.hmac for each in ref.everything]
        window = self.windows.get((ref.match, question.sender_id)) if question.sender_id is not None else None
        confirmed = [_time(row["at"]) for row in self.confirmed.get(ref.match, ()) if row["subject"] != question.subject]
        return Facts(
            country=point.get("country") or "",
            timezone=point.get("timezone") or "",
            recycled_at=max(recycled, default=None),
            is_shared=(ref.kind, ref.key) in self.shared,
            cells=tuple(replace(cell, is_own=lookup == ref.lookup) for lookup, cell in self.cells.get(ref.match, ())),
            suppressed=tuple(
                dict.fromkeys(
                    Suppressed(row["reason"], _time(row["at"]))
                    for each in prints
                    for row in self.suppressed.get(each, ())
                    if row["scope"] in ("", question.channel)
                )
            ),
            last_inbound_at=window,
            wishes=tuple(self.wishes.get(question.profile_id or 0, ())),
            sent=self._sent(question),
            stop_confirmed_at=max(confirmed, default=None),
        )

    def _sent(self, question: Question) -> tuple[datetime, ...]:
        """One time for each message, its latest, newest first; the message in question does not stand in its own way."""
        latest: dict[str, datetime] = {}
        for number, row in enumerate(self.sent.get(question.profile_id or 0, ())):
            subject = row["subject"] or f"#{number}"
            if row["subject"] != question.subject or not question.subject:
                latest[subject] = max(_time(row["at"]), latest.get(subject, _time(row["at"])))
        return tuple(sorted(latest.values(), reverse=True))


class _Rules:
    """The account's purposes and settings, and every country's figures. One query."""

    def __init__(self, found: dict[str, list[dict[str, Any]]]) -> None:
        material: dict[str, int] = defaultdict(int)
        for row in found["notice"]:
            material[row["purpose"]] = max(material[row["purpose"]], row["number"])
        self.purposes = {
            row["key"]: PurposeRule(
                key=row["key"],
                purpose_class=PurposeClass(row["purpose_class"]),
                double_opt_in=row["double_opt_in"],
                expires_after_days=row["expires_after_days"],
                is_active=row["is_active"],
                material_notice=material[row["key"]],
            )
            for row in found["purpose"]
        }
        policies = [AccountPolicy(**{name: _read(name, value) for name, value in row.items()}) for row in found["policy"]]
        self.account = policies[0] if policies else AccountPolicy()
        self.registries = {row["country"]: _time(row["at"]) for row in sorted(found["registry"], key=lambda row: row["at"])}
        self.countries: dict[str, Rules] = gather(
            *([(row["country"], row["name"], row["value"]) for row in found[tag]] for tag in ("shipped", "corrected"))
        )

    @classmethod
    def read(cls) -> "tuple[str, _Rules]":
        """The account's own country, and the rules."""
        found = run(_about_rules(current_account_id()), {})
        return found["account"][0]["default_region"], cls(found)

    def book(self, purpose: str, country: str) -> Rulebook:
        account = replace(self.account, registry_updated_at=self.registries.get(country))
        return Rulebook(purpose=self.purposes.get(purpose), account=account, country=self.countries.get(country))


def _grouped(rows: Iterable[dict[str, Any]], name: str) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    return groups


def _at(value: str | None) -> datetime | None:
    return None if value is None else _time(value)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _read(name: str, value: Any) -> Any:
    if value is None or not isinstance(value, str):
        return value
    if name.endswith(("_at", "_until")):
        return datetime.fromisoformat(value)
    return time.fromisoformat(value) if name in ("quiet_from", "quiet_to") else value
