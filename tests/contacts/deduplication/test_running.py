"""Searches for duplicates on real profiles: what is suggested, what is merged, what is left alone."""

from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, Channel
from accounts.scope import account_scope
from contacts.building_block_keys import build_all
from contacts.deduplication import running
from contacts.deduplication.running import ask, work
from contacts.marking import mark_shared
from contacts.models import DeduplicationRun, Identifier, MatchModel, MergeEvent, MergeSuggestion, NeverMerge, Profile, ValueMark
from contacts.tasks import search_what_changed, sweep_deduplication
from tests.conftest import make_account, make_channel
from tests.contacts.stories import writes

Kind, State = DeduplicationRun.Kind, DeduplicationRun.State


@pytest.fixture
def house(db: None) -> Any:
    """A standard account: nobody is joined by the keys, so that the search has something to find."""
    account = make_account("duplicados")
    with account_scope(account):
        yield account


@pytest.fixture
def channels(house: Account) -> dict[str, Channel]:
    return {kind: make_channel(house, kind) for kind in ("whatsapp", "email", "instagram", "webchat")}


def search(kind: str = Kind.WHOLE) -> DeduplicationRun:
    return work(run_id=DeduplicationRun.objects.create(kind=kind).pk)


def allow_merging(house: Account) -> None:
    house.deduplication_merges = True
    house.save()


def pairs() -> set[tuple[int, int]]:
    return set(MergeSuggestion.scoped().values_list("low", "high"))


def twice(channels: dict[str, Channel], name: str = "Ana Rojas Pinto", **second: Any) -> tuple[Profile, Profile]:
    """One person by email twice, with one more address in common."""
    first = writes(channels["email"], "ana.rojas84@uno.cl", name=name, phone="+56 9 8765 4321").profile
    other = writes(channels["whatsapp"], "56987654321", **({"name": name} | second)).profile
    return first, other


def test_the_same_person_on_two_channels_is_suggested_with_its_reasons(channels: dict[str, Channel]) -> None:
    ana, again = twice(channels)
    writes(channels["email"], "pedro@dos.cl", name="Pedro Soto", phone="+56 9 1111 2222")
    run = search()
    assert (run.state, run.done, run.total) == (State.DONE, 100, 100)
    assert (run.figures["profiles"], run.figures["suggested"], run.figures["merged"]) == (3, 1, 0)
    row = MergeSuggestion.scoped().get()
    assert (row.low, row.high, row.origin, row.state, row.model) == (ana, again, "dedup", "open", run.model)
    assert row.probability is not None
    assert row.probability > 0.99
    assert row.evidence[0]["comparison"] == "phone"
    assert row.evidence[0]["left"] == row.evidence[0]["right"] == "+56987654321"
    assert {piece["comparison"] for piece in row.evidence} >= {"given", "surname", "surname2", "phone"}
    assert not MergeEvent.scoped().exists()


def test_nothing_is_merged_unless_the_account_allows_it(house: Account, channels: dict[str, Channel]) -> None:
    ana, again = twice(channels)
    search()
    again.refresh_from_db()
    assert again.contact_id != ana.contact_id


def test_what_is_beyond_doubt_merges_by_itself_and_says_why(house: Account, channels: dict[str, Channel]) -> None:
    ana, again = twice(channels)
    allow_merging(house)
    run = search()
    again.refresh_from_db()
    assert again.contact_id == ana.contact_id
    event = MergeEvent.scoped().get()
    assert (event.cause, event.actor_name, event.evidence["run"]) == ("deduplication", "deduplication", run.pk)
    assert event.evidence["pieces"][0]["comparison"] == "phone"
    assert not MergeSuggestion.scoped().exists()
    # Once more does nothing more.
    assert search().figures["merged"] == 0
    assert MergeEvent.scoped().count() == 1


