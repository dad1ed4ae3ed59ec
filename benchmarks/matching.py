"""Matches at message time among 1,000,000 contacts: by equal keys, and a full look-up by likeness, against the same SQL by psycopg.

Exact: an email and a phone are read, normalised and looked up. Full: ``contacts.candidates.likely_same``, from reading the profile to
the explained suggestions. Eight clients at once, each a process. The bare figure is what the same statements take one after another
on the same connection; the ratio is that of the medians.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Channel
from accounts.opening import open_account
from accounts.scope import account_scope
from benchmarks.clients import at_once
from benchmarks.copying import copy_row
from benchmarks.pages import analyze
from contacts.block_keys import keys_of
from contacts.candidates import likely_same
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.deduplication.people import APELLIDOS, MEN, WOMEN
from contacts.deduplication.reading import read_all_told
from contacts.finding_matches import find_matches
from contacts.matching import recognise
from contacts.models import BlockKey, Identifier, Profile
from contacts.reading_claims import read_claim

PEOPLE = 1_000_000
CLIENTS = 8
GOAL = 3.0
P95 = {"exact": 10.0, "full": 25.0}
SLUG = "bench-matching"
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT_ONCE = 10_000
WRITE_KEYS = """
INSERT INTO contacts_blockkey (account_id, profile_id, hash) SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Figure:
    """Milliseconds of one kind of look-up and of its SQL alone."""

    kind: str
    ours: list[float]
    bare: list[float]
    found: float

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.bare)


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def seeded_account() -> Account:
    """The large account, made once and kept in the benchmark's own database."""
    from accounts.entrances import account_id_by_slug

    account_id = account_id_by_slug(SLUG)
    if account_id is None:
        account = open_account(name="Medición", slug=SLUG, unification_enabled=True)
        with account_scope(account):
            _make_people(account)
            analyze()
        return account
    with account_scope(account_id):
        last = Profile.objects.order_by("-pk").values_list("pk", flat=True).first()
        if not BlockKey.objects.filter(profile=last).exists():
            raise SystemExit("The benchmark's database is half made: remove var/engines/bench and run again.")
        return Account.objects.get(pk=account_id)


def _make_people(account: Account) -> None:
    channel = Channel.objects.create(kind="webchat", name="Medición")
    told = Claim((ClaimedIdentifier("email", "p0@ejemplo.cl"), ClaimedIdentifier("phone", "+56900000000")), {"name": "Ana Soto"})
    own = recognise(channel=channel, address=Address("visitor", "v0"), claim=told, occurred_at=AT).profile
    copy_row(
        own.contact,
        each=f"generate_series(1, {PEOPLE}) n",
        values={"born_at": "template.born_at + n * interval '1 s'", "quality_due": "false"},
    )
    people = f"(SELECT c.id FROM contacts_contact c WHERE c.account_id = {account.pk} AND c.id <> {own.contact_id}) c"
    # Of a few names many, of many names a few, as it is.
    drawn = " || ' ' || ".join(_drawn(names) for names in ([*WOMEN, *MEN], APELLIDOS, APELLIDOS))
    name = f"jsonb_build_object('name', {drawn})"
    copy_row(own, each=people, values={"contact_id": "c.id", "home_id": "c.id", "address": "'v' || c.id", "given": name})
    for kind, value in (("email", "'p' || p.id || '@ejemplo.cl'"), ("phone", "'+569' || lpad((p.id * 7919 % 100000000)::text, 8, '0')")):
        like = Identifier.objects.get(profile=own, kind=kind)
        profiles = f"(SELECT p.id FROM contacts_profile p WHERE p.account_id = {account.pk} AND p.id <> {own.pk}) p"
        copy_row(like, each=profiles, values={"profile_id": "p.id", **dict.fromkeys(("raw", "value", "key"), value)})
    ids = list(Profile.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        pairs = [(record.id, number) for record in read_all_told(ids[start : start + AT_ONCE]) for number in keys_of(record)]
        with connection.cursor() as cursor:
            cursor.execute(WRITE_KEYS, [account.pk, [pk for pk, _number in pairs], [number for _pk, number in pairs]])


def _drawn(names: list[str]) -> str:
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return f"(ARRAY[{listed}])[1 + floor(power(random(), 2) * {len(names)})::int]"


def client(*, seed: int, account_id: int, kind: str, times: int, first: int, last: int) -> list[tuple[float, float, int]]:
    """Milliseconds of each look-up, of its SQL, and how many it found. Runs in a process of its own."""
    draw = random.Random(seed)
    taken = []
    with account_scope(account_id):
        for number in range(times + 20):
            look_up = _look_up(kind, Profile.objects.get(pk=draw.randint(first, last)))
            # Once before, so that what it notes about crowded keys is noted.
            look_up()
            with CaptureQueriesContext(connection) as captured:
                look_up()
            statements = [query["sql"] for query in captured.captured_queries]
            turns: list[Callable[[], Any]] = [look_up, lambda statements=statements: _bare(account_id, statements)]  # type: ignore[misc]
            times_taken = {turn: _milliseconds(turn) for turn in (turns if number % 2 else reversed(turns))}
            found = look_up()
            # The first ones load the model and the catalogs.
            if number >= 20:
                taken.append((times_taken[turns[0]], times_taken[turns[1]], len(found)))
    return taken


def _look_up(kind: str, profile: Profile) -> Callable[[], Any]:
    if kind == "full":
        return lambda: likely_same(profile.pk)
    rows = Identifier.objects.filter(profile=profile)
    said = Claim(tuple(ClaimedIdentifier(row.kind, row.raw) for row in rows if row.kind != "visitor"), {})

    def exact() -> Any:
        record = read_claim(said, occurred_at=AT, region="CL")
        return find_matches([each for each in record.identifiers if each.unifies], not_profile=None).equal

    return exact


def _milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _bare(account_id: int, statements: list[str]) -> None:
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    cursor.execute("SELECT set_config('hilo.account', %s, false)", [str(account_id)])
    for statement in statements:
        cursor.execute(statement)
        cursor.fetchall()


def measure(kind: str, *, times: int = 100) -> Figure:
    """All clients' figures together."""
    account = seeded_account()
    with account_scope(account):
        ids = Profile.objects.order_by("pk").values_list("pk", flat=True)
        first, last = ids.first(), ids.last()
    done = at_once(client, clients=CLIENTS, account_id=account.pk, kind=kind, times=times, first=first, last=last)
    taken = [each for one in done for each in one]
    return Figure(
        kind, [ours for ours, _bare, _n in taken], [bare for _ours, bare, _n in taken], statistics.mean(n for *_times, n in taken)
    )


def report() -> None:
    """Print a line for each kind of look-up."""
    for kind in ("exact", "full"):
        figure = measure(kind)
        print(
            f"{kind} match among {PEOPLE:,}, {CLIENTS} clients: median {statistics.median(figure.ours):.1f} ms, p95 {p95(figure.ours):.1f} ms "
            f"(goal {P95[kind]:.0f}); bare psycopg median {statistics.median(figure.bare):.1f} ms, p95 {p95(figure.bare):.1f} ms; "
            f"ratio {figure.ratio:.1f}× (goal {GOAL:.0f}×); {figure.found:.2f} found on average"
        )
