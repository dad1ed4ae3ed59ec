"""The gate's word on one message, and on 10,000 at once, among 200,000 points: against the same SQL by psycopg.

100,000 people with a phone and an email each, in five countries, with ledgers of every sort, preferences, service windows and
earlier messages. Promotions are asked about, since every row of the table looks at those. ``decide`` is given the point's
fingerprints; making them out of addresses is measured beside it.
"""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Channel
from accounts.opening import open_account
from accounts.scope import account_scope
from benchmarks.copying import copy_row
from benchmarks.pages import analyze
from consent.fingerprints import PointRef, point_of, point_ref
from consent.gate import Question, decide, decide_many, keep
from consent.ledger import record
from consent.models import ConsentEvent, ConsentState, ContactPoint, GatePolicy, Preference, ServiceWindow, Suppression
from consent.points import country_of, ensure_point
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.matching import recognise
from contacts.models import Identifier, Profile

PEOPLE = 100_000
SLUG = "bench-deciding"
CALLS, WARMING = 2_000, 50
MANY = 10_000
ROUNDS = 5
P99, ALL_OF_MANY = 10.0, 1.0
# A Tuesday morning in Santiago, whenever it is measured: laws and holidays are of their time.
AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SAID = AT - timedelta(days=200)
# Of a hundred points so many have the ledger of this name.
LEDGERS = {
    "granted": 50,
    "silent": 14,
    "withdrawn": 12,
    "stopped": 8,
    "claimed": 6,
    "asked": 4,
    "bounced": 3,
    "platform": 2,
    "regained": 1,
}
# Every twentieth number is of the last country; the first has most of them.
NUMBERS = ("+569{:08}", "+5255{:08}", "+54911{:08}", "+55119{:08}", "+346{:08}")
TEMPORARY = """
CREATE TEMP TABLE addressed (number int, profile_id bigint, kind text, lookup text, match text, country text, ledger text)
"""


@dataclass(frozen=True)
class Figure:
    """Milliseconds of each turn and of its SQL alone, and how many queries one turn took."""

    ours: list[float]
    bare: list[float]
    queries: int

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.bare)


def seeded_account() -> Account:
    """The large account, made once and kept in the benchmark's own database."""
    from accounts.entrances import account_id_by_slug

    account_id = account_id_by_slug(SLUG)
    if account_id is None:
        account = open_account(name="Medición", slug=SLUG, unification_enabled=True)
        with account_scope(account):
            _make_people(account)
            _make_ledgers(account)
        analyze()
        return account
    with account_scope(account_id):
        if not GatePolicy.objects.exists():
            raise SystemExit("The benchmark's database is half made: remove var/engines/bench and run again.")
        return Account.objects.get(pk=account_id)


def _number(n: int) -> str:
    place = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4)[n % 20]
    return NUMBERS[place].format(20_000_000 + n)