def test_a_family_on_one_phone_is_never_merged(house: Account, channels: dict[str, Channel]) -> None:
    """Mother, son, and the mother again: the phone is shared, so nothing is certain."""
    allow_merging(house)
    twice(channels)
    writes(channels["webchat"], "v-1", name="Juan Rojas Pinto", phone="+56987654321")
    assert search().figures["merged"] == 0
    assert not MergeEvent.scoped().exists()


def test_father_and_son_of_one_name_are_never_merged(house: Account, channels: dict[str, Channel]) -> None:
    allow_merging(house)
    writes(channels["email"], "padre@uno.cl", name="Juan Rojas Pinto", phone="+56987654321")
    writes(channels["whatsapp"], "56987654321", name="Juan Rojas Soto")
    assert search().figures["merged"] == 0
    assert [row.conflicts for row in MergeSuggestion.scoped()] == [["surname"]]


def test_never_merge_holds(house: Account, channels: dict[str, Channel]) -> None:
    allow_merging(house)
    ana, again = twice(channels)
    NeverMerge.objects.create(low=ana, high=again)
    run = search()
    assert (run.figures["merged"], run.figures["suggested"]) == (0, 0)
    assert not MergeSuggestion.scoped().exists()


def test_a_neighbour_of_another_name_keeps_contacts_apart(house: Account, channels: dict[str, Channel]) -> None:
    """Ana's contact holds a profile called Pedro by now: her other half is asked about, not merged."""
    from contacts.merging import merge

    _ana, again = twice(channels)
    pedro = writes(channels["instagram"], "ig-9", name="Pedro Soto").profile
    merge(contacts=[again.contact, pedro.contact], by=SYSTEM)
    allow_merging(house)
    assert search().figures["merged"] == 0
    assert MergeSuggestion.scoped().count() == 1


def test_a_marked_value_proves_nothing(house: Account, channels: dict[str, Channel]) -> None:
    allow_merging(house)
    ana, _again = twice(channels, name="Ana")
    mark_shared(identifier=Identifier.scoped().get(profile=ana, kind="phone"), by=SYSTEM)
    assert ValueMark.scoped().exists()
    search()
    assert not MergeEvent.scoped().exists()
    assert not MergeSuggestion.scoped().exists()


def test_only_what_changed_is_compared_again(channels: dict[str, Channel]) -> None:
    twice(channels)
    assert search().figures["suggested"] == 1
    MergeSuggestion.scoped().delete()
    nothing_new = search(Kind.CHANGED)
    assert (nothing_new.figures["changed"], nothing_new.figures["compared"]) == (0, 0)
    assert pairs() == set()
    writes(channels["webchat"], "v-2", name="Ana Rojas", phone="+56987654321")
    Profile.scoped().filter(channel=channels["webchat"]).update(created_at=timezone.now())
    run = search(Kind.CHANGED)
    assert run.figures["changed"] == 1
    assert run.figures["suggested"] == 2


def test_a_search_of_what_changed_reads_only_those_and_who_is_like_them(channels: dict[str, Channel]) -> None:
    ana, again = twice(channels)
    for number in range(10):
        writes(channels["email"], f"otra{number}@otro{number}.cl", name=f"{'abcdefghij'[number] * 5} {'klmnopqrst'[number] * 6}")
    assert search().figures["read"] == 12
    MergeSuggestion.scoped().delete()
    build_all()
    third = writes(channels["webchat"], "v-2", name="Ana Rojas", phone="+56987654321").profile
    run = search(Kind.CHANGED)
    assert (run.figures["changed"], run.figures["read"], run.figures["profiles"]) == (1, 3, 13)
    assert pairs() == {(ana.pk, third.pk), (again.pk, third.pk)}


def test_what_changed_is_merged_only_where_nobody_in_its_contacts_stands_in_the_way(house: Account, channels: dict[str, Channel]) -> None:
    """Pedro in the other contact has nothing in common with who changed, and is looked at all the same."""
    from contacts.merging import merge

    ana = writes(channels["email"], "ana.rojas84@uno.cl", name="Ana Rojas Pinto", phone="+56 9 8765 4321").profile
    pedro = writes(channels["instagram"], "ig-9", name="Pedro Soto").profile
    merge(contacts=[ana.contact, pedro.contact], by=SYSTEM)
    search()
    build_all()
    allow_merging(house)
    writes(channels["whatsapp"], "56987654321", name="Ana Rojas Pinto")
    run = search(Kind.CHANGED)
    assert (run.figures["read"], run.figures["merged"], run.figures["suggested"]) == (3, 0, 1)


