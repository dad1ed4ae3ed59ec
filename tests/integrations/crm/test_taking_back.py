"""An answer to a conflict that was a slip is taken back: both sides stand as before, and the question is open again."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from contacts.correcting import add_identifier, correct_field
from contacts.ending_identifiers import end_identifier
from contacts.merging import Refused, merge
from contacts.models import Contact, Identifier, MergeEvent, NeverMerge, Profile
from integrations.models import Conflict, Connection, ExternalRecord, Mapping, SyncLog
from integrations.syncing import pushing, queries
from integrations.syncing.conflicts import TAKEN_BACK_WITHIN, open_other, settle
from integrations.syncing.forgetting import forget_old_rows
from integrations.syncing.opening import open_desk
from integrations.syncing.taking_back import take_back
from tests.conftest import make_channel
from tests.contacts.stories import writes
from tests.integrations.crm.others import ShopSide
from tests.integrations.crm.shop import Shop
from tests.integrations.crm.steps import fill, hear, person, record_of, say, settle_down, shown


@dataclass
class Question:
    """Ana's city: Quito at first, then Lima here and Loja there."""

    side: ShopSide
    external_id: str
    admin: Actor

    @property
    def ana(self) -> Contact:
        return person(self.side.connection, self.external_id)

    @property
    def cities(self) -> tuple[Any, Any]:
        return shown(self.ana)["city"], self.side.values(self.external_id)["city"]

    def row(self) -> Conflict:
        return Conflict.scoped().select_related("connection", "record").latest("pk")

    def answer(self, decision: str) -> None:
        settle(conflict=self.row(), decision=decision, by=self.admin)

    def take_back(self) -> None:
        take_back(conflict=self.row(), by=self.admin)

    def rest(self) -> None:
        assert settle_down(self.side.connection) <= 3


@pytest.fixture
def question(to_shop: Connection, shop: Shop, admin: Membership) -> Question:
    side = ShopSide(to_shop, shop)
    external_id = side.add("Ana", city="Quito", email="ana@example.org")
    fill(to_shop)
    Mapping.scoped().filter(connection=to_shop, ours__in=["city", "email"]).update(policy="manual")
    correct_field(contact=person(to_shop, external_id), field="city", value="Lima", by=SYSTEM)
    side.change(external_id, city="Loja")
    settle_down(to_shop)
    return Question(side, external_id, Actor.person(admin))


@pytest.mark.parametrize("was_said", [True, False])
@pytest.mark.parametrize(("decision", "other", "city"), [("ours", "theirs", "Loja"), ("theirs", "ours", "Lima")])
def test_both_sides_stand_as_before_and_the_question_is_open(
    question: Question, decision: str, other: str, city: str, was_said: bool
) -> None:
    assert question.cities == ("Lima", "Loja")
    question.answer(decision)
    if was_said:
        question.rest()
        assert len({*question.cities}) == 1
    question.take_back()
    question.rest()
    row = question.row()
    assert question.cities == ("Lima", "Loja")
    assert (row.state, row.ours, row.theirs, row.decision, row.decided_by, row.says_again) == ("open", "Lima", "Loja", "", None, False)
    assert Conflict.scoped().count() == 1
    entry = AuditEntry.objects.get(action="connection.settle_undo")
    assert (entry.detail["decision"], entry.actor_name) == (decision, question.admin.name)
    # What both sides say of everything else went on, and the other answer holds like any.
    question.answer(other)
    question.rest()
    assert question.cities == (city, city)


def test_answered_otherwise_before_the_other_side_heard_of_it(question: Question) -> None:
    question.answer("ours")
    question.rest()
    question.take_back()
    question.answer("theirs")
    assert question.cities == ("Loja", "Lima")
    question.rest()
    assert question.cities == ("Loja", "Loja")


