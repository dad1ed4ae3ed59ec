"""Whatever happens in whatever order, both sides end equal and nothing that somebody said is lost."""

import uuid
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import SYSTEM
from accounts.models import Account
from contacts.correcting import add_identifier, correct_field
from contacts.ending_identifiers import end_identifier
from contacts.models import Contact, Identifier
from integrations.models import Conflict, Connection, DeadLetter
from integrations.syncing import echo
from integrations.syncing.connecting import connect
from tests.integrations.crm.conftest import shop_settings
from tests.integrations.crm.others import BookSide
from tests.integrations.crm.peers import Radicale
from tests.integrations.crm.shop import running_shop
from tests.integrations.crm.steps import fill, hear, person, say, settle_down, shown

# Each takes a second of a real server: a dozen while people wait, all of the deep profile's.
EXAMPLES = 12 if settings.default.max_examples < 100 else settings.default.max_examples  # type: ignore[union-attr]
CITIES = st.sampled_from(["Quito", "Lima", "Loja", "Cusco"])
NAMES = st.sampled_from(["Ana", "Ana Soto", "Ana María"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("city here"), CITIES),
        st.tuples(st.just("city there"), CITIES),
        st.tuples(st.just("name there"), NAMES),
        st.tuples(st.just("name here"), NAMES),
        st.tuples(st.just("email here"), st.integers(1, 4)),
        st.tuples(st.just("email there"), st.integers(5, 8)),
        st.tuples(st.just("email ends here"), st.integers(1, 8)),
        st.tuples(st.just("hear"), st.none()),
        st.tuples(st.just("say"), st.none()),
    ),
    min_size=3,
    max_size=10,
)


@pytest.mark.usefixtures("loopback")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES)
@given(STEPS)
def test_random_interleavings_end_equal_with_nothing_lost(scoped: Account, radicale: Radicale, steps: list[tuple[str, Any]]) -> None:
    with transaction.atomic():
        _interleave(radicale, steps)
        transaction.set_rollback(True)


def _interleave(radicale: Radicale, steps: list[tuple[str, Any]]) -> None:
    user = f"i{uuid.uuid4().hex[:10]}"
    connection = connect(kind="carddav", name="Libreta", settings={"url": radicale.book(user), "user": user, "password": "x"}, by=SYSTEM)
    side = BookSide(connection, radicale)
    external_id = side.add("Ana", email="ana@example.org", city="Quito")
    fill(connection)
    ana = person(connection, external_id)
    emails = {"ana@example.org"}
    said: dict[str, set[str]] = {"city": {"Quito"}, "name": {"Ana"}}
    for step, value in steps:
        emails = _do(step, value, connection, side, external_id, ana, emails)
        field, _space, _where = step.partition(" ")
        if field in said:
            said[field].add(value)
    settle_down(connection)
    here, there = shown(ana), side.values(external_id)
    assert here == there
    assert here["emails"] == sorted(emails), "every address that came is on both sides, every one that went is on neither"
    assert here["city"] in said["city"]
    assert here["name"] in said["name"]
    assert not DeadLetter.scoped().exists()
    assert not Conflict.scoped().exists()


def _do(step: str, value: Any, connection: Connection, side: BookSide, external_id: str, ana: Contact, emails: set[str]) -> set[str]:
    address = f"e{value}@example.org"
    match step:
        case "city here" | "name here":
            correct_field(contact=ana, field=step.split()[0], value=value, by=SYSTEM)
        case "city there" | "name there":
            side.change(external_id, **{step.split()[0]: value})
        case "email here":
            if address in emails or Identifier.scoped().filter(value=address).exists():
                return emails
            add_identifier(contact=ana, kind="email", value=address, by=SYSTEM)
            return emails | {address}
        case "email there":
            known = side.values(external_id)["emails"]
            if address in known or address in emails:
                return emails
            side.change(external_id, emails=[*known, address])
            return emails | {address}
        case "email ends here":
            row = Identifier.scoped().filter(value=address, valid_to=None, profile__contact=ana.pk).first()
            if row is None:
                return emails
            end_identifier(identifier=row, by=SYSTEM)
            return emails - {address}
        case "hear":
            hear(connection)
        case "say":
            say(connection)
    return emails


def _two_shops_that_insist(scoped: Account) -> tuple[int, bool]:
    """One system writes names in capitals, the other in small letters. How often they were written to, and whether it came to rest."""
    with running_shop(makes=str.upper) as loud, running_shop(makes=str.lower) as quiet:
        connections = []
        for shop in (loud, quiet):
            external_id = shop.add(name="ana", email="ana@example.org")
            connection = connect(kind="rest", name="Tienda", settings=shop_settings(shop), by=SYSTEM)
            fill(connection)
            connections.append(connection)
        ana = person(connections[0], external_id)
        assert person(connections[1], external_id) == ana
        correct_field(contact=ana, field="name", value="Ana Soto", by=SYSTEM)
        try:
            settle_down(*connections, rounds=8)
        except AssertionError:
            return loud.writes + quiet.writes, False
        assert (loud.rows["1"]["name"], quiet.rows["1"]["name"], shown(ana)["name"]) == ("ANA SOTO", "ana soto", "Ana Soto")
        return loud.writes + quiet.writes, True


@pytest.mark.usefixtures("loopback")
def test_our_own_writes_are_not_taken_for_changes_there(scoped: Account) -> None:
    assert _two_shops_that_insist(scoped) == (2, True)


@pytest.mark.usefixtures("loopback")
def test_without_that_it_would_go_round_for_ever(scoped: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suppression switched off: what comes back is compared with what we sent, and nothing remembers that it was ours."""

    def forgets(record: Any, *, sent: Any, **_rest: Any) -> None:
        record.base |= {name: {"ours": value, "theirs": value} for name, value in sent.items()}
        record.save(update_fields=["base"])

    monkeypatch.setattr(echo, "note_own_write", forgets)
    writes, rests = _two_shops_that_insist(scoped)
    assert not rests
    assert writes >= 8
