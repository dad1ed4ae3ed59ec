"""The ledger: written once, in any order, never rewritten; and whatever is done to it is found."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account
from accounts.roles import Ability
from accounts.scope import account_scope
from consent.evidence import Destroyed, destroy_keys, keep_evidence, read_evidence
from consent.ledger import NotProven, opt_out_person, record
from consent.models import ConsentEvent, ConsentState, ContactPoint, Evidence, LedgerAnchor, NoticeVersion
from consent.projecting import rebuild
from consent.sealing import LedgerBroken, anchor_path, export_anchors, seal
from consent.tasks import seal_ledgers
from consent.verifying import verify
from consent.vocabulary import Action, Origin
from contacts.merging import merge, undo
from contacts.models import Profile
from tests.conftest import make_account
from tests.consent.people import MAIL, PHONE, agree, ask, make_person, point, say

pytestmark = pytest.mark.usefixtures("db")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


def states() -> list[dict[str, Any]]:
    return list(ConsentState.scoped().order_by("point", "profile_id", "channel", "purpose").values())


class TestRecording:
    def test_the_same_key_is_one_event_whatever_comes_with_it(self, ana: Profile) -> None:
        first = agree(ana, key="webhook-1")
        before = states()
        again = say(ana, Action.WITHDRAW, key="webhook-1")
        assert (again.pk, ConsentEvent.objects.count(), states()) == (first.pk, 1, before)

    def test_what_was_said_earlier_and_arrives_later_changes_nothing_wrongly(self, ana: Profile) -> None:
        agree(ana, occurred_at=timezone.now() - HOUR)
        say(ana, Action.WITHDRAW, occurred_at=timezone.now() - 2 * HOUR)
        assert ask(ana).allowed

    def test_a_clock_that_runs_ahead_does_not_outrank_what_is_said_later(self, ana: Profile) -> None:
        event = agree(ana, occurred_at=timezone.now() + 3 * DAY)
        say(ana, Action.WITHDRAW, occurred_at=timezone.now())
        assert event.occurred_at > event.recorded_at
        assert ask(ana).reason == "withdrawn"

    def test_of_two_at_one_instant_the_restriction_stands(self, ana: Profile) -> None:
        at = timezone.now() - HOUR
        say(ana, Action.WITHDRAW, occurred_at=at)
        agree(ana, occurred_at=at)
        assert ask(ana).reason == "withdrawn"

    @pytest.mark.parametrize("origin", [Origin.FORM, Origin.PORTAL, Origin.WEBCHAT])
    @pytest.mark.parametrize("action", [Action.WITHDRAW, Action.OBJECT, Action.STOP, Action.GRANT])
    def test_what_anybody_can_type_at_a_public_door_changes_nothing(self, ana: Profile, origin: Origin, action: Action) -> None:
        with pytest.raises(NotProven):
            say(ana, action, origin=origin)
        assert not ConsentEvent.objects.exists()
        assert say(ana, action, origin=origin, possession_proven=True).pk

    def test_an_agents_word_needs_a_proof_and_proves_no_possession(self, ana: Profile, agent: Any) -> None:
        laura = Actor.person(agent)
        asked: dict[str, Any] = {"ref": point(ana), "action": Action.GRANT, "origin": Origin.AGENT, "occurred_at": timezone.now()}
        with pytest.raises(ValidationError):
            record(**asked, key="1", profile=ana, by=laura)
        with pytest.raises(ValidationError):
            record(**asked, key="1", profile=ana, by=laura, proof={"said": "sí"}, possession_proven=True)
        with pytest.raises(ValidationError):
            record(**asked, key="1", by=laura, proof={"said": "sí"})
        assert not ConsentEvent.objects.exists()
        event = record(**asked, key="1", profile=ana, by=laura, proof={"said": "sí"})
        assert (event.membership_id, event.actor_kind, event.possession_proven) == (agent.pk, "person", False)

    def test_it_takes_the_ability(self, ana: Profile, agent: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(type(agent), "may", lambda self, ability: ability != Ability.RECORD_CONSENT)
        with pytest.raises(PermissionDenied):
            record(ref=point(ana), action=Action.WITHDRAW, origin=Origin.AGENT, occurred_at=timezone.now(), key="1", by=Actor.person(agent))
        assert not ConsentEvent.objects.exists()

    def test_an_opt_out_of_a_person_is_one_event_for_each_point_linked_now(self, ana: Profile) -> None:
        other = make_person(("phone", "+56987654321"), ("email", MAIL), contact=ana.contact)
        asked: dict[str, Any] = {"origin": Origin.AGENT, "occurred_at": timezone.now(), "key": "todo"}
        events = opt_out_person(profile=ana, **asked)
        assert len(events) == ContactPoint.objects.count() == 3
        assert opt_out_person(profile=other, **asked) == events
        with pytest.raises(ValueError, match="grant"):
            opt_out_person(profile=ana, action=Action.GRANT, **asked)

    def test_the_states_can_be_made_anew(self, ana: Profile) -> None:
        agree(ana)
        say(ana, Action.WITHDRAW, purpose="marketing")
        say(ana, Action.STOP, channel="sms", origin=Origin.MESSAGE)
        say(ana, Action.GRANT, origin=Origin.IMPORT)
        before = [{name: value for name, value in row.items() if name != "id"} for row in states()]
        ConsentState.objects.all().delete()
        assert rebuild() == len(before)
        assert [{name: value for name, value in row.items() if name != "id"} for row in states()] == before

    def test_no_address_is_kept(self, ana: Profile) -> None:
        agree(ana, proof={"said": f"sí, a {PHONE}"})
        with connection.cursor() as cursor:
            for table in ("consent_contactpoint", "consent_consentevent", "consent_consentstate", "consent_evidence"):
                cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")
                assert "981234567" not in cursor.fetchone()[0]


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE consent_consentevent SET action = 'grant'",
            "UPDATE consent_consentevent SET sequence = 7, action = 'grant'",
            "DELETE FROM consent_consentevent",
            "TRUNCATE consent_consentevent CASCADE",
        ],
    )
    @pytest.mark.parametrize("role", ["web", "owner"])
    def test_the_database_refuses_to_change_it_whoever_asks(self, ana: Profile, statement: str, role: str) -> None:
        say(ana, Action.WITHDRAW)
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            if role == "owner":
                cursor.execute("RESET ROLE")
            cursor.execute(statement)
        assert ConsentEvent.objects.get().action == "withdraw"

    def test_the_sealers_columns_are_filled_in_once(self, ana: Profile) -> None:
        say(ana, Action.WITHDRAW)
        assert seal() == 1
        with pytest.raises(DatabaseError), transaction.atomic():
            ConsentEvent.objects.update(hash="0" * 64)
        with pytest.raises(DatabaseError), transaction.atomic():
            ConsentEvent.objects.update(sequence=None)

    def test_a_wording_is_not_rewritten(self, ana: Profile) -> None:
        from consent.models import Purpose

        notice = NoticeVersion.objects.create(purpose=Purpose.objects.all()[0], language="es", number=1, text="a", sha256="b")
        with pytest.raises(DatabaseError), transaction.atomic():
            NoticeVersion.objects.filter(pk=notice.pk).update(text="otra cosa")


class TestEvidence:
    def test_it_is_read_until_the_key_is_destroyed_and_the_ledger_verifies_after(self, ana: Profile) -> None:
        event = agree(ana, proof={"said": "Sí, acepto"})
        assert seal() == 1
        evidence = Evidence.objects.get(pk=event.evidence_id)
        assert read_evidence(evidence) == {"said": "Sí, acepto"}

        assert destroy_keys([ana.pk]) == 1

        evidence = Evidence.objects.get(pk=event.evidence_id)
        assert read_evidence(evidence) is None
        assert verify().is_sound
        with pytest.raises(Destroyed):
            keep_evidence(profile=ana, content={"said": "otra vez"})

    def test_equal_words_have_unequal_digests(self, ana: Profile) -> None:
        one, other = (keep_evidence(profile=ana, content={"said": "sí"}) for _ in range(2))
        assert one.sha256 != other.sha256


def chain(count: int = 12) -> list[Profile]:
    """A sealed ledger of a few people, with evidence here and there."""
    people = [make_person(("phone", f"+5698123450{number}"), name=f"P{number}") for number in range(3)]
    for number in range(count):
        profile = people[number % 3]
        if number % 4 == 0:
            agree(profile, proof={"said": f"sí {number}"}, occurred_at=timezone.now() - DAY + number * HOUR)
        else:
            say(profile, [Action.WITHDRAW, Action.OBJECT, Action.REQUEST][number % 3], purpose="marketing")
        if number % 5 == 4:
            seal()
    seal()
    return people


def as_owner(*statements: tuple[str, list[Any]]) -> None:
    """What somebody with the keys to the database can do."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        for statement, values in statements:
            cursor.execute(statement, values)


