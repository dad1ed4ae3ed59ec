"""Salesforce, against an organisation that keeps state: order, deletions, merges, limits, tokens, conflicts, erasure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from contacts.correcting import add_identifier, correct_field, correct_profile
from contacts.erasing import erase
from contacts.merging import merge, unmerge
from contacts.models import Contact, MergeEvent
from integrations.crm.contract import Misconfigured, Permanent, Retry, Several, Stale
from integrations.crm.salesforce import soql
from integrations.crm.salesforce.connector import Salesforce
from integrations.crm.salesforce.records import KINDS, changes_to, fields_for, record_of, version_of
from integrations.models import Connection, DeadLetter, ExternalRecord, Mapping, SyncLog, SyncOutbox, SyncRun
from integrations.syncing import back_filling, echo, reconciling
from integrations.syncing.connecting import check, connect, release_brake
from integrations.syncing.opening import connector_for
from integrations.syncing.rate_budget import _redis
from tests.conftest import make_channel
from tests.contacts.stories import writes
from tests.integrations.crm.conftest import shop_settings
from tests.integrations.crm.others import SalesforceSide
from tests.integrations.crm.salesforce_server import Org
from tests.integrations.crm.shop import running_shop
from tests.integrations.crm.steps import fill, hear, person, say, settle_down, shown
from tests.integrations.crm.steps import record_of as linked

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def side(to_org: Connection, org: Org) -> SalesforceSide:
    return SalesforceSide(to_org, org)


@pytest.fixture(autouse=True)
def no_silence() -> Any:
    """What one organisation asks to wait is none of the next one's business."""
    yield
    _end_silence()


def _end_silence() -> None:
    client = _redis()
    for key in client.scan_iter("hilo:silence:*"):
        client.delete(key)


def open_(connection: Connection) -> Any:
    return connector_for(Connection.scoped().get(pk=connection.pk))


def pages(connector: Any, cursor: str = "") -> tuple[list[str], str]:
    """Every id that the pages from the cursor on name, in order, and where the next run begins."""
    found: list[str] = []
    while True:
        page = connector.changes(cursor)
        found += [record.external_id for record in page.records]
        cursor = page.cursor
        if not page.has_more:
            return found, cursor