def _make_people(account: Account) -> None:
    channel = Channel.objects.create(kind="webchat", name="Medición")
    told = Claim((ClaimedIdentifier("email", "p0@ejemplo.cl"), ClaimedIdentifier("phone", _number(0))), {"name": "Ana Soto"})
    own = recognise(channel=channel, address=Address("visitor", "v0"), claim=told, occurred_at=SAID).profile
    copy_row(own.contact, each=f"generate_series(1, {PEOPLE}) n", values={"quality_due": "false"})
    people = f"(SELECT c.id FROM contacts_contact c WHERE c.account_id = {account.pk} AND c.id <> {own.contact_id}) c"
    copy_row(own, each=people, values={"contact_id": "c.id", "home_id": "c.id", "address": "'v' || c.id"})
    like = {row.kind: row for row in Identifier.objects.filter(profile=own, kind__in=("email", "phone"))}
    profiles = Profile.objects.exclude(pk=own.pk).order_by("pk").values_list("pk", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(TEMPORARY)
        cursor.execute("CREATE TEMP TABLE spelled (profile_id bigint, kind text, value text)")
        ledgers = [name for name, share in LEDGERS.items() for _each in range(share)]
        draw = random.Random(1)
        written = []
        for number, profile_id in enumerate(profiles, start=1):
            for kind, value in (("phone", _number(number)), ("email", f"p{number}@ejemplo.cl")):
                ref = point_ref(kind=kind, value=value)
                written.append((value, (number, profile_id, kind, ref.lookup, ref.match, country_of(ref), draw.choice(ledgers))))
        with cursor.copy("COPY addressed FROM STDIN") as copy:
            for _value, row in written:
                copy.write_row(row)
        with cursor.copy("COPY spelled FROM STDIN") as copy:
            for value, (_n, profile_id, kind, *_rest) in written:
                copy.write_row((profile_id, kind, value))
    for kind, row in like.items():
        spelled = f"(SELECT * FROM spelled WHERE kind = '{kind}') s"
        copy_row(row, each=spelled, values={"profile_id": "s.profile_id", **dict.fromkeys(("raw", "value", "key"), "s.value")})
    point = ensure_point(point_of(like["phone"]))
    copy_row(
        point,
        each="addressed a",
        values={"kind": "a.kind", "lookup_hmac": "a.lookup", "match_hmac": "a.match", "country": "a.country"},
    )


def _make_ledgers(account: Account) -> None:
    """One ledger of each sort is written by the product, and copied; so are a window, a preference and a decision."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE pointed AS SELECT a.*, p.id AS point_id FROM addressed a "
            f"JOIN consent_contactpoint p ON p.account_id = {account.pk} AND p.lookup_hmac = a.lookup"
        )
    webchat = Channel.objects.get()
    whatsapp = Channel.objects.create(kind="whatsapp", name="WhatsApp", settings={"phone_number_id": "1"})
    for name in LEDGERS:
        claim = Claim((ClaimedIdentifier("email", f"{name}@ejemplo.cl"),), {"name": name})
        profile = recognise(channel=webchat, address=Address("visitor", name), claim=claim, occurred_at=SAID).profile
        ref = point_ref(kind="email", value=f"{name}@ejemplo.cl")
        _say(name, profile, ref)
        each = f"(SELECT * FROM pointed WHERE ledger = '{name}') a"
        mine = {"point_id": "a.point_id", "profile_id": "a.profile_id"}
        point = ContactPoint.objects.filter(lookup_hmac=ref.lookup)
        for event in ConsentEvent.objects.filter(point__in=point):
            copy_row(event, each=each, values={**mine, "idempotency_key": f"md5(a.lookup || '{event.pk}')"})
        for state in ConsentState.objects.filter(point__in=point):
            copy_row(state, each=each, values=mine)
        for listed in Suppression.objects.filter(hmac__in=[each.hmac for each in ref.everything]):
            copy_row(listed, each=each, values={"kind": "a.kind", "hmac": "a.lookup" if listed.form == "value" else "a.match"})
    granted = point_ref(kind="email", value="granted@ejemplo.cl")
    profile = Profile.objects.get(identifiers__value="granted@ejemplo.cl")
    window = ServiceWindow.objects.create(point=ensure_point(granted), channel=whatsapp, last_inbound_at=AT - timedelta(hours=30))
    copy_row(window, each="(SELECT * FROM pointed WHERE kind = 'phone' AND number % 3 = 0) a", values={"point_id": "a.point_id"})
    wish = Preference.objects.create(profile=profile, timezone="America/Santiago", cap_count=3, cap_days=7, updated_at=SAID)
    wishing = "(SELECT * FROM pointed WHERE kind = 'phone' AND number % 10 = 0) a"
    pause = f"CASE WHEN a.number % 100 = 0 THEN timestamptz '{(AT + timedelta(days=3)).isoformat()}' END"
    copy_row(wish, each=wishing, values={"profile_id": "a.profile_id", "paused_until": pause})
    sent = keep(decide_many([_question(granted, profile.pk, "email", subject="message:1")])[0], stage="leaving")
    # Two earlier messages in three months to every second point, three more in this week to every twentieth.
    earlier = "(SELECT a.*, d.day FROM pointed a, (VALUES (1), (2), (3), (20), (50)) d (day) WHERE a.number % 2 = 0 AND (d.day > 7 OR a.number % 20 = 0)) a"
    copy_row(
        sent,
        each=earlier,
        values={
            "point_id": "a.point_id",
            "profile_id": "a.profile_id",
            "counts": "true",
            "verdict": "'allow'",
            "subject": "'message:' || a.point_id || '-' || a.day",
            "at": f"timestamptz '{AT.isoformat()}' - a.day * interval '1 day'",
        },
    )
    GatePolicy.objects.update_or_create(defaults={"postal_address": "Av. Siempre Viva 742, Santiago"})


def _say(name: str, profile: Profile, ref: PointRef) -> None:
    def said(action: Action, *, origin: Origin = Origin.CONFIRMATION, days: int = 0, **fields: Any) -> None:
        at = SAID + timedelta(days=days)
        record(ref=ref, action=action, origin=origin, occurred_at=at, key=f"{name}-{action}-{days}", profile=profile, **fields)

    proven: dict[str, Any] = {"purpose": "marketing", "possession_proven": True}
    match name:
        case "granted":
            said(Action.GRANT, **proven)
        case "withdrawn":
            said(Action.GRANT, **proven)
            said(Action.WITHDRAW, days=50, **proven)
        case "stopped":
            said(Action.WITHDRAW, possession_proven=True)
        case "claimed":
            said(Action.GRANT, origin=Origin.IMPORT, purpose="marketing")
        case "asked":
            said(Action.REQUEST, purpose="marketing")
        case "platform":
            said(Action.GRANT, **proven)
            said(Action.PLATFORM_STOP, origin=Origin.PLATFORM, days=20, channel="whatsapp")
        case "regained":
            for days in (0, 20, 40):
                said(Action.GRANT, days=days, **proven)
                said(Action.WITHDRAW, days=days + 10, **proven)
            said(Action.GRANT, days=60, **proven)
        case "bounced":
            said(Action.GRANT, **proven)
            reason = SuppressionReason.HARD_BOUNCE
            suppress(ref=ref, reason=reason, at=SAID, key=name, origin=Origin.BOUNCE, scope="", profile=profile)
        case _:
            ensure_point(ref)


def _question(ref: PointRef, profile_id: int, channel: str, *, subject: str = "") -> Question:
    template, mail = ("marketing", False) if channel == "whatsapp" else ("", True)
    asked = {"template": template, "is_bulk": True, "has_unsubscribe": mail, "subject": subject}
    return Question(ref=ref, profile_id=profile_id, channel=channel, purpose="marketing", at=AT, **asked)  # type: ignore[arg-type]


def _questions(draw: random.Random, count: int) -> tuple[list[Question], float]:
    """About so many different points, drawn at random, and the milliseconds that their fingerprints took."""
    rows = Identifier.objects.filter(kind__in=("email", "phone")).order_by("pk")
    drawn = draw.sample(list(rows.values_list("pk", flat=True)), count)
    found = list(Identifier.objects.filter(pk__in=drawn))
    draw.shuffle(found)
    refs: list[PointRef] = []
    taken = _milliseconds(lambda: refs.extend(map(point_of, found)))
    channels = {"phone": "whatsapp", "email": "email"}
    return [_question(ref, each.profile_id, channels[each.kind]) for ref, each in zip(refs, found, strict=True)], taken


def _alone(question: Question) -> Any:
    return decide(
        point=question.ref,
        profile_id=question.profile_id,
        channel=question.channel,
        purpose=question.purpose,
        at=question.at,
        template=question.template,
        is_bulk=question.is_bulk,
        has_unsubscribe=question.has_unsubscribe,
    )


def _compare(account: Account, works: list[Callable[[], Any]], *, warming: int) -> Figure:
    """Each piece of work and its SQL in turns, whichever is first; the first ones load models and rules."""
    ours, bare, queries = [], [], 0
    for number, work in enumerate(works):
        with CaptureQueriesContext(connection) as captured:
            work()
        statements = [query["sql"] for query in captured.captured_queries]
        queries = max(queries, len(statements))

        def by_psycopg(statements: list[str] = statements) -> None:
            _bare(account.pk, statements)

        turns = (work, by_psycopg) if number % 2 else (by_psycopg, work)
        times = {turn: _milliseconds(turn) for turn in turns}
        if number >= warming:
            ours.append(times[work])
            bare.append(times[by_psycopg])
    return Figure(ours, bare, queries)


def _milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _bare(account_id: int, statements: list[str]) -> None:
    cursor = connection.connection.cursor()
    cursor.execute("SELECT set_config('hilo.account', %s, false)", [str(account_id)])
    for statement in statements:
        cursor.execute(statement)
        cursor.fetchall()


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


def report() -> None:
    """Print a line for one message and a line for many."""
    account = seeded_account()
    points = 2 * PEOPLE
    with account_scope(account):
        draw = random.Random(2)
        asked, _taken = _questions(draw, CALLS + WARMING)
        single = _compare(account, [lambda each=each: _alone(each) for each in asked], warming=WARMING)  # type: ignore[misc]
        print(
            f"decide among {points:,} points, {len(single.ours):,} calls: p50 {statistics.median(single.ours):.1f} ms, "
            f"p99 {p99(single.ours):.1f} ms (goal {P99:.0f}); bare psycopg p50 {statistics.median(single.bare):.1f} ms, "
            f"p99 {p99(single.bare):.1f} ms; ratio {single.ratio:.1f}×; {single.queries} queries",
            flush=True,
        )
        many, taken = _questions(draw, MANY)
        verdicts = Counter(str(ruling.verdict) for ruling in decide_many(many))
        together = _compare(account, [lambda: decide_many(many)] * (ROUNDS + 1), warming=1)
    print(
        f"decide_many of {MANY:,} points: median {statistics.median(together.ours) / 1000:.2f} s, slowest {max(together.ours) / 1000:.2f} s "
        f"of {ROUNDS} (goal {ALL_OF_MANY:.0f}); bare psycopg {statistics.median(together.bare) / 1000:.2f} s; ratio {together.ratio:.1f}×; "
        f"{together.queries} queries; fingerprints of their addresses {taken / 1000:.2f} s; {dict(verdicts)}"
    )