EDITS = {
    "action": "CASE action WHEN 'grant' THEN 'withdraw' ELSE 'grant' END",
    "channel": "channel || 'x'",
    "purpose": "purpose || 'x'",
    "profile_id": "profile_id + 1",
    "occurred_at": "occurred_at + interval '1 second'",
    "recorded_at": "recorded_at - interval '1 second'",
    "possession_proven": "NOT possession_proven",
    "source": "source || 'x'",
    "reason": "reason || 'x'",
    "basis": "basis || 'x'",
    "actor_kind": "actor_kind || 'x'",
    "membership_id": "coalesce(membership_id, 0) + 1",
    "evidence_id": "CASE WHEN evidence_id IS NULL THEN (SELECT min(id) FROM consent_evidence) END",
    "hash": "md5(hash) || md5(hash)",
    "previous_hash": "md5(previous_hash) || md5(hash)",
}


def edit(chance: random.Random, ids: list[int]) -> None:
    column = chance.choice(sorted(EDITS))
    as_owner((f"UPDATE consent_consentevent SET {column} = {EDITS[column]} WHERE id = %s", [chance.choice(ids)]))


def delete(chance: random.Random, ids: list[int]) -> None:
    as_owner(("DELETE FROM consent_consentevent WHERE id = %s", [chance.choice(ids)]))