def test_taken_back_while_it_is_being_said_it_is_said_back(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    note = pushing._note

    def meanwhile(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(pushing, "_note", note)
        question.take_back()
        hear(question.side.connection)
        note(*arguments, **options)

    question.answer("ours")
    monkeypatch.setattr(pushing, "_note", meanwhile)
    say()
    question.rest()
    assert question.cities == ("Lima", "Loja")
    assert question.row().state == "open"


def test_an_answer_there_meanwhile_is_what_is_asked_about(question: Question) -> None:
    question.answer("ours")
    question.rest()
    question.take_back()
    question.side.change(question.external_id, city="Cuenca")
    question.rest()
    assert question.cities == ("Lima", "Cuenca")
    assert (question.row().state, question.row().theirs) == ("open", "Cuenca")


@pytest.mark.parametrize("decision", ["ours", "theirs"])
@pytest.mark.parametrize("where", ["here", "there", "no line"])
def test_nothing_is_undone_where_either_side_changed_since(question: Question, decision: str, where: str) -> None:
    question.answer(decision)
    question.rest()
    if where == "here":
        correct_field(contact=question.ana, field="city", value="Cuenca", by=SYSTEM)
    elif where == "there":
        question.side.change(question.external_id, city="Cuenca")
        hear(question.side.connection)
    else:
        Mapping.scoped().filter(ours="city").update(direction="in")
    before = (question.cities, record_of(question.side.connection, question.external_id).base, SyncLog.scoped().count())
    with pytest.raises(Refused) as refused:
        question.take_back()
    assert refused.value.code == ("no_line" if where == "no line" else "changed")
    assert question.row().state == "settled"
    assert (question.cities, record_of(question.side.connection, question.external_id).base, SyncLog.scoped().count()) == before


class TestAnAddress:
    """A field that is an identifier: what was ended for it holds again."""

    @pytest.fixture
    def asked(self, question: Question) -> Question:
        question.answer("theirs")
        old = Identifier.scoped().get(kind="email")
        add_identifier(contact=question.ana, kind="email", value="soto@example.org", by=SYSTEM)
        end_identifier(identifier=old, by=SYSTEM)
        return question

    def test_ours_holds_again(self, asked: Question) -> None:
        asked.side.change(asked.external_id, emails=["ana.soto@example.org"])
        asked.rest()
        asked.answer("theirs")
        asked.rest()
        asked.take_back()
        asked.rest()
        assert shown(asked.ana)["emails"] == ["soto@example.org"]
        assert asked.side.values(asked.external_id)["emails"] == ["ana.soto@example.org"]

    def test_one_that_joined_two_people_says_what_to_do_first(self, asked: Question, scoped: Account) -> None:
        writes(make_channel(scoped, "email"), "eva@example.org", name="Ana")
        asked.side.change(asked.external_id, emails=["eva@example.org"])
        asked.rest()
        asked.answer("theirs")
        assert MergeEvent.scoped().exists()
        with pytest.raises(Refused) as refused:
            asked.take_back()
        assert refused.value.code == "merged"


@pytest.mark.parametrize("decision", ["merged", "apart"])
def test_people_said_to_be_one_are_two_again(question: Question, decision: str) -> None:
    connection = question.side.connection
    other = question.side.add("Ana Soto")
    hear(connection)
    one, two = record_of(connection, question.external_id), record_of(connection, other)
    NeverMerge.objects.create(low_id=min(one.profile_id, two.profile_id), high_id=max(one.profile_id, two.profile_id))
    ExternalRecord.scoped().filter(pk=two.pk).update(state="merged", alias_of=one)
    open_other(open_desk(connection), record_of(connection, other), Conflict.Kind.MERGE)
    question.answer(decision)
    assert (person(connection, other) == question.ana) is (decision == "merged")
    question.take_back()
    assert person(connection, other) != question.ana
    assert (question.row().state, question.row().kind) == ("open", "merge")
    # Joined by hand since, there is nothing to ask about.
    question.answer("apart")
    merge(contacts=[question.ana, person(connection, other)], by=SYSTEM)
    with pytest.raises(Refused):
        question.take_back()


def test_a_deletion_waits_again_unless_the_record_is_back(question: Question) -> None:
    connection = question.side.connection
    question.side.delete(question.external_id)
    hear(connection)
    assert question.row().kind == "deletion"
    question.answer("kept")
    question.take_back()
    assert question.row().state == "open"
    question.answer("kept")
    question.side.peer.change(question.external_id, deleted=False)
    hear(connection)
    with pytest.raises(Refused):
        question.take_back()


def test_what_an_answer_changed_is_kept_for_two_weeks(question: Question) -> None:
    question.answer("theirs")
    assert [row.decision for _label, row in queries.settled_lately(question.side.connection)] == ["theirs"]
    Conflict.scoped().update(decided_at=timezone.now() - TAKEN_BACK_WITHIN)
    forget_old_rows()
    assert queries.settled_lately(question.side.connection) == []
    assert question.row().before is None
    with pytest.raises(Refused):
        question.take_back()
    assert Profile.scoped().filter(corrects__isnull=False).count() == 1


def test_the_page_offers_it_twice(question: Question, admin_client: Client, account: Account) -> None:
    connection = question.side.connection
    here = f"/a/{account.slug}/settings/connections/{connection.pk}/"
    undo = f"{here}conflicts/{question.row().pk}/undo/"
    page = admin_client.post(f"{here}conflicts/{question.row().pk}/", {"decision": "ours"}, follow=True).content.decode()
    assert page.count(undo) == 2, "in the notice and in the list"
    assert "ana" in page[page.index('id="settled"') :]
    answer = admin_client.post(undo, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, here)
    assert question.row().state == "open"
    page = admin_client.get(here).content.decode()
    assert undo not in page
    assert "Lima" in page
    # Once more says so, and changes nothing.
    assert 'role="alert"' in admin_client.post(undo, follow=True).content.decode()