class TestTheList:
    def test_many_records_of_one_moment_over_the_borders_of_pages(self, side: SalesforceSide) -> None:
        org = side.peer
        org.frozen = MOMENT
        ids = [side.add(f"Persona {number}") for number in range(8)]
        found, cursor = pages(open_(side.connection))
        assert found == ids
        # The same when the place was forgotten between two pages: the last record leads back to it.
        connector, page = open_(side.connection), open_(side.connection).changes("")
        found = [record.external_id for record in page.records]
        org.places.clear()
        rest, _cursor = pages(connector, page.cursor)
        assert found + rest == ids
        assert page.total == 8
        # One more of the very same moment, after the run.
        late = side.add("Tarde")
        assert late in pages(open_(side.connection), cursor)[0]

    def test_two_changes_in_one_second_are_two_versions(self, side: SalesforceSide) -> None:
        side.peer.frozen = MOMENT
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        side.change(external_id, city="Loja")
        hear(side.connection)
        assert shown(person(side.connection, external_id))["city"] == "Loja"

    @pytest.mark.parametrize("hours", [-3, 3])
    def test_a_wrong_clock_loses_nothing(self, side: SalesforceSide, hours: int) -> None:
        side.peer.ahead = timedelta(hours=hours)
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="name", value="Ana Soto", by=SYSTEM)
        settle_down(side.connection)
        assert abs(Connection.scoped().get().clock_offset / 3600 - hours) < 0.1
        for city in ("Loja", "Lima"):
            side.change(external_id, city=city)
            hear(side.connection)
            assert shown(ana)["city"] == city
        # The clock is put right: what changes then is found all the same.
        side.peer.ahead, side.peer.last = timedelta(), datetime(2020, 1, 1, tzinfo=UTC)
        side.change(external_id, city="Cusco")
        hear(side.connection)
        assert shown(ana)["city"] == "Cusco"

    def test_what_changes_while_a_list_is_read_comes_with_the_next_one(self, side: SalesforceSide) -> None:
        ids = [side.add(f"Persona {number}") for number in range(5)]
        connector = open_(side.connection)
        page = connector.changes("")
        side.change(ids[0], city="Lima")
        side.change(ids[4], city="Loja")
        _rest, cursor = pages(connector, page.cursor)
        assert {ids[0], ids[4]} <= set(pages(connector, cursor)[0])

    def test_a_field_that_was_taken_away_rests_and_the_others_go_on(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        side.peer.missing = {"MailingPostalCode"}
        side.change(external_id, city="Loja")
        hear(side.connection)
        assert Connection.scoped().get().state == "working"
        assert shown(person(side.connection, external_id))["city"] == "Loja"
        assert check(connection=Connection.scoped().get(), by=SYSTEM)
        assert Mapping.scoped().get(remote="MailingPostalCode").problem


class TestBothWays:
    def test_a_change_travels_each_way_and_makes_no_echo(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana Soto", email="ana@example.org", city="Quito")
        fill(side.connection)
        ana = person(side.connection, external_id)
        side.change(external_id, name="Ana Soto Vega", city="Cuenca")
        hear(side.connection)
        assert shown(ana) == {"name": "Ana Soto Vega", "city": "Cuenca", "emails": ["ana@example.org"]}
        correct_profile(profile=linked(side.connection, external_id).profile, field="city", value="Lima", by=SYSTEM)
        say()
        assert side.peer.sent == [(external_id, {"MailingCity": "Lima"})], "the changed field alone"
        assert settle_down(side.connection) == 1
        assert len(side.peer.sent) == 1
        assert list(SyncLog.scoped().order_by("pk").values_list("action", flat=True)) == ["linked", "taken", "sent"]

    @pytest.mark.parametrize("remembers", [True, False])
    def test_two_systems_that_insist_come_to_rest_because_our_own_writes_are_known(
        self, side: SalesforceSide, monkeypatch: pytest.MonkeyPatch, remembers: bool
    ) -> None:
        def forgets(record: Any, *, sent: Any, **_rest: Any) -> None:
            record.base |= {name: {"ours": value, "theirs": value} for name, value in sent.items()}
            record.save(update_fields=["base"])

        with running_shop(makes=str.lower) as shop:
            side.peer.makes = str.upper
            external_id = side.add("Ana Soto", email="ana@example.org")
            shop.add(name="ana soto", email="ana@example.org")
            fill(side.connection)
            to_shop = connect(kind="rest", name="Tienda", settings=shop_settings(shop), by=SYSTEM)
            fill(to_shop)
            if not remembers:
                monkeypatch.setattr(echo, "note_own_write", forgets)
            correct_field(contact=person(side.connection, external_id), field="name", value="Eva Rojas", by=SYSTEM)
            if remembers:
                settle_down(side.connection, to_shop, rounds=8)
                assert (side.values(external_id)["name"], shop.rows["1"]["name"]) == ("Eva ROJAS", "eva rojas")
                assert len(side.peer.sent) + shop.writes == 2
            else:
                with pytest.raises(AssertionError, match="never comes to rest"):
                    settle_down(side.connection, to_shop, rounds=8)

    def test_what_salesforce_makes_of_a_name_is_no_change(self, side: SalesforceSide) -> None:
        side.peer.makes = lambda name: name.upper()
        external_id = side.add("Ana Soto")
        fill(side.connection)
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="name", value="Ana Rojas", by=SYSTEM)
        settle_down(side.connection)
        assert (side.values(external_id)["name"], shown(ana)["name"]) == ("Ana ROJAS", "Ana Rojas")
        assert len(side.peer.sent) == 1

    def test_somebody_else_writes_at_the_same_time(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
        others = iter(["Ana Soto"])

        def in_between(method: str, path: str) -> None:
            if method == "PATCH" and (name := next(others, None)):
                side.change(external_id, name=name)

        side.peer.watching = in_between
        say()
        settle_down(side.connection)
        assert side.values(external_id) == {"name": "Ana Soto", "city": "Lima", "emails": []}
        assert shown(ana)["name"] == "Ana Soto"

    @pytest.mark.parametrize(("policy", "city"), [("ours", "Lima"), ("theirs", "Loja")])
    def test_one_field_on_both_sides_follows_its_policy(self, side: SalesforceSide, policy: str, city: str) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        Mapping.scoped().filter(ours="city").update(policy=policy)
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
        side.change(external_id, city="Loja")
        settle_down(side.connection)
        assert (side.values(external_id)["city"], shown(ana)["city"]) == (city, city)

    def test_two_phones_are_two_fields(self, side: SalesforceSide) -> None:
        external_id = side.peer.add(FirstName="Ana", LastName="Soto", Phone="+56 2 2345 6789")
        fill(side.connection)
        ana = person(side.connection, external_id)
        add_identifier(contact=ana, kind="phone", value="+56987654321", by=SYSTEM)
        settle_down(side.connection)
        row = side.peer.rows[external_id]
        assert (row["Phone"], row["MobilePhone"]) == ("+56 2 2345 6789", "+56987654321")

    def test_somebody_new_here_is_made_once_there(self, side: SalesforceSide, scoped: Account) -> None:
        fill(side.connection)
        Connection.scoped().update(creates_there=True)
        writes(make_channel(scoped, "email"), "ana@example.org", name="Ana Soto")
        say()
        record = ExternalRecord.scoped().get()
        row = side.peer.rows[record.external_id]
        assert (row["Name"], row["Email"]) == ("Ana Soto", "ana@example.org")
        assert row["Hilo_Key__c"].startswith("hilo-")
        # The answer to the first attempt was lost, and meanwhile somebody worked on the record.
        side.change(record.external_id, city="Lima")
        again = open_(side.connection).create({"Name": "Otra", "MailingCity": "Quito"}, key=row["Hilo_Key__c"])
        assert again.external_id == record.external_id
        assert side.values(record.external_id)["city"] == "Lima"

    def test_a_duplicate_rule_refuses_one_and_no_other(self, side: SalesforceSide, scoped: Account) -> None:
        fill(side.connection)
        Connection.scoped().update(creates_there=True)
        side.peer.duplicate = lambda row: row["LastName"] == "Soto"
        for name in ("Ana Soto", "Eva Rojas"):
            writes(make_channel(scoped, "email"), f"{name[:3].lower()}@example.org", name=name)
        say()
        assert [row["Name"] for row in side.peer.rows.values()] == ["Eva Rojas"]
        letter = DeadLetter.scoped().get()
        assert "regla de duplicados" in letter.error
        assert "Ana" not in letter.error


class TestEndsThere:
    @pytest.mark.parametrize(("wish", "left"), [("keep", "Ana"), ("erase", None)])
    def test_deleted_there(self, side: SalesforceSide, wish: str, left: str | None) -> None:
        external_id = side.add("Ana")
        fill(side.connection)
        Connection.scoped().update(on_deletion=wish)
        ana = person(side.connection, external_id)
        side.delete(external_id)
        hear(side.connection)
        assert linked(side.connection, external_id).state == ("erased" if wish == "erase" else "gone")
        assert shown(ana)["name"] == left

    @pytest.mark.parametrize(("days", "asks"), [(13, False), (15, True)])
    def test_what_left_the_recycle_bin_during_a_long_pause_is_found(self, side: SalesforceSide, days: int, asks: bool) -> None:
        ids = [side.add(f"Persona {number}") for number in range(5)]
        fill(side.connection)
        hear(side.connection)
        side.delete(ids[0])
        side.peer.purged.add(ids[0])  # the recycle bin was emptied of it
        side.delete(ids[1])
        side.peer.merge(ids[2], ids[3])
        self.long_ago(days)
        run = fill(side.connection, "rehearsal")
        assert run.figures["deleted"] == (1 if asks else 0)
        self.long_ago(days)
        side.peer.questions.clear()
        hear(side.connection)
        states = [linked(side.connection, each).state for each in ids]
        # What is in the bin, the changes tell, merges among it.
        assert states == ["gone" if asks else "live", "gone", "merged", "live", "live"]
        assert [question for question in side.peer.questions if question.startswith("SELECT Id FROM")] == side.peer.questions[:1] * asks
        # And never again.
        side.peer.questions.clear()
        hear(side.connection)
        assert not [question for question in side.peer.questions if question.startswith("SELECT Id FROM")]

    def test_a_mass_deletion_during_a_long_pause_waits_for_a_person(self, side: SalesforceSide, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reconciling, "TOGETHER", 5)
        ids = [side.add(f"Persona {number}") for number in range(16)]
        fill(side.connection)
        for each in ids[:11]:
            side.delete(each)
        side.peer.purged |= {*ids[:11]}
        self.long_ago(20)
        asked = []

        def down(_method: str, path: str) -> None:
            asked.append(path)
            if len(asked) == 8:
                side.peer.busy = 1

        # Refused in the middle, it goes on with those that it did not see.
        side.peer.watching = down
        hear(side.connection)
        assert ExternalRecord.scoped().filter(state="live").count() == 16
        _end_silence()
        side.peer.watching = lambda _method, _path: None
        side.peer.questions.clear()
        hear(side.connection)
        stopped = Connection.scoped().get()
        assert (stopped.state, ExternalRecord.scoped().filter(state="live").count()) == ("braked", 16)
        assert "11" in stopped.problem
        release_brake(connection=stopped, by=SYSTEM)
        hear(side.connection)
        assert ExternalRecord.scoped().filter(state="live").count() == 5
        assert Connection.scoped().get().state == "working"

    def long_ago(self, days: int) -> None:
        """Changes were last asked for so many days ago, and nothing was looked at since."""
        at = timezone.now() - timedelta(days=days)
        Connection.scoped().update(pulled_at=at)
        ExternalRecord.scoped().update(looked_at=at)

    def test_undeleted_there_it_goes_on(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana")
        fill(side.connection)
        Connection.scoped().update(on_deletion="keep")
        side.delete(external_id)
        hear(side.connection)
        side.peer.change(external_id, IsDeleted=False, MailingCity="Lima")
        hear(side.connection)
        assert linked(side.connection, external_id).state == "live"
        assert shown(person(side.connection, external_id))["city"] == "Lima"

    def test_merged_there_is_merged_here_and_the_survivor_is_read(self, side: SalesforceSide) -> None:
        one, two = side.add("Ana", email="ana@example.org"), side.add("Ana Soto", email="soto@example.org")
        fill(side.connection)
        assert person(side.connection, one) != person(side.connection, two)
        stamp = side.peer.rows[one]["SystemModstamp"]
        side.peer.merge(two, one)
        # What was moved to the survivor gives no sign of its own: as if its stamp had stayed.
        side.peer.rows[one] |= {"SystemModstamp": stamp, "MailingCity": "Lima"}
        Connection.scoped().update(cursor=f'{{"since": "{(timezone.now() - timedelta(seconds=1)).isoformat()}"}}')
        side.peer.touch(two)
        hear(side.connection)
        ana = person(side.connection, one)
        assert person(side.connection, two) == ana
        assert (linked(side.connection, two).state, linked(side.connection, two).alias_of) == ("merged", linked(side.connection, one))
        assert shown(ana)["city"] == "Lima"
        event = MergeEvent.scoped().get()
        assert (event.cause, event.actor_name) == ("crm", "Salesforce")
        assert settle_down(side.connection) <= 2
        assert MergeEvent.scoped().count() == 1

    def test_merged_here_is_merged_there_where_that_is_wished(self, side: SalesforceSide) -> None:
        one, two = side.add("Ana", email="ana@example.org"), side.add("Ana Soto", email="soto@example.org")
        fill(side.connection)
        Connection.scoped().update(merges_there=True, creates_there=True)
        side.peer.oauth.expire()  # a renewal comes in between, and the other interface carries its token in the body
        merge(contacts=[person(side.connection, one), person(side.connection, two)], by=SYSTEM)
        settle_down(side.connection)
        assert (side.peer.rows[two]["IsDeleted"], side.peer.rows[two]["MasterRecordId"]) == (True, one)
        assert not DeadLetter.scoped().exists()
        # Once more says nothing new.
        open_(side.connection).merge(two, one)
        loser = linked(side.connection, two)
        unmerge(contact=person(side.connection, one), profiles=[loser.profile], by=SYSTEM)
        settle_down(side.connection)
        again = ExternalRecord.scoped().get(profile=loser.profile, state="live")
        assert side.values(again.external_id)["emails"] == ["soto@example.org"]

    def test_erased_here_is_emptied_deleted_and_out_of_the_bin_there(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana Soto", email="ana@example.org", city="Quito")
        fill(side.connection)
        erase(profiles=[linked(side.connection, external_id).profile], by=SYSTEM)
        hear(side.connection)  # it is still there
        say()
        row = side.peer.rows[external_id]
        assert row["IsDeleted"]
        assert external_id in side.peer.purged
        assert not any(word in str(row) for word in ("Ana", "Soto", "ana@example.org", "Quito"))
        hear(side.connection)
        assert linked(side.connection, external_id).state == "erased"
        assert Contact.scoped().filter(is_erased=False).count() == 0
        assert not SyncOutbox.scoped().exists()


class TestLimitsAndTokens:
    def test_the_days_calls_are_used_up_in_the_middle_of_a_back_fill(self, side: SalesforceSide) -> None:
        for number in range(7):
            side.add(f"Persona {number}")
        asked: list[str] = []

        def after_two(method: str, path: str) -> None:
            asked.append(path)
            side.peer.busy = int(len(asked) == 3)

        side.peer.watching = after_two
        run = back_filling.ask(connection=side.connection, kind="back_fill", by=SYSTEM)
        back_filling.work(run_id=run.pk)
        run.refresh_from_db()
        assert (run.state, run.done, run.total) == ("queued", 6, 7)
        assert Connection.scoped().get().state == "working", "nobody has to act"
        with pytest.raises(Retry) as silent:
            open_(side.connection).check()
        assert 500 < silent.value.after <= 600
        self._end_silence()
        SyncRun.scoped().update(created_at=timezone.now() - timedelta(hours=1))
        back_filling.work(run_id=run.pk)
        run.refresh_from_db()
        assert (run.state, run.done) == ("done", 7)
        assert ExternalRecord.scoped().count() == 7

    def test_nearly_used_up_the_rest_is_left_to_others(self, side: SalesforceSide) -> None:
        side.peer.usage = "14300/15000"
        open_(side.connection).check()
        with pytest.raises(Retry):
            open_(side.connection).check()

    def test_a_token_ends_in_the_middle_of_a_list(self, side: SalesforceSide) -> None:
        ids = [side.add(f"Persona {number}") for number in range(7)]
        connector = open_(side.connection)
        page = connector.changes("")
        side.peer.oauth.expire()
        rest, _cursor = pages(connector, page.cursor)
        assert [record.external_id for record in page.records] + rest == ids
        assert [each["grant_type"] for each in side.peer.oauth.asked] == ["refresh_token"]

    def test_a_permission_that_was_withdrawn_stops_everything_and_loses_nothing(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        side.peer.oauth.revoke()
        correct_field(contact=person(side.connection, external_id), field="city", value="Lima", by=SYSTEM)
        say()
        stopped = Connection.scoped().get()
        assert stopped.state == "misconfigured"
        assert "conectar de nuevo" in stopped.problem
        assert SyncOutbox.scoped().count() == 1
        stopped.credentials = {**stopped.credentials, **side.peer.oauth.grant()}
        stopped.state = "working"
        stopped.save()
        settle_down(side.connection)
        assert side.values(external_id)["city"] == "Lima"

    def test_a_back_fill_goes_on_where_its_worker_died(self, side: SalesforceSide, monkeypatch: pytest.MonkeyPatch) -> None:
        ids = [side.add(f"Persona {number}") for number in range(8)]
        beat = SyncRun.beat

        class Killed(BaseException):
            """The worker is no more."""

        def dies(run: SyncRun, *also: str) -> None:
            if run.done > 3:
                raise Killed
            beat(run, *also)

        run = back_filling.ask(connection=side.connection, kind="back_fill", by=SYSTEM)
        monkeypatch.setattr(SyncRun, "beat", dies)
        with pytest.raises(Killed):
            back_filling.work(run_id=run.pk)
        monkeypatch.setattr(SyncRun, "beat", beat)
        side.change(ids[0], city="Lima")  # behind it
        side.peer.places.clear()  # it took longer than Salesforce remembers
        SyncRun.scoped().update(beat_at=timezone.now() - SyncRun.DEAD_AFTER - timedelta(seconds=1))
        back_filling.work(run_id=run.pk)
        run.refresh_from_db()
        assert run.state == "done"
        assert len([each for each in side.peer.questions if "ORDER BY" in each]) == 2, "it went on from its place"
        hear(side.connection)
        assert ExternalRecord.scoped().count() == Contact.scoped().count() == 8
        assert shown(person(side.connection, ids[0]))["city"] == "Lima"

    def _end_silence(self) -> None:
        client = _redis()
        for key in client.scan_iter("hilo:silence:*"):
            client.delete(key)


class TestSettings:
    def test_what_is_missing_there_is_told(self, side: SalesforceSide) -> None:
        side.peer.missing = {"Hilo_Key__c"}
        with pytest.raises(Misconfigured, match="Hilo_Key__c"):
            open_(side.connection).check()
        Connection.scoped().update(settings={**side.connection.settings, "key_field": ""})
        open_(side.connection).check()
        with pytest.raises(Permanent):
            open_(side.connection).create({"Name": "Ana"}, key="k")
        Connection.scoped().update(settings={**side.connection.settings, "object": "Perro"})
        with pytest.raises(Misconfigured, match="PersonAccount"):
            open_(side.connection).check()

    def test_another_object_takes_no_record_for_deleted(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana")
        Connection.scoped().update(settings={**side.connection.settings, "object": "Lead"})
        with pytest.raises(Misconfigured, match="otro objeto"):
            open_(side.connection).read(external_id)

    def test_it_knows_types_choices_and_what_can_be_written(self, side: SalesforceSide) -> None:
        known = {each.name: each for each in open_(side.connection).describe()}
        assert (known["Email"].type, known["Birthdate"].type, known["DoNotCall"].type) == ("email", "date", "boolean")
        assert (known["LeadSource"].type, known["LeadSource"].choices) == ("enum", ("Web",))
        assert known["Phones"].is_several
        assert known["Name"].is_writable
        assert not {"Id", "SystemModstamp", "MailingAddress"} & known.keys()

    def test_no_encryption_is_no_place_for_a_token(self, side: SalesforceSide) -> None:
        said = {**side.connection.settings, **side.connection.credentials, "url": "https://login.salesforce.com"}
        from integrations.crm.wire import Wire

        with pytest.raises(Misconfigured, match="cifrado"):
            Salesforce(said, Wire()).check()


class TestPure:
    @pytest.mark.parametrize("text", ["O'Higgins", "a\\' OR Id != '", "x\\", 'dos "comillas"', "línea\nnueva\ttab"])
    def test_text_stays_text(self, text: str, side: SalesforceSide) -> None:
        side.peer.add(LastName="Otra", Hilo_Key__c="otra")
        made = open_(side.connection).create({"Name": "Ana"}, key=text)
        assert side.peer.rows[made.external_id]["Hilo_Key__c"] == text
        assert open_(side.connection).create({"Name": "Ana"}, key=text).external_id == made.external_id

    @pytest.mark.parametrize("name", ["Id FROM User--", "a'b", "", "Account.Name"])
    def test_only_a_name_is_a_name(self, name: str) -> None:
        with pytest.raises(ValueError, match="not a name"):
            soql.select([name], "Contact", [])

    def test_only_an_id_is_an_id(self, side: SalesforceSide) -> None:
        for wrong in ("003' OR Id != '", "", "003"):
            with pytest.raises(ValueError, match="not an id"):
                soql.id_is(wrong)
            assert open_(side.connection).read(wrong) is None
        assert side.peer.questions == []

    @pytest.mark.parametrize(
        ("row", "said", "first", "last"),
        [
            ({}, "Ana", None, "Ana"),
            ({}, "Ana Soto Vega", "Ana", "Soto Vega"),
            ({"FirstName": "Ana María", "LastName": "Soto"}, "Ana María Rojas", "Ana María", "Rojas"),
            ({"FirstName": "Ana", "LastName": "Soto Vega"}, "Anita Luz Soto Vega", "Anita Luz", "Soto Vega"),
            ({"FirstName": "Ana", "LastName": "Soto"}, "Eva Rojas", "Eva", "Rojas"),
        ],
    )
    def test_a_name_is_divided_as_it_was(self, row: dict[str, Any], said: str, first: str | None, last: str) -> None:
        assert changes_to(KINDS["Contact"], row, {"Name": said}) == {"FirstName": first, "LastName": last}

    def test_phones_keep_their_fields(self) -> None:
        row, kind = {"MobilePhone": "1", "Phone": "2"}, KINDS["Contact"]
        assert changes_to(kind, row, {"Phones": Several(add=("3",), remove=("2",))}) == {"Phone": "3"}
        assert changes_to(kind, row, {"Phones": Several(add=("3",))}) == {}
        assert changes_to(kind, row, {"Phones": None}) == {"MobilePhone": None, "Phone": None}

    def test_leads_and_person_accounts_have_their_own_names_for_things(self) -> None:
        lead, account = KINDS["Lead"], KINDS["PersonAccount"]
        assert "City" in fields_for(lead, ["MailingCity"])
        assert changes_to(lead, None, {"Name": "Ana", "MailingCity": "Lima"}) == {"Company": "-", "LastName": "Ana", "City": "Lima"}
        row = {"Id": "001000000000001AAA", "PersonEmail": "a@b.org", "PersonMailingCity": "Lima", "PersonMobilePhone": "1", "Phone": None}
        record = record_of(account, "person", row)
        assert (record.values["Email"], record.values["MailingCity"], record.values["Phones"]) == ("a@b.org", "Lima", ["1"])

    def test_a_version_knows_its_values(self) -> None:
        one = {"Id": "1", "SystemModstamp": "2026-03-01T12:00:00.000+0000", "City": "Lima", "attributes": {"url": "x"}}
        assert version_of(one) == version_of({**one, "attributes": {"url": "y"}})
        assert version_of(one) != version_of({**one, "City": "Loja"})

    def test_a_stale_write_of_what_was_deleted(self, side: SalesforceSide) -> None:
        external_id = side.add("Ana")
        connector = open_(side.connection)
        known = connector.read(external_id)
        side.delete(external_id)
        with pytest.raises(Stale):
            connector.write(external_id, {"MailingCity": "Lima"}, expected=known.version)