def reorder(chance: random.Random, ids: list[int]) -> None:
    """Two events change places, hashes and all, or their places only."""
    one, other = chance.sample(ids, 2)
    columns = chance.choice([("sequence",), ("sequence", "previous_hash", "hash")])
    rows = {row["id"]: row for row in ConsentEvent.objects.filter(pk__in=[one, other]).values("id", *columns)}
    names = ", ".join(f"{column} = %s" for column in columns)
    as_owner(
        ("UPDATE consent_consentevent SET sequence = -1 WHERE id = %s", [one]),
        (f"UPDATE consent_consentevent SET {names} WHERE id = %s", [*(rows[one][c] for c in columns), other]),
        (f"UPDATE consent_consentevent SET {names} WHERE id = %s", [*(rows[other][c] for c in columns), one]),
    )


def cut_tail(chance: random.Random, ids: list[int]) -> None:
    """The latest events go, and the anchors in the database with them; the exported ones are elsewhere."""
    kept = chance.randrange(len(ids))
    anchors = chance.choice(["", "DELETE FROM consent_ledgeranchor", "UPDATE consent_ledgeranchor SET sequence = 1"])
    as_owner(
        ("DELETE FROM consent_consentevent WHERE sequence > %s", [kept]),
        *([(anchors, [])] if anchors else []),
    )


TAMPERING: list[Callable[[random.Random, list[int]], None]] = [edit, delete, reorder, cut_tail]


class TestTampering:
    def test_an_untouched_ledger_is_sound_and_says_what_is_not_sealed_yet(self, scoped: Account) -> None:
        (ana, *_others) = chain()
        say(ana, Action.WITHDRAW)
        report = verify()
        assert (report.is_sound, report.sealed, report.unsealed, report.anchors) == (True, 12, 1, 1)
        assert ask(ana).reason == "withdrawn"

    def test_a_thousand_edits_deletions_reorders_and_cut_tails_are_all_found(self, scoped: Account) -> None:
        chain()
        LedgerAnchor.objects.update(day=timezone.now().date() - DAY)
        assert export_anchors() == 1
        ids = list(ConsentEvent.objects.order_by("sequence").values_list("pk", flat=True))
        chance = random.Random(20261122)
        unnoticed = []
        for number in range(1000):
            tamper = TAMPERING[number % 4]
            point_of_return = transaction.savepoint()
            tamper(chance, ids)
            report = verify()
            if report.is_sound:
                unnoticed.append((number, tamper.__name__))
            transaction.savepoint_rollback(point_of_return)
        assert unnoticed == []
        assert verify().is_sound

    def test_the_first_broken_event_is_named(self, scoped: Account) -> None:
        chain()
        event = ConsentEvent.objects.get(sequence=5)
        as_owner(("UPDATE consent_consentevent SET action = 'grant', purpose = 'x' WHERE sequence IN (5, 8)", []))
        report = verify()
        assert (report.sequence, report.event, report.broken) == (5, event.pk, "its content was changed")

    def test_changed_evidence_and_wording_are_found(self, scoped: Account) -> None:
        chain()
        as_owner(("UPDATE consent_evidence SET blob = decode('6162', 'hex')", []))
        assert verify().broken == "its evidence was changed"

    def test_nothing_is_sealed_behind_a_cut(self, scoped: Account) -> None:
        people = chain()
        as_owner(("DELETE FROM consent_consentevent WHERE sequence > 10", []))
        say(people[0], Action.WITHDRAW)
        with pytest.raises(LedgerBroken):
            seal()
        assert ConsentEvent.objects.filter(sequence=None).count() == 1
        assert ask(people[0]).reason == "withdrawn"

    def test_heads_of_days_that_are_over_are_copied_out(self, scoped: Account) -> None:
        chain()
        assert export_anchors() == 0
        LedgerAnchor.objects.update(day=timezone.now().date() - DAY)
        assert (export_anchors(), export_anchors()) == (1, 0)
        assert default_storage.exists(anchor_path(timezone.now().date() - DAY))


