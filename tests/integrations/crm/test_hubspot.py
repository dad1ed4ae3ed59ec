"""HubSpot: the cap and the lag of its search, its limits, its merges, and addresses that only one contact may have."""

import copy
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings

from accounts.actors import SYSTEM
from accounts.models import Account
from contacts.correcting import add_identifier, correct_field
from contacts.ending_identifiers import end_identifier
from contacts.erasing import erase
from contacts.merging import merge, unmerge
from contacts.models import Contact, Identifier, MergeEvent
from integrations.crm.contract import Permanent, RemoteRecord, Retry, Several
from integrations.crm.hubspot.contacts import properties_of
from integrations.crm.wire import Wire
from integrations.models import Connection, DeadLetter, ExternalRecord, SyncOutbox
from integrations.syncing import echo
from integrations.syncing.connecting import check, connect
from integrations.syncing.dead_letters import ask_again
from integrations.syncing.opening import open_desk
from integrations.syncing.rate_budget import Budget
from tests.conftest import make_channel
from tests.contacts.stories import writes
from tests.integrations.crm.hubspot_server import PORTAL, SECRET, TOKEN, HubSpotAccount, running_hubspot
from tests.integrations.crm.interleaving import STEPS, Pair, Step
from tests.integrations.crm.others import HubSpotSide
from tests.integrations.crm.steps import fill, hear, person, record_of, say, settle_down, shown
from tests.integrations.crm.test_conformance import with_wire
from tests.integrations.crm.test_in_step import _end_silence

# Each takes seconds: a few while people wait.
EXAMPLES = 5 if settings.default.max_examples < 100 else settings.default.max_examples // 4  # type: ignore[union-attr]
PATCHES = "PATCH /crm/v3/objects/contacts"


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch, loopback: None) -> None:
    """More calls than HubSpot would take."""
    monkeypatch.setattr(Budget, "spend", lambda _self: None)


@pytest.fixture
def side(to_hubspot: Connection, hubspot: HubSpotAccount) -> HubSpotSide:
    return HubSpotSide(to_hubspot, hubspot)


def pages(side: HubSpotSide, cursor: str) -> tuple[list[RemoteRecord], str]:
    """Every record of every page, with those that come twice, and the cursor behind them."""
    connector, found = open_desk(side.connection).connector, []
    for _page in range(60):
        page = connector.changes(cursor)
        found += page.records
        cursor = page.cursor
        if not page.has_more:
            return found, cursor
    raise AssertionError("The pages never end")


def now_there() -> int:
    return int(time.time() * 1000)


