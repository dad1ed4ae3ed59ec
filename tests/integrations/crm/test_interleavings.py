"""Whatever happens in whatever order, both sides end equal and nothing that somebody said is lost."""

import uuid
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings

from accounts.actors import SYSTEM
from accounts.models import Account
from contacts.correcting import correct_field
from integrations.syncing import echo
from integrations.syncing.connecting import connect
from integrations.syncing.rate_budget import Budget
from tests.integrations.crm.conftest import shop_settings
from tests.integrations.crm.interleaving import CLOCK, STEPS, Pair, Step
from tests.integrations.crm.others import BookSide, Other, TrytonSide
from tests.integrations.crm.peers import PASSWORD, Radicale, Tryton
from tests.integrations.crm.shop import running_shop
from tests.integrations.crm.steps import fill, person, settle_down, shown

# Each takes a second of a real server: some while people wait; in the deep profile a thousand, half of them with each system.
EXAMPLES = 8 if settings.default.max_examples < 100 else settings.default.max_examples // 2  # type: ignore[union-attr]
interleave = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch, loopback: None) -> None:
    """More calls than any server would take from one customer."""
    monkeypatch.setattr(Budget, "spend", lambda _self: None)


@pytest.mark.usefixtures("endless")
@interleave
@given(STEPS)
def test_random_interleavings_with_an_address_book(scoped: Account, radicale: Radicale, steps: list[Step]) -> None:
    with transaction.atomic():
        user = f"i{uuid.uuid4().hex[:10]}"
        reached = {"url": radicale.book(user), "user": user, "password": "x"}
        _interleave(BookSide(connect(kind="carddav", name="Libreta", settings=reached, by=SYSTEM), radicale), steps)
        transaction.set_rollback(True)


@pytest.mark.usefixtures("endless")
@interleave
# What only the record that a merge there takes away says goes with it, unless it is read first.
@example([("merged here",), ("email there", 1, 6), ("say",)], 0)
@given(STEPS, CLOCK)
def test_random_interleavings_with_tryton(scoped: Account, tryton_server: Tryton, steps: list[Step], clock: int) -> None:
    with transaction.atomic():
        tryton_server.empty()
        reached = {"url": tryton_server.url, "database": "crm", "user": "admin", "password": PASSWORD}
        connection = connect(kind="tryton", name="Tryton", settings=reached, by=SYSTEM)
        # Its passwords take long to check, on purpose: one session serves them all.
        connection.credentials = {**connection.credentials, "session": tryton_server.session}
        connection.save(update_fields=["credentials"])
        _interleave(TrytonSide(connection, tryton_server), steps, clock)
        transaction.set_rollback(True)


def _interleave(side: Other, steps: list[Step], clock: int = 0) -> None:
    pair = Pair.begin(side, clock=clock)
    for step in steps:
        pair.do(step)
    pair.end(steps)


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