class TestCommand:
    def test_it_checks_every_ledger_and_fails_for_a_broken_one(self, scoped: Account, capsys: Any) -> None:
        chain()
        head = LedgerAnchor.objects.get()
        call_command("verify_ledger", account=scoped.slug, head=[f"{head.sequence}:{head.hash}"])
        assert "sound" in capsys.readouterr().out
        with pytest.raises(CommandError):
            call_command("verify_ledger", account=scoped.slug, head=[f"{head.sequence}:{'0' * 64}"])
        as_owner(("UPDATE consent_consentevent SET purpose = 'x' WHERE sequence = 3", []))
        with pytest.raises(CommandError, match="1 of 1"):
            call_command("verify_ledger", account=scoped.slug)
        assert "number 3" in capsys.readouterr().out

    @pytest.mark.parametrize("wrong", [{"account": "ninguna"}, {"head": ["1:a"]}])
    def test_it_says_what_it_cannot_do(self, scoped: Account, wrong: dict[str, Any]) -> None:
        with pytest.raises(CommandError):
            call_command("verify_ledger", **wrong)

    def test_the_beat_seals_every_account(self, scoped: Account) -> None:
        say(make_person(("phone", PHONE)), Action.WITHDRAW)
        other = make_account("otra")
        with account_scope(other):
            say(make_person(("phone", PHONE)), Action.WITHDRAW)
        # Accounts that other tests committed may have some to seal too.
        assert seal_ledgers() >= 2
        assert not ConsentEvent.scoped().filter(sequence=None).exists()
        with account_scope(other):
            assert not ConsentEvent.scoped().filter(sequence=None).exists()


class TestMerging:
    """Principles 2, 3 and 5."""

    def test_merge_and_unmerge_change_nothing_in_the_ledger(self, ana: Profile) -> None:
        beto = make_person(("phone", "+56987654321"), name="Beto")
        agree(ana)
        say(beto, Action.WITHDRAW)
        before = list(ConsentEvent.objects.order_by("pk").values()), states()
        event = merge(contacts=[ana.contact, beto.contact], by=SYSTEM)
        assert (list(ConsentEvent.objects.order_by("pk").values()), states()) == before
        assert (ask(ana).allowed, ask(beto).allowed) == (True, False)
        undo(event=event, by=SYSTEM)
        assert (list(ConsentEvent.objects.order_by("pk").values()), states()) == before

    def test_an_opt_out_made_while_merged_stands_on_both_sides_and_a_grant_on_its_own_point(self, ana: Profile) -> None:
        beto = make_person(("phone", "+56987654321"), name="Beto")
        agree(ana, occurred_at=timezone.now() - DAY)
        agree(beto, occurred_at=timezone.now() - DAY)
        event = merge(contacts=[ana.contact, beto.contact], by=SYSTEM)
        opt_out_person(profile=ana, origin=Origin.PORTAL, occurred_at=timezone.now() - HOUR, key="todo", possession_proven=True)
        agree(beto, occurred_at=timezone.now())
        undo(event=event, by=SYSTEM)
        assert (ask(ana).reason, ask(beto).allowed) == ("withdrawn", True)