def test_the_model_is_kept_until_the_account_grows(channels: dict[str, Channel]) -> None:
    twice(channels)
    first, again = search(), search()
    assert first.model == again.model
    for number in range(3):
        writes(channels["email"], f"otra{number}@uno.cl", name=f"Otra Persona {number}")
    assert search().model.version == 2
    assert MatchModel.scoped().count() == 2


def test_suggestions_within_one_contact_are_settled(house: Account, channels: dict[str, Channel]) -> None:
    twice(channels)
    search()
    allow_merging(house)
    run = search()
    assert (run.figures["merged"], run.figures["obsolete"]) == (1, 1)
    assert MergeSuggestion.scoped().get().state == MergeSuggestion.State.OBSOLETE


def test_one_search_at_a_time(channels: dict[str, Channel]) -> None:
    first = ask(kind=Kind.WHOLE)
    assert ask(kind=Kind.CHANGED) == first
    work(run_id=first.pk)
    assert ask(kind=Kind.CHANGED) != first


def test_a_run_that_somebody_does_is_left_to_them(channels: dict[str, Channel]) -> None:
    now = timezone.now()
    run = DeduplicationRun.objects.create(kind=Kind.WHOLE, state=State.RUNNING, beat_at=now)
    assert work(run_id=run.pk).state == State.RUNNING
    DeduplicationRun.scoped().update(beat_at=now - DeduplicationRun.DEAD_AFTER * 2)
    assert work(run_id=run.pk).state == State.DONE


def test_a_cancelled_run_stops_at_its_next_step(channels: dict[str, Channel], monkeypatch: pytest.MonkeyPatch) -> None:
    twice(channels)
    run = DeduplicationRun.objects.create(kind=Kind.WHOLE)
    honest = running.score_pairs

    def cancel_meanwhile(*args: Any, **kwargs: Any) -> Any:
        run.cancel()
        return honest(*args, **kwargs)

    monkeypatch.setattr(running, "score_pairs", cancel_meanwhile)
    assert work(run_id=run.pk).state == State.CANCELLED
    assert not MergeSuggestion.scoped().exists()


def test_a_run_that_fails_says_so(channels: dict[str, Channel], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError("too many")

    monkeypatch.setattr(running, "score_pairs", fails)
    run = DeduplicationRun.objects.create(kind=Kind.WHOLE)
    with pytest.raises(MemoryError):
        work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (State.FAILED, "MemoryError: too many")


def test_other_accounts_are_not_read(house: Account, channels: dict[str, Channel]) -> None:
    twice(channels)
    other = make_account("ajena")
    with account_scope(other):
        writes(make_channel(other, "email"), "ana.rojas84@uno.cl", name="Ana Rojas Pinto", phone="+56987654321")
        assert search().figures["profiles"] == 1
        assert not MergeSuggestion.scoped().exists()


def test_the_schedule_asks_where_there_is_anybody(house: Account, channels: dict[str, Channel]) -> None:
    twice(channels)
    search_what_changed()
    assert DeduplicationRun.scoped().get().kind == Kind.WHOLE
    work(run_id=DeduplicationRun.scoped().get().pk)
    search_what_changed()
    assert DeduplicationRun.scoped().latest("pk").kind == Kind.CHANGED
    assert sweep_deduplication() >= 0


def test_the_command_searches_now(house: Account, channels: dict[str, Channel], capsys: pytest.CaptureFixture[str]) -> None:
    twice(channels)
    call_command("dedup", account=house.slug)
    assert '"suggested": 1' in capsys.readouterr().out