@pytest.mark.usefixtures("endless")
class TestChanges:
    @pytest.fixture(autouse=True)
    def small_pages(self, side: HubSpotSide, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("integrations.crm.hubspot.connector.PAGE", 3)
        side.peer.cap = 7

    def test_more_than_one_search_gives_are_all_found(self, side: HubSpotSide) -> None:
        ids = [side.add(f"Persona {number}") for number in range(20)]
        found, cursor = pages(side, "")
        assert [each.external_id for each in found] == ids
        # Eleven in one bulk update, at the very same moment; the others one after the other, before and after it.
        for each in ids[:4]:
            side.change(each, city="Quito")
        at = now_there() + 50
        for each in ids[4:15]:
            side.peer.change(each, at=at, city="Quito")
        for number, each in enumerate(ids[15:]):
            side.peer.change(each, at=at + number // 2 + 1, city="Quito")
        changed, later = pages(side, cursor)
        assert [each.external_id for each in changed] == ids, "each once, in the order of time"
        assert {each.values["city"] for each in changed} == {"Quito"}
        assert json.loads(later)["since"] >= json.loads(cursor)["since"]

    def test_who_changes_while_it_pages_is_not_lost_and_moves_nobody(self, side: HubSpotSide) -> None:
        ids = [side.add(f"Persona {number}") for number in range(9)]
        _found, cursor = pages(side, "")
        connector, seen = open_desk(side.connection).connector, {}
        for number in range(9):
            page = connector.changes(cursor)
            seen |= {each.external_id: each.values["city"] for each in page.records}
            cursor = page.cursor
            if not page.has_more:
                break
            if number < 3:
                side.change(ids[number * 2], city="Lima")
        assert {each: seen[each] for each in ids} == {each: "Lima" if each in (ids[0], ids[2], ids[4]) else None for each in ids}

    def test_an_index_that_lags_loses_nothing(self, side: HubSpotSide) -> None:
        assert self._hears_the_late_one(side) == "Quito"

    def test_without_reaching_back_it_would(self, side: HubSpotSide, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("integrations.crm.hubspot.connector.OVERLAP", timedelta())
        assert self._hears_the_late_one(side) is None

    def _hears_the_late_one(self, side: HubSpotSide) -> str | None:
        late, quick = (side.peer.add(at=now_there() - 600_000, firstname=name) for name in ("Ana", "Eva"))
        side.peer.lag()
        fill(side.connection)
        side.peer.change(late, at=now_there() - 60_000, city="Quito")
        side.change(quick, city="Lima")
        assert side.peer.lagging is not None
        side.peer.lagging[quick] = copy.deepcopy(side.peer.rows[quick])
        hear(side.connection)
        assert [shown(person(side.connection, each))["city"] for each in (late, quick)] == [None, "Lima"]
        side.peer.lagging = None
        hear(side.connection)
        return shown(person(side.connection, late))["city"]

    def test_an_older_state_in_the_index_is_not_believed(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        side.change(external_id, city="Loja")
        side.peer.lag()
        side.change(external_id, city="Lima")
        hear(side.connection)
        assert shown(person(side.connection, external_id))["city"] == "Lima"


class TestLimits:
    @pytest.mark.parametrize(
        ("policy", "given", "wait"), [("TEN_SECONDLY_ROLLING", "", 10), ("TEN_SECONDLY_ROLLING", "4", 4), ("DAILY", "", 3600)]
    )
    def test_a_limit_in_the_middle_is_waited_for_and_nothing_is_lost(
        self, side: HubSpotSide, monkeypatch: pytest.MonkeyPatch, policy: str, given: str, wait: float
    ) -> None:
        monkeypatch.setattr("integrations.crm.hubspot.connector.PAGE", 2)
        ids = [side.add(f"Persona {number}") for number in range(5)]
        fill(side.connection)
        for each in ids:
            side.change(each, city="Quito")
        side.peer.busy, side.peer.busy_in = [(policy, given)], 3
        hear(side.connection)
        waiting = Connection.scoped().get()
        assert waiting.problem.endswith(policy)
        assert wait - 2 < (waiting.next_pull_at - timezone.now()).total_seconds() <= wait
        assert {shown(person(side.connection, each))["city"] for each in ids} == {"Quito", None}, "some before it"
        with pytest.raises(Retry):
            open_desk(side.connection).connector.check()
        _end_silence()
        hear(side.connection)
        assert {shown(person(side.connection, each))["city"] for each in ids} == {"Quito"}
        assert Connection.scoped().get().state == "working"

    def test_a_sign_in_that_ends_in_the_middle_is_renewed_once(self, side: HubSpotSide, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("integrations.crm.hubspot.connector.PAGE", 2)
        sign_in = side.peer.sign_in
        app = {"token": "", "client_id": sign_in.client_id, "client_secret": sign_in.client_secret}
        Connection.scoped().update(
            settings={**side.connection.settings, "client_id": sign_in.client_id},
            credentials={**side.connection.credentials, **app, **sign_in.grant()},
        )
        side.connection.refresh_from_db()
        ids = [side.add(f"Persona {number}") for number in range(5)]
        answer = side.peer.answer

        def ends(method: str, url: str, *rest: Any) -> Any:
            if len(side.peer.calls) == 3:
                sign_in.expire()
            return answer(method, url, *rest)

        monkeypatch.setattr(side.peer, "answer", ends)
        assert fill(side.connection).state == "done"
        assert {person(side.connection, each).name for each in ids} == {f"Persona {number}" for number in range(5)}
        assert [each["grant_type"] for each in sign_in.asked] == ["refresh_token"]
        # Withdrawn there, somebody has to sign in again; until then nothing moves.
        sign_in.revoke()
        hear(side.connection)
        assert Connection.scoped().get().state == "misconfigured"

    def test_what_is_wrong_is_said_without_anybodys_data(self, side: HubSpotSide, hubspot: HubSpotAccount) -> None:
        external_id = side.add("Ana")
        connector = open_desk(side.connection).connector
        with pytest.raises(Permanent) as refused:
            connector.write(external_id, {"emails": Several(add=("no-es-correo",))}, expected="")
        assert str(refused.value) == "PATCH 400 VALIDATION_ERROR INVALID_EMAIL email"
        hubspot.tokens = {"otra"}
        assert check(connection=side.connection, by=SYSTEM) == ["GET 401 EXPIRED_AUTHENTICATION"]

    def test_the_token_of_another_account_is_noticed(self, side: HubSpotSide) -> None:
        Connection.scoped().update(settings={**side.connection.settings, "portal": "1"})
        side.connection.refresh_from_db()
        assert check(connection=side.connection, by=SYSTEM) == [f"The token belongs to the account {PORTAL}"]

    def test_only_what_the_mapping_names_is_asked_for_and_the_rest_is_described(self, side: HubSpotSide) -> None:
        assert check(connection=side.connection, by=SYSTEM) == []
        described = {each.name: each for each in open_desk(side.connection).connector.describe()}
        assert (described["jobtitle"].is_writable, described["createdate"].is_writable) == (True, False)
        external_id = side.add("Ana")
        found = open_desk(side.connection).connector.read(external_id)
        assert found is not None
        assert "jobtitle" not in found.values
        side.connection.mappings.filter(ours="company").update(remote="jobtitle")
        found = open_desk(side.connection).connector.read(external_id)
        assert found is not None
        assert "jobtitle" in found.values
        assert "company" not in found.values


@pytest.mark.usefixtures("endless")
class TestWriting:
    def test_who_writes_something_else_in_the_last_moment_keeps_it(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        known = record_of(side.connection, external_id).version

        class Between(Wire):
            def call(self, method: str, url: str, **options: Any) -> Any:
                if method == "PATCH":
                    side.change(external_id, name="Eva")
                return super().call(method, url, **options)

        after = with_wire(side, Between()).write(external_id, {"city": "Lima"}, expected=known)
        assert side.values(external_id) == {"name": "Eva", "city": "Lima", "emails": []}
        assert after.values["name"] == "Eva"

    def test_addresses_come_go_and_change_places(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana", email="ana@example.org")
        fill(side.connection)
        ana = person(side.connection, external_id)
        for each in ("dos@example.org", "tres@example.org"):
            add_identifier(contact=ana, kind="email", value=each, by=SYSTEM)
        settle_down(side.connection)
        assert side.peer.values(external_id)["email"] == "ana@example.org"
        assert side.values(external_id)["emails"] == ["ana@example.org", "dos@example.org", "tres@example.org"]
        for gone, left in (("ana@example.org", ["dos@example.org", "tres@example.org"]), ("tres@example.org", ["dos@example.org"])):
            end_identifier(identifier=Identifier.scoped().get(value=gone, valid_to=None, profile__contact=ana.pk), by=SYSTEM)
            settle_down(side.connection)
            assert side.values(external_id)["emails"] == left == shown(ana)["emails"]
        assert side.peer.values(external_id)["email"] == "dos@example.org"

    def test_a_name_keeps_the_last_name_that_it_ends_with(self) -> None:
        row = {"properties": {"firstname": "Ana", "lastname": "de la Torre"}}
        assert properties_of(row, {"name": "Ana María de la Torre"}) == {"firstname": "Ana María"}
        assert properties_of(row, {"name": "Eva Soto Paz"}) == {"firstname": "Eva", "lastname": "Soto Paz"}
        assert properties_of(row, {"name": None}) == {"firstname": "", "lastname": ""}

    def test_numbers_stay_in_their_place_and_a_third_finds_none(self) -> None:
        row = {"properties": {"phone": "+593 2 123", "mobilephone": None}}
        assert properties_of(row, {"phones": Several(add=("+5939991", "+5939992"))}) == {"mobilephone": "+5939991"}
        assert properties_of(row, {"phones": Several(add=("+5939991",), remove=("+593 2 123",))}) == {"phone": "+5939991"}

    def test_a_lost_answer_makes_no_second_contact(self, side: HubSpotSide, scoped: Account) -> None:
        fill(side.connection)
        Connection.scoped().update(creates_there=True)
        side.peer.forgets_answers = 1
        contact = writes(make_channel(scoped, "email"), "ana@example.org", name="Ana").contact
        say()
        assert SyncOutbox.scoped().count() == 1
        settle_down(side.connection)
        assert len(side.peer.rows) == 1
        assert person(side.connection, next(iter(side.peer.rows))) == contact

    def test_who_is_there_already_is_linked_instead(self, side: HubSpotSide, scoped: Account) -> None:
        fill(side.connection)
        Connection.scoped().update(creates_there=True)
        contact = writes(make_channel(scoped, "email"), "ana@example.org", name="Ana").contact
        external_id = side.add("Ana Soto", email="ana@example.org", city="Quito")
        say()
        assert person(side.connection, external_id) == contact
        assert shown(contact)["city"] == "Quito"
        assert settle_down(side.connection) <= 2
        assert len(side.peer.rows) == 1
        assert not DeadLetter.scoped().exists()

    def test_our_erasure_is_the_one_of_a_persons_right_there(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana", email="ana@example.org")
        fill(side.connection)
        erase(profiles=[record_of(side.connection, external_id).profile], by=SYSTEM)
        say()
        assert side.peer.erased == [external_id]
        assert side.peer.rows == {}
        assert hear(side.connection) is not None
        assert Contact.scoped().filter(is_erased=False).count() == 0


@pytest.mark.usefixtures("endless")
class TestMerges:
    @pytest.fixture
    def two(self, side: HubSpotSide) -> tuple[str, str]:
        one, two = side.add("Ana", email="ana@example.org", city="Quito"), side.add("Ana Soto", email="soto@example.org")
        fill(side.connection)
        return one, two

    def test_one_there_is_one_here_and_both_ids_lead_to_the_third(self, side: HubSpotSide, two: tuple[str, str]) -> None:
        third = side.peer.merge(*two)
        hear(side.connection)
        ana = person(side.connection, third)
        assert [person(side.connection, each) for each in two] == [ana, ana]
        assert [record_of(side.connection, each).state for each in (*two, third)] == ["merged", "merged", "live"]
        assert shown(ana) == {"name": "Ana", "city": "Quito", "emails": ["ana@example.org", "soto@example.org"]}
        assert MergeEvent.scoped().count() == 1
        assert settle_down(side.connection) <= 2
        assert MergeEvent.scoped().count() == 1
        # A merge of merges: every id that ever was leads to the last.
        fourth = side.peer.merge(side.add("Ana S.", email="tres@example.org"), third)
        hear(side.connection)
        assert {person(side.connection, each).pk for each in (*two, third)} == {person(side.connection, fourth).pk}
        assert settle_down(side.connection) <= 2

    def test_one_there_of_people_without_an_address_is_one_here(self, side: HubSpotSide) -> None:
        two = side.add("Ana"), side.add("Ana Soto")
        fill(side.connection)
        third = side.peer.merge(*two)
        hear(side.connection)
        assert len({person(side.connection, each).pk for each in (*two, third)}) == 1
        assert set(MergeEvent.scoped().values_list("cause", "actor_name")) == {("crm", "HubSpot")}

    def test_ours_is_one_there_and_after_it_is_taken_back_each_rests(self, side: HubSpotSide, two: tuple[str, str]) -> None:
        Connection.scoped().update(merges_there=True, creates_there=True)
        profiles = [record_of(side.connection, each).profile for each in two]
        merge(contacts=[person(side.connection, each) for each in two], by=SYSTEM)
        settle_down(side.connection)
        assert len(side.peer.rows) == 1
        third = next(iter(side.peer.rows))
        assert side.values(third)["emails"] == ["ana@example.org", "soto@example.org"]
        assert not DeadLetter.scoped().exists()

        # HubSpot cannot take it back: the contact there stays with one of the two, with both addresses.
        unmerge(contact=person(side.connection, third), profiles=[profiles[1]], by=SYSTEM)
        settle_down(side.connection)
        profiles[1].refresh_from_db()
        first, second = person(side.connection, third), Contact.scoped().get(pk=profiles[1].contact_id)
        assert first != second
        assert len(side.peer.rows) == 1
        # The other one is shown as having no record there, with the reason, and nobody asks again and again.
        letter = DeadLetter.scoped().get()
        assert (letter.profile, letter.direction, letter.attempts) == (profiles[1], "out", 1)
        assert third in letter.error
        assert settle_down(side.connection) == 1
        assert (DeadLetter.scoped().get().attempts, MergeEvent.scoped().filter(kind="merge").count()) == (1, 1)
        # Once the address is taken from the wrong one, the other becomes a contact there.
        for each in Identifier.scoped().filter(value="soto@example.org", valid_to=None, profile__contact=first.pk):
            end_identifier(identifier=each, by=SYSTEM)
        settle_down(side.connection)
        ask_again(letter=letter, by=SYSTEM)
        settle_down(side.connection)
        assert not DeadLetter.scoped().exists()
        correct_field(contact=second, field="city", value="Loja", by=SYSTEM)
        settle_down(side.connection)
        assert side.values(third)["emails"] == ["ana@example.org"]
        fresh = ExternalRecord.scoped().get(profile__contact=second.pk, state="live")
        assert side.values(fresh.external_id) == {"name": "Ana Soto", "city": "Loja", "emails": ["soto@example.org"]}
        assert MergeEvent.scoped().filter(cause="crm").count() <= 1

    @pytest.mark.parametrize("first", [0, 1])
    def test_a_change_here_that_was_not_said_before_the_merge_goes_to_the_third(
        self, side: HubSpotSide, two: tuple[str, str], first: int
    ) -> None:
        Connection.scoped().update(merges_there=True)
        correct_field(contact=person(side.connection, two[first]), field="city", value="Lima", by=SYSTEM)
        merge(contacts=[person(side.connection, each) for each in two], by=SYSTEM)
        correct_field(contact=person(side.connection, two[0]), field="city", value="Loja", by=SYSTEM)

        third = side.peer.merge(*two)
        settle_down(side.connection)

        assert shown(person(side.connection, third))["city"] == "Loja"
        assert side.values(third)["city"] == "Loja"
        assert not DeadLetter.scoped().exists()

    def test_where_ours_is_not_to_be_one_there_each_contact_keeps_its_address(self, side: HubSpotSide, two: tuple[str, str]) -> None:
        merge(contacts=[person(side.connection, each) for each in two], by=SYSTEM)
        correct_field(contact=person(side.connection, two[0]), field="city", value="Lima", by=SYSTEM)
        settle_down(side.connection)
        assert [side.values(each)["emails"] for each in two] == [["ana@example.org"], ["soto@example.org"]]
        assert [side.values(each)["city"] for each in two] == ["Lima", "Lima"]
        assert not DeadLetter.scoped().exists()

    def test_an_address_of_somebody_else_there_is_put_aside(self, side: HubSpotSide) -> None:
        external_id = side.add("Ana")
        fill(side.connection)
        side.add("Eva", email="eva@example.org")
        add_identifier(contact=person(side.connection, external_id), kind="email", value="eva@example.org", by=SYSTEM)
        say()
        assert DeadLetter.scoped().get().error == "Otro registro tiene allá esta dirección."
        assert SyncOutbox.scoped().count() == 0


@pytest.mark.usefixtures("endless")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES)
@given(STEPS)
def test_random_interleavings_end_equal_with_nothing_lost(scoped: Account, steps: list[Step]) -> None:
    with transaction.atomic(), running_hubspot() as account:
        reached = {"url": account.url, "portal": PORTAL, "token": TOKEN, "client_secret": SECRET}
        side = HubSpotSide(connect(kind="hubspot", name="HubSpot", settings=reached, by=SYSTEM), account)
        pair = Pair.begin(side)
        for step in steps:
            # Nobody can separate two contacts there again.
            if step[0] != "unmerged here":
                pair.do(step)
        pair.end(steps)
        transaction.set_rollback(True)


def _two_accounts_that_insist(scoped: Account) -> tuple[int, bool]:
    """One account writes names in capitals, the other in small letters. How often we wrote, and whether it came to rest."""
    with running_hubspot(makes=str.upper) as loud, running_hubspot(makes=str.lower) as quiet:
        connections = []
        for account in (loud, quiet):
            external_id = account.add(firstname="ana", email="ana@example.org")
            reached = {"url": account.url, "portal": PORTAL, "token": TOKEN, "client_secret": SECRET}
            connection = connect(kind="hubspot", name="HubSpot", settings=reached, by=SYSTEM)
            fill(connection)
            connections.append(connection)
        correct_field(contact=person(connections[0], external_id), field="name", value="Ana Soto", by=SYSTEM)
        rests = True
        try:
            settle_down(*connections, rounds=6)
        except AssertionError:
            rests = False
        written = sum(call.startswith(PATCHES) for account in (loud, quiet) for call in account.calls)
        return written, rests


@pytest.mark.usefixtures("loopback")
def test_our_own_writes_are_not_taken_for_changes_there(scoped: Account) -> None:
    assert _two_accounts_that_insist(scoped) == (2, True)


@pytest.mark.usefixtures("loopback")
def test_without_that_it_would_go_round_for_ever(scoped: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(record: Any, *, sent: Any, **_rest: Any) -> None:
        record.base |= {name: {"ours": value, "theirs": value} for name, value in sent.items()}
        record.save(update_fields=["base"])

    monkeypatch.setattr(echo, "note_own_write", forgets)
    written, rests = _two_accounts_that_insist(scoped)
    assert not rests
    assert written >= 6
