"""Both sides against real peers: what changes on one is on the other, and nothing is lost when both change at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from contacts.correcting import add_identifier, correct_field, correct_profile
from contacts.erasing import erase
from contacts.merging import merge, unmerge
from contacts.models import Contact, MergeEvent, NeverMerge, Profile
from contacts.queries import panel
from contacts.survivorship import refresh
from integrations.crm.contract import RemoteRecord, Retry
from integrations.models import Conflict, Connection, DeadLetter, ExternalRecord, Mapping, SyncLog, SyncOutbox, SyncRun
from integrations.syncing import back_filling, pushing
from integrations.syncing.conflicts import settle
from integrations.syncing.connecting import connect
from integrations.syncing.opening import open_desk
from integrations.syncing.taking import take
from tests.conftest import make_channel, make_member
from tests.contacts.stories import writes
from tests.integrations.crm.others import Other, ShopSide, TrytonSide
from tests.integrations.crm.peers import PASSWORD, running_tryton
from tests.integrations.crm.shop import Shop
from tests.integrations.crm.steps import fill, hear, person, record_of, say, settle_down, shown


def rule(connection: Connection, ours: str, **fields: Any) -> None:
    Mapping.scoped().filter(connection=connection, ours=ours).update(**fields)


def test_records_join_whom_we_know_and_fill_what_is_missing_there(real: Other, scoped: Account) -> None:
    ana = writes(make_channel(scoped, "email"), "ana@ejemplo.org", name="Ana").contact
    known = real.add("Ana Soto", email="ANA@ejemplo.org", city="Quito")
    new = real.add("Eva")
    run = fill(real.connection)
    assert (run.state, run.figures["new"], run.done, run.total) == ("done", 2, 2, 2)
    assert person(real.connection, known).pk == ana.pk
    assert shown(ana) == {"name": "Ana", "city": "Quito", "emails": ["ana@ejemplo.org"]}
    assert shown(person(real.connection, new))["name"] == "Eva"
    assert record_of(real.connection, known).profile.source == "crm"
    facts = {fact.field: fact.source for fact in panel(ana.pk, membership=make_member(scoped)).facts}
    assert facts["city"] == real.connection.name
    settle_down(real.connection)
    # The rule of the name is "the first one": two names stand in peace, and neither side is told.
    assert real.values(known)["name"] == "Ana Soto"


def test_a_change_travels_each_way(real: Other) -> None:
    external_id = real.add("Ana", email="ana@example.org", city="Quito")
    fill(real.connection)
    ana = person(real.connection, external_id)

    real.change(external_id, name="Ana Soto", city="Cuenca")
    hear(real.connection)
    assert shown(ana) == {"name": "Ana Soto", "city": "Cuenca", "emails": ["ana@example.org"]}

    profile = record_of(real.connection, external_id).profile
    correct_profile(profile=profile, field="city", value="Lima", by=SYSTEM)  # what the portal does
    add_identifier(contact=ana, kind="email", value="dos@example.org", by=SYSTEM)
    say()
    assert real.values(external_id) == {"name": "Ana Soto", "city": "Lima", "emails": ["ana@example.org", "dos@example.org"]}

    real.change(external_id, city="Loja")
    hear(real.connection)
    assert shown(ana)["city"] == "Loja", "a later change there wins over an agent's earlier correction"
    assert settle_down(real.connection) == 1
    words = list(SyncLog.scoped().filter(connection=real.connection).order_by("pk").values_list("action", flat=True))
    assert words == ["linked", "taken", "sent", "taken"]
    sent = SyncLog.scoped().get(action="sent")
    assert (sent.before["city"], sent.after["city"]) == ("Cuenca", "Lima")


def test_an_address_taken_out_there_ends_here_unless_they_write_from_it(to_tryton: Connection, tryton: Any, scoped: Account) -> None:
    side = TrytonSide(to_tryton, tryton)
    external_id = side.add("Ana", email="ana@example.org")
    fill(to_tryton)
    ana = writes(make_channel(scoped, "email"), "ana@example.org", name="Ana").contact
    assert person(to_tryton, external_id) == ana
    add_identifier(contact=ana, kind="email", value="dos@example.org", by=SYSTEM)
    settle_down(to_tryton)
    assert side.values(external_id)["emails"] == ["ana@example.org", "dos@example.org"]

    side.change(external_id, emails=[])
    settle_down(to_tryton)
    assert shown(ana)["emails"] == ["ana@example.org"]
    assert side.values(external_id)["emails"] == []
    ended = AuditEntry.scoped().get(action="identifier.end")
    assert (ended.actor_name, ended.detail["value"]) == ("Tryton", "dos@example.org")


def test_both_sides_at_once_keep_what_both_said(real: Other) -> None:
    external_id = real.add("Ana", email="ana@example.org", city="Quito")
    fill(real.connection)
    ana = person(real.connection, external_id)
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    real.change(external_id, name="Ana Soto", emails=["ana@example.org", "otra@example.org"])
    # The write meets another version than the one we know: 423 and 412; it is read, compared and written again.
    say()
    settle_down(real.connection)
    both = {"name": "Ana Soto", "city": "Lima", "emails": ["ana@example.org", "otra@example.org"]}
    assert real.values(external_id) == both
    assert shown(ana) == both


@pytest.mark.parametrize(("policy", "city"), [("ours", "Lima"), ("theirs", "Loja"), ("newest", "Loja")])
def test_one_field_changed_on_both_sides_follows_its_policy(to_shop: Connection, shop: Shop, policy: str, city: str) -> None:
    side = ShopSide(to_shop, shop)
    external_id = side.add("Ana", city="Quito")
    fill(to_shop)
    rule(to_shop, "city", policy=policy)
    ana = person(to_shop, external_id)
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    side.change(external_id, city="Loja")
    settle_down(to_shop)
    assert (side.values(external_id)["city"], shown(ana)["city"]) == (city, city)


@pytest.mark.parametrize(("real", "decision", "city"), [("tryton", "ours", "Lima"), ("carddav", "theirs", "Loja")], indirect=["real"])
def test_a_person_settles_what_no_rule_does(real: Other, admin: Membership, decision: str, city: str) -> None:
    external_id = real.add("Ana", city="Quito")
    fill(real.connection)
    rule(real.connection, "city", policy="manual")
    ana = person(real.connection, external_id)
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    real.change(external_id, city="Loja", name="Ana Soto")
    settle_down(real.connection)
    conflict = Conflict.scoped().get()
    assert (conflict.kind, conflict.field, conflict.ours, conflict.theirs) == ("field", "city", "Lima", "Loja")
    # Nothing of the field moves, everything else does.
    assert (real.values(external_id)["city"], shown(ana)["city"]) == ("Loja", "Lima")
    assert shown(ana)["name"] == "Ana Soto"

    settle(conflict=conflict, decision=decision, by=Actor.person(admin))
    settle_down(real.connection)
    assert (real.values(external_id)["city"], shown(ana)["city"]) == (city, city)
    settled = Conflict.scoped().get()
    assert (settled.state, settled.decision, settled.decided_by) == ("settled", decision, admin)


@pytest.mark.parametrize(
    ("real", "wish", "left"),
    [("carddav", "review", "Ana"), ("carddav", "keep", "Ana"), ("carddav", "erase", None), ("tryton", "erase", None)],
    indirect=["real"],
)
def test_a_record_deleted_there_follows_the_wish(real: Other, wish: str, left: str | None) -> None:
    external_id = real.add("Ana", city="Quito")
    fill(real.connection)
    Connection.scoped().update(on_deletion=wish)
    ana = person(real.connection, external_id)
    real.delete(external_id)
    hear(real.connection)
    assert record_of(real.connection, external_id).state == ("erased" if wish == "erase" else "gone")
    assert shown(ana)["name"] == left
    assert Conflict.scoped().filter(kind="deletion", state="open").exists() is (wish == "review")
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM) if left else None
    assert settle_down(real.connection) <= 2


def test_a_merge_there_is_one_here_and_its_id_still_leads_somewhere(to_tryton: Connection, tryton: Any) -> None:
    side = TrytonSide(to_tryton, tryton)
    one, two = side.add("Ana", email="ana@example.org"), side.add("Ana Soto", email="soto@example.org")
    fill(to_tryton)
    first, second = person(to_tryton, one), person(to_tryton, two)
    assert first != second
    side.merge(two, one)
    hear(to_tryton)
    assert person(to_tryton, two) == person(to_tryton, one)
    loser = record_of(to_tryton, two)
    assert (loser.state, loser.alias_of) == ("merged", record_of(to_tryton, one))
    event = MergeEvent.scoped().get()
    assert (event.cause, event.actor_name) == ("crm", "Tryton")
    assert shown(person(to_tryton, one))["emails"] == ["ana@example.org", "soto@example.org"]
    assert settle_down(to_tryton) <= 2
    assert MergeEvent.scoped().count() == 1


def test_a_merge_there_of_people_who_are_two_here_asks_a_person(to_tryton: Connection, tryton: Any, admin: Membership) -> None:
    side = TrytonSide(to_tryton, tryton)
    one, two = side.add("Ana"), side.add("Ana")
    fill(to_tryton)
    pair = sorted(record_of(to_tryton, each).profile_id for each in (one, two))
    NeverMerge.objects.create(low_id=pair[0], high_id=pair[1])
    side.merge(two, one)
    hear(to_tryton)
    assert person(to_tryton, one) != person(to_tryton, two)
    conflict = Conflict.scoped().get()
    assert (conflict.kind, conflict.state) == ("merge", "open")
    assert not hear(to_tryton) or Conflict.scoped().count() == 1
    settle(conflict=conflict, decision="merged", by=Actor.person(admin))
    assert person(to_tryton, one) == person(to_tryton, two)


def test_our_merge_is_one_there_where_that_is_wished_and_our_unmerge_makes_two_again(to_tryton: Connection, tryton: Any) -> None:
    side = TrytonSide(to_tryton, tryton)
    one, two = side.add("Ana", email="ana@example.org"), side.add("Ana Soto", email="soto@example.org")
    fill(to_tryton)
    Connection.scoped().update(merges_there=True, creates_there=True)
    merge(contacts=[person(to_tryton, one), person(to_tryton, two)], by=SYSTEM)
    settle_down(to_tryton)
    assert tryton.call("model.party.party.read", [int(two)], ["replaced_by"])[0]["replaced_by"] == int(one)
    assert side.values(one)["emails"] == ["ana@example.org", "soto@example.org"]

    loser = record_of(to_tryton, two)
    unmerge(contact=person(to_tryton, one), profiles=[loser.profile], by=SYSTEM)
    settle_down(to_tryton)
    again = ExternalRecord.scoped().get(profile=loser.profile, state="live")
    assert side.values(again.external_id)["emails"] == ["soto@example.org"]
    assert side.values(one)["emails"] == ["ana@example.org"]
    assert Conflict.scoped().count() == 0


def test_where_records_cannot_be_merged_one_is_the_others_alias(to_book: Connection, request: pytest.FixtureRequest) -> None:
    from tests.integrations.crm.conftest import make_other

    side = make_other(request, "carddav")
    one, two = side.add("Ana", email="ana@example.org"), side.add("Eva", email="eva@example.org")
    fill(side.connection)
    Connection.scoped().update(merges_there=True)
    merge(contacts=[person(side.connection, one), person(side.connection, two)], by=SYSTEM)
    settle_down(side.connection)
    older, younger = sorted([record_of(side.connection, one), record_of(side.connection, two)], key=lambda each: each.pk)
    assert (younger.alias_of, younger.state, older.alias_of) == (older, "live", None)
    assert side.values(one)["emails"] == side.values(two)["emails"] == ["ana@example.org", "eva@example.org"]
    unmerge(contact=person(side.connection, one), profiles=[younger.profile], by=SYSTEM)
    settle_down(side.connection)
    younger.refresh_from_db()
    assert younger.alias_of is None
    assert sorted([*side.values(one)["emails"], *side.values(two)["emails"]]) == ["ana@example.org", "eva@example.org"]


def test_erased_here_is_erased_there_and_does_not_come_back(real: Other) -> None:
    external_id = real.add("Ana", email="ana@example.org", city="Quito")
    fill(real.connection)
    profile = record_of(real.connection, external_id).profile
    report = erase(profiles=[profile], by=SYSTEM)
    assert report.removed["synchronised"] == 1
    hear(real.connection)  # it is still there
    say()
    hear(real.connection)
    left = real.connection.kind == "tryton"
    if left:
        assert real.values(external_id) == {"name": None, "city": None, "emails": []}
    assert record_of(real.connection, external_id).state == "erased"
    assert record_of(real.connection, external_id).base == {}
    assert Contact.scoped().filter(is_erased=False).count() == 0
    assert SyncOutbox.scoped().count() == 0


def test_somebody_new_here_becomes_a_record_there_where_that_is_wished(real: Other, scoped: Account) -> None:
    fill(real.connection)
    Connection.scoped().update(creates_there=True)
    ana = writes(make_channel(scoped, "email"), "ana@example.org", name="Ana").contact
    say()
    record = ExternalRecord.scoped().get()
    assert real.values(record.external_id) == {"name": "Ana", "city": None, "emails": ["ana@example.org"]}
    assert person(real.connection, record.external_id) == ana
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    settle_down(real.connection)
    assert real.values(record.external_id)["city"] == "Lima"
    assert ExternalRecord.scoped().count() == 1


def test_a_back_fill_goes_on_where_its_worker_died(real: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    size = "CARDS_PER_PAGE" if real.connection.kind == "carddav" else "PAGE"
    monkeypatch.setattr(f"integrations.crm.{real.connection.kind}.connector.{size}", 2)
    ids = [real.add(f"Persona {number}", email=f"p{number}@example.org") for number in range(5)]
    run = back_filling.ask(connection=real.connection, kind="back_fill", by=SYSTEM)
    beat, beats = SyncRun.beat, []

    class Killed(BaseException):
        """The worker is no more."""

    def dies(self: SyncRun, *also: str) -> None:
        beats.append(self.done)
        if len(beats) == 2:
            raise Killed
        beat(self, *also)

    monkeypatch.setattr(SyncRun, "beat", dies)
    with pytest.raises(Killed):
        back_filling.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.done, Connection.scoped().get().cursor) == ("running", 2, "")
    real.change(ids[0], city="Lima")  # behind it
    real.change(ids[4], city="Loja")  # before it

    SyncRun.scoped().update(beat_at=timezone.now() - SyncRun.DEAD_AFTER - timedelta(seconds=1))
    assert list(SyncRun.forgotten()) == [run]
    back_filling.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.total) == ("done", 5)
    hear(real.connection)
    assert ExternalRecord.scoped().count() == Contact.scoped().count() == 5
    assert [shown(person(real.connection, each))["city"] for each in (ids[0], ids[4])] == ["Lima", "Loja"]


def test_a_dry_run_counts_what_would_happen_and_keeps_nothing(real: Other, scoped: Account) -> None:
    writes(make_channel(scoped, "email"), "ana@example.org", name="Ana")
    real.add("Ana", email="ana@example.org")
    real.add("Eva")
    before = (Contact.scoped().count(), Profile.scoped().count())
    run = fill(real.connection, "rehearsal")
    assert (run.state, run.figures["new"], run.figures["joins"], run.figures["brakes"]) == ("done", 2, 1, False)
    assert (Contact.scoped().count(), Profile.scoped().count()) == before
    assert ExternalRecord.scoped().count() == SyncOutbox.scoped().count() == SyncLog.scoped().count() == 0
    assert Connection.scoped().get().cursor == ""


def test_a_clock_there_that_is_hours_ahead_decides_nothing(scoped: Account, loopback: None, tmp_path: Path) -> None:
    with running_tryton(tmp_path) as peer:
        settings = {"url": peer.url, "database": "crm", "user": "admin", "password": PASSWORD}
        connection = connect(kind="tryton", name="Tryton", settings=settings, by=SYSTEM)
        peer.set_clock(3)
        _changes_follow_their_order(TrytonSide(connection, peer), lambda: peer.age(30), hours=3)


def test_a_clock_there_that_is_hours_behind_decides_nothing(to_shop: Connection, shop: Shop) -> None:
    shop.ahead = timedelta(hours=-3)

    def age() -> None:
        row = shop.rows["1"]
        row["updated_at"] = (datetime.fromisoformat(row["updated_at"]) - timedelta(seconds=30)).isoformat()

    _changes_follow_their_order(ShopSide(to_shop, shop), age, hours=-3)


def _changes_follow_their_order(side: Other, age: Callable[[], None], *, hours: float) -> None:
    connection = side.connection
    external_id = side.add("Ana", city="Quito")
    fill(connection)
    ana = person(connection, external_id)
    # Our first write shows how wrong its clock is.
    correct_field(contact=ana, field="name", value="Ana Soto", by=SYSTEM)
    settle_down(connection)
    assert abs(Connection.scoped().get(pk=connection.pk).clock_offset / 3600 - hours) < 0.1
    # Theirs first, ours afterwards: ours is newer, whatever its clock says. And the other way round.
    side.change(external_id, city="Loja")
    age()
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    settle_down(connection)
    assert (side.values(external_id)["city"], shown(ana)["city"]) == ("Lima", "Lima")
    correct_field(contact=ana, field="city", value="Cusco", by=SYSTEM)
    Profile.scoped().filter(corrects__isnull=False).update(
        given_at={"city": (timezone.now() - timedelta(seconds=30)).isoformat(), "name": timezone.now().isoformat()}
    )
    refresh([ana.pk])
    side.change(external_id, city="Ibarra")
    settle_down(connection)
    assert (side.values(external_id)["city"], shown(ana)["city"]) == ("Ibarra", "Ibarra")


class TestWhatGoesWrong:
    @pytest.fixture
    def side(self, to_shop: Connection, shop: Shop) -> ShopSide:
        return ShopSide(to_shop, shop)

    def test_a_mass_change_stops_and_waits_for_a_person(self, side: ShopSide, admin: Membership) -> None:
        from integrations.syncing.connecting import release_brake

        ids = [side.add(f"Persona {number}") for number in range(24)]
        fill(side.connection)
        for each in ids[:12]:
            side.delete(each)
        hear(side.connection)
        stopped = Connection.scoped().get()
        assert stopped.state == "braked"
        assert "12" in stopped.problem
        # It lists three at a time: the fourth page would have been too much.
        assert ExternalRecord.scoped().filter(state="live").count() == 15
        assert hear(side.connection) is None, "it stays stopped"
        release_brake(connection=stopped, by=Actor.person(admin))
        hear(side.connection)
        assert ExternalRecord.scoped().filter(state="live").count() == 12
        assert (Connection.scoped().get().state, Connection.scoped().get().brake_lifted) == ("working", False)

    @pytest.mark.parametrize("wish", ["review", "keep", "erase"])
    def test_a_dry_run_counts_what_was_deleted_there_whatever_is_to_become_of_it(self, side: ShopSide, wish: str) -> None:
        ids = [side.add(f"Persona {number}") for number in range(24)]
        fill(side.connection)
        Connection.scoped().update(on_deletion=wish)
        for each in ids[:10]:
            side.delete(each)
        run = fill(side.connection, "rehearsal")
        assert (run.figures["deleted"], run.figures["brakes"]) == (10, False)
        side.delete(ids[10])
        run = fill(side.connection, "rehearsal")
        assert (run.figures["deleted"], run.figures["brakes"]) == (11, True)
        assert ExternalRecord.scoped().filter(state="live").count() == 24
        assert not Conflict.scoped().exists()

    def test_the_brake_goes_on_counting_where_a_worker_died(self, side: ShopSide) -> None:
        ids = [side.add(f"Persona {number}") for number in range(24)]
        fill(side.connection)
        for each in ids[:12]:
            side.delete(each)
        run = back_filling.ask(connection=side.connection, kind="back_fill", by=SYSTEM)
        # Of the oldest six, another worker took in that they are gone.
        for each in ids[:6]:
            take(desk=open_desk(side.connection), remote=RemoteRecord("person", each, is_deleted=True))
        SyncRun.scoped().filter(pk=run.pk).update(figures={"deleted": 6})
        back_filling.work(run_id=run.pk)
        run.refresh_from_db()
        assert (run.state, Connection.scoped().get().state) == ("failed", "braked")

    def test_one_record_that_is_refused_blocks_no_other_and_is_tried_again(self, side: ShopSide, admin: Membership) -> None:
        from integrations.syncing.dead_letters import ask_again

        ids = [side.add("Ana", city="Quito"), side.add("Eva", city="Quito")]
        fill(side.connection)
        side.peer.refuses = lambda body: body.get("name") == "Ana"
        for each in ids:
            correct_field(contact=person(side.connection, each), field="city", value="Lima", by=SYSTEM)
        say()
        assert [side.values(each)["city"] for each in ids] == ["Quito", "Lima"]
        letter = DeadLetter.scoped().get()
        assert (letter.direction, letter.error) == ("out", "El otro sistema no lo acepta (PATCH 422).")
        assert SyncOutbox.scoped().count() == 0

        side.peer.refuses = lambda _body: False
        ask_again(letter=letter, by=Actor.person(admin))
        say()
        assert side.values(ids[0])["city"] == "Lima"
        assert DeadLetter.scoped().count() == 0

    def test_what_it_asks_us_to_wait_is_waited_and_nothing_is_lost(self, side: ShopSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        correct_field(contact=person(side.connection, external_id), field="city", value="Lima", by=SYSTEM)
        side.peer.busy = 1
        say()
        row = SyncOutbox.scoped().get()
        assert row.attempts == 1
        assert 5 < (row.due_at - timezone.now()).total_seconds() <= 7.1
        # The silence holds for every worker of the account.
        with pytest.raises(Retry):
            from integrations.syncing.opening import connector_for

            connector_for(Connection.scoped().get()).check()
        _end_silence()
        settle_down(side.connection)
        assert side.values(external_id)["city"] == "Lima"

    def test_wrong_credentials_stop_everything_until_somebody_acts(self, side: ShopSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        Connection.scoped().update(credentials={"header_value": "otra"})
        correct_field(contact=person(side.connection, external_id), field="city", value="Lima", by=SYSTEM)
        say()
        stopped = Connection.scoped().get()
        assert stopped.state == "misconfigured"
        assert "GET 401" in stopped.problem
        assert SyncOutbox.scoped().count() == 1
        assert hear(side.connection) is None

    def test_a_question_that_is_refused_is_told_and_asked_again_later(self, side: ShopSide) -> None:
        side.add("Ana")
        fill(side.connection)
        Connection.scoped().update(settings={**side.connection.settings, "list_path": "clientes"})
        hear(side.connection)
        told = Connection.scoped().get()
        assert "GET 404" in told.problem
        assert (told.failures, told.next_pull_at > timezone.now(), told.held_until) == (1, True, None)

        Connection.scoped().update(settings=side.connection.settings, next_pull_at=timezone.now())
        hear(side.connection)
        assert Connection.scoped().get().problem == ""

    def test_a_lagging_list_brings_no_older_write_of_ours_back(self, side: ShopSide) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
        say()
        side.peer.lag()
        correct_field(contact=ana, field="city", value="Cusco", by=SYSTEM)
        say()
        hear(side.connection)
        assert shown(ana)["city"] == "Cusco"
        side.peer.lagging = None
        settle_down(side.connection)
        assert (side.values(external_id)["city"], shown(ana)["city"]) == ("Cusco", "Cusco")

    def test_asked_again_while_it_is_being_said_it_is_said_again(self, side: ShopSide, monkeypatch: pytest.MonkeyPatch) -> None:
        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
        note = pushing._note

        def meanwhile(*arguments: Any, **options: Any) -> None:
            note(*arguments, **options)
            monkeypatch.setattr(pushing, "_note", note)
            correct_field(contact=ana, field="city", value="Cusco", by=SYSTEM)

        monkeypatch.setattr(pushing, "_note", meanwhile)
        say()
        assert side.values(external_id)["city"] == "Lima"
        assert SyncOutbox.scoped().count() == 1
        say()
        assert side.values(external_id)["city"] == "Cusco"
        assert SyncOutbox.scoped().count() == 0

    def test_paused_nothing_moves_and_everything_waits(self, side: ShopSide, admin: Membership) -> None:
        from integrations.syncing.connecting import pause

        external_id = side.add("Ana", city="Quito")
        fill(side.connection)
        pause(connection=side.connection, paused=True, by=Actor.person(admin))
        ana = person(side.connection, external_id)
        correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
        side.change(external_id, name="Ana Soto")
        assert hear(side.connection) is None
        say()
        assert (side.values(external_id)["city"], shown(ana)["name"]) == ("Quito", "Ana")
        pause(connection=side.connection, paused=False, by=Actor.person(admin))
        settle_down(side.connection)
        assert (side.values(external_id)["city"], shown(ana)["name"]) == ("Lima", "Ana Soto")


def _end_silence() -> None:
    from integrations.syncing.rate_budget import _redis

    client = _redis()
    for key in client.scan_iter("hilo:silence:*"):
        client.delete(key)
