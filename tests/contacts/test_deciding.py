"""Accept, reject, later, undo: each settles every pair between the two sides, and can be taken back."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from accounts.scope import account_scope
from contacts import deciding, merging
from contacts.deciding import accept, defer, reject, undo
from contacts.merging import Refused
from contacts.models import MergeEvent, MergeSuggestion, NeverMerge, Profile, SuggestionDecision
from contacts.suggesting import suggest
from contacts.suggestion_queries import find, listing, open_count, state_now
from tests.conftest import make_account, make_channel, make_member
from tests.contacts.pairs import EVIDENCE, ask, piece, two_people
from tests.contacts.stories import members, person, shown, writes
from tests.threads import at_once

State = MergeSuggestion.State


@pytest.fixture
def by(supervisor: Membership) -> Actor:
    return person(supervisor)


@pytest.fixture
def pair(mail: Channel) -> Any:
    return two_people(mail)


def state_of(suggestion: MergeSuggestion) -> str:
    return state_now(find(suggestion.pk))


def open_ids() -> list[int]:
    return [row.pk for row in listing().rows]


class TestAccept:
    def test_merges_on_record_with_the_evidence(self, pair: Any, by: Actor) -> None:
        one, other = pair
        suggestion = ask(one, other)

        decision = accept(suggestion=suggestion, by=by)

        assert members(one.contact) == {one.profile.pk, other.profile.pk}
        event = MergeEvent.scoped().get()
        assert (event.pk, event.cause, event.membership) == (decision.event_id, "manual", by.membership)
        assert event.evidence["suggestion"] == suggestion.pk
        assert event.evidence["comparisons"] == EVIDENCE
        suggestion.refresh_from_db()
        assert (suggestion.state, suggestion.decided_by) == (State.ACCEPTED, by.membership)
        assert open_ids() == []
        entry = AuditEntry.scoped().get(action="suggestion.accept")
        assert entry.target_id == suggestion.pk

    def test_settles_every_pair_between_the_two_sides(self, mail: Channel, pair: Any, by: Actor) -> None:
        """Given two suggestions about four profiles of what became two contacts, when one is accepted, both are settled."""
        one, other = pair
        three, four = two_people(mail, 5)
        first, second = ask(one, other, 0.8), ask(three, four, 0.7)
        merging.merge(contacts=[one.contact, three.contact], by=SYSTEM)
        merging.merge(contacts=[other.contact, four.contact], by=SYSTEM)
        assert open_ids() == [first.pk]

        accept(suggestion=first, by=by)

        second.refresh_from_db()
        assert second.state == State.ACCEPTED
        assert len(members(one.contact)) == 4

    def test_undone_it_is_as_before_and_asked_again_while_nothing_joins_them_by_itself(self, pair: Any, by: Actor) -> None:
        one, other = pair
        before = shown()
        suggestion = ask(one, other)
        decision = accept(suggestion=suggestion, by=by)

        undo(decision=decision, by=by)

        assert shown() == before
        assert state_of(suggestion) == State.OPEN
        assert open_ids() == [suggestion.pk]
        assert NeverMerge.scoped().count() == 1
        assert find(suggestion.pk).evidence[1:] == EVIDENCE

        accept(suggestion=suggestion, by=by)
        assert NeverMerge.scoped().count() == 0
        assert members(one.contact) == {one.profile.pk, other.profile.pk}

    def test_undoing_works_with_what_came_meanwhile(self, mail: Channel, pair: Any, by: Actor) -> None:
        one, other = pair
        decision = accept(suggestion=ask(one, other), by=by)
        address = other.profile.address
        later = writes(make_channel(mail.account, "webchat"), "visitor-9", 30, email=address)
        assert later.contact == one.contact

        undo(decision=decision, by=by)

        assert members(one.contact) == {one.profile.pk}
        assert members(other.contact) == {other.profile.pk, later.profile.pk}


class TestReject:
    def test_marks_everything_across_and_nothing_asks_again(self, mail: Channel, pair: Any, by: Actor) -> None:
        one, other = pair
        third = writes(mail, "tres@ejemplo.cl", 4, name="María Pérez")
        merging.merge(contacts=[one.contact, third.contact], by=SYSTEM)
        suggestion = ask(one, other)

        reject(suggestion=suggestion, by=by, reason="hermanas")

        marked = {frozenset(row) for row in NeverMerge.scoped().values_list("low_id", "high_id")}
        assert marked == {frozenset((mine.profile.pk, other.profile.pk)) for mine in (one, third)}
        assert {row.reason for row in NeverMerge.scoped()} == {"hermanas"}
        assert state_of(suggestion) == State.REJECTED
        assert suggest(low=third.profile, high=other.profile, origin="dedup", weight=4.0, evidence=EVIDENCE) is None
        assert open_ids() == []
        assert not MergeEvent.scoped().filter(contact=other.contact).exists()

    def test_undone_it_lifts_what_it_wrote_and_no_more(self, mail: Channel, pair: Any, by: Actor) -> None:
        one, other = pair
        third = writes(mail, "tres@ejemplo.cl", 4, name="María Pérez")
        merging.merge(contacts=[one.contact, third.contact], by=SYSTEM)
        suggestion = ask(one, other)
        theirs = NeverMerge.objects.create(low=other.profile, high=third.profile)
        decision = reject(suggestion=suggestion, by=by)
        assert NeverMerge.scoped().count() == 2

        undo(decision=decision, by=by)

        assert list(NeverMerge.scoped()) == [theirs]
        suggestion.refresh_from_db()
        assert (suggestion.state, suggestion.decided_by, suggestion.decided_at) == (State.OPEN, None, None)

    def test_what_was_decided_anew_since_cannot_be_undone_by_the_old_decision(self, pair: Any, by: Actor) -> None:
        one, other = pair
        suggestion = ask(one, other)
        rejected = reject(suggestion=suggestion, by=by)
        again = suggest(
            low=one.profile,
            high=other.profile,
            origin="dedup",
            weight=30.0,
            evidence=[piece("national_id", "same", 20, "1-9", "1-9"), *EVIDENCE],
        )
        assert again == suggestion
        accept(suggestion=suggestion, by=by)

        with pytest.raises(Refused) as refused:
            undo(decision=rejected, by=by)

        assert refused.value.code == "decided"
        assert members(one.contact) == {one.profile.pk, other.profile.pk}


class TestLater:
    def test_leaves_the_queue_and_comes_back_by_itself(self, pair: Any, by: Actor) -> None:
        suggestion = ask(*pair)
        defer(suggestion=suggestion, by=by, until=timezone.now() + timedelta(days=2))
        assert (state_of(suggestion), open_ids(), open_count()) == (State.DEFERRED, [], 0)
        assert [row.pk for row in listing(state=State.DEFERRED).rows] == [suggestion.pk]

        MergeSuggestion.scoped().update(deferred_until=timezone.now() - timedelta(seconds=1))

        assert (state_of(suggestion), open_ids(), open_count()) == (State.OPEN, [suggestion.pk], 1)
        assert listing(state=State.DEFERRED).rows == []

    def test_a_week_unless_said_otherwise(self, pair: Any, by: Actor) -> None:
        suggestion = ask(*pair)
        defer(suggestion=suggestion, by=by)
        suggestion.refresh_from_db()
        assert suggestion.deferred_until is not None
        assert abs(suggestion.deferred_until - timezone.now() - timedelta(days=7)) < timedelta(minutes=5)

    def test_put_off_twice_and_undone_is_put_off_as_before(self, pair: Any, by: Actor) -> None:
        suggestion = ask(*pair)
        until = timezone.now() + timedelta(days=2)
        defer(suggestion=suggestion, by=by, until=until)
        decision = defer(suggestion=suggestion, by=by, until=until + timedelta(days=9))
        undo(decision=decision, by=by)
        suggestion.refresh_from_db()
        assert (suggestion.state, suggestion.deferred_until) == (State.DEFERRED, until)

    @pytest.mark.parametrize("days", [-1, 0, 400])
    def test_only_within_the_next_year(self, pair: Any, by: Actor, days: int) -> None:
        suggestion = ask(*pair)
        with pytest.raises(Refused):
            defer(suggestion=suggestion, by=by, until=timezone.now() + timedelta(days=days))
        assert state_of(suggestion) == State.OPEN
        assert not SuggestionDecision.scoped().exists()


class TestSettledOtherwise:
    def test_a_merge_by_hand_settles_it_and_a_separation_without_never_merge_opens_it_again(self, pair: Any, by: Actor) -> None:
        one, other = pair
        suggestion = ask(one, other)
        event = merging.merge(contacts=[one.contact, other.contact], by=by)
        assert (state_of(suggestion), open_ids()) == (State.OBSOLETE, [])
        assert [row.pk for row in listing(state=State.OBSOLETE).rows] == [suggestion.pk]
        with pytest.raises(Refused) as refused:
            accept(suggestion=suggestion, by=by)
        assert refused.value.code == "already_one"

        merging.undo(event=event, by=by)
        assert (state_of(suggestion), open_ids()) == (State.OBSOLETE, [])

        NeverMerge.scoped().all().delete()
        assert (state_of(suggestion), open_ids()) == (State.OPEN, [suggestion.pk])

    def test_a_merge_taken_back_on_the_contacts_page_cannot_be_undone_twice(self, pair: Any, by: Actor) -> None:
        decision = accept(suggestion=ask(*pair), by=by)
        assert decision.event is not None
        merging.undo(event=decision.event, by=by)
        with pytest.raises(Refused):
            undo(decision=decision, by=by)
        decision.refresh_from_db()
        assert decision.undone_at is None

    @pytest.mark.parametrize("decide", [accept, reject, defer])
    def test_what_was_decided_is_not_decided_again(self, pair: Any, by: Actor, decide: Any) -> None:
        suggestion = ask(*pair)
        reject(suggestion=suggestion, by=by)
        with pytest.raises(Refused) as refused:
            decide(suggestion=suggestion, by=by)
        assert refused.value.code == "decided"
        assert "Sofia" in refused.value.messages[0]
        assert SuggestionDecision.scoped().count() == 1

    def test_nothing_is_undone_twice(self, pair: Any, by: Actor) -> None:
        decision = reject(suggestion=ask(*pair), by=by)
        undo(decision=decision, by=by)
        with pytest.raises(Refused) as refused:
            undo(decision=decision, by=by)
        assert refused.value.code == "undone"


@pytest.mark.parametrize("name", ["accept", "reject", "defer"])
def test_an_agent_decides_nothing(pair: Any, agent: Membership, name: str) -> None:
    suggestion = ask(*pair)
    with pytest.raises(PermissionDenied):
        getattr(deciding, name)(suggestion=suggestion, by=person(agent))
    assert state_of(suggestion) == State.OPEN
    assert not NeverMerge.scoped().exists()
    assert not MergeEvent.scoped().exists()


def test_an_agent_takes_nothing_back(pair: Any, by: Actor, agent: Membership) -> None:
    suggestion = ask(*pair)
    decision = reject(suggestion=suggestion, by=by)
    with pytest.raises(PermissionDenied):
        undo(decision=decision, by=person(agent))
    assert state_of(suggestion) == State.REJECTED


class TestAtOnce:
    """Real threads on committed rows."""

    @pytest.fixture
    def account(self, committed_db: None) -> Account:
        return make_account("pareja", unification_enabled=True)

    def race(self, account: Account, *doings: Any) -> list[Any]:
        def within(do: Any) -> Any:
            def run() -> Any:
                with account_scope(account):
                    return do()

            return run

        return at_once([within(do) for do in doings])

    def test_two_supervisors_one_decision(self, account: Account) -> None:
        first, second = (person(make_member(account, "supervisor", name)) for name in ("sofia", "pablo"))
        with account_scope(account):
            mail = make_channel(account, "email")
            pairs = [two_people(mail, 3 * turn) for turn in range(5)]
            suggestions = [ask(one, other) for one, other in pairs]
        for (one, other), suggestion in zip(pairs, suggestions, strict=True):
            results = self.race(
                account,
                lambda suggestion=suggestion: accept(suggestion=suggestion, by=first),
                lambda suggestion=suggestion: reject(suggestion=suggestion, by=second),
            )
            with account_scope(account):
                (decision,) = SuggestionDecision.scoped().filter(suggestion=suggestion)
                assert [result for result in results if isinstance(result, SuggestionDecision)] == [decision]
                (refused,) = [result for result in results if isinstance(result, Refused)]
                assert refused.code == "decided"
                together = one.contact.pk == Profile.scoped().get(pk=other.profile.pk).contact_id
                pair = {one.profile.pk, other.profile.pk}
                never = NeverMerge.scoped().filter(low__in=pair, high__in=pair).exists()
                assert (together, never) == ((True, False) if decision.kind == "accepted" else (False, True))

    def test_two_who_take_the_same_back_and_a_ring_of_pairs(self, account: Account) -> None:
        by = person(make_member(account, "supervisor", "sofia"))
        with account_scope(account):
            mail = make_channel(account, "email")
            ring = [writes(mail, f"{number}@ejemplo.cl", number, name="Ana") for number in range(4)]
            suggestions = [ask(ring[i], ring[(i + 1) % 4]) for i in range(4)]
        results = self.race(account, *(lambda s=suggestion: accept(suggestion=s, by=by) for suggestion in suggestions))
        assert all(isinstance(result, SuggestionDecision | Refused) for result in results), results
        with account_scope(account):
            assert len(members(ring[0].contact)) == 4
            decision = SuggestionDecision.scoped().latest("pk")

        results = self.race(account, *[lambda: undo(decision=decision, by=by)] * 2)

        assert sorted(type(result).__name__ for result in results) == ["Refused", "SuggestionDecision"], results
