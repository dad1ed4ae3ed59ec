"""A run is one worker's at a time; whoever died, was cancelled or was lost by the broker is noticed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.background_runs import Cancelled
from accounts.models import Account
from contacts.models import UnificationRun as Run

State = Run.State
pytestmark = pytest.mark.django_db


def make_run(**fields: object) -> Run:
    return Run.objects.create(kind=Run.Kind.PREVIEW, **fields)


def dead(run: Run) -> None:
    Run.scoped().filter(pk=run.pk).update(beat_at=timezone.now() - Run.DEAD_AFTER - timedelta(seconds=1))


def test_one_worker_takes_a_run_and_a_second_one_only_after_its_death(scoped: Account) -> None:
    run = make_run(figures={"seen": 3})
    mine = Run.take(run.pk)
    assert mine is not None
    mine.done, mine.total = 5, 9
    mine.beat()
    assert Run.take(run.pk) is None

    dead(run)

    again = Run.take(run.pk)
    assert again is not None
    assert (again.state, again.done, again.total, again.figures) == (State.RUNNING, 0, 9, {"seen": 3})


def test_what_is_over_is_nobodys(scoped: Account) -> None:
    for state in (State.DONE, State.FAILED, State.CANCELLED):
        run = make_run(state=state)
        assert Run.take(run.pk) is None
        run.cancel()
        run.refresh_from_db()
        assert run.state == state
    assert not Run.free().exists()


def test_a_cancelled_run_hears_of_it_at_its_next_beat_and_keeps_what_was_written(scoped: Account) -> None:
    mine = Run.take(make_run().pk)
    assert mine is not None
    mine.done = 2
    mine.beat()
    mine.cancel()
    mine.done = 7

    with pytest.raises(Cancelled):
        mine.beat()

    mine.refresh_from_db()
    assert (mine.state, mine.done) == (State.CANCELLED, 2)
    assert mine.finished_at is not None


def test_forgotten_are_those_that_nobody_has_just_asked_for(scoped: Account) -> None:
    lost, fresh, taken = make_run(), make_run(), make_run()
    Run.scoped().filter(pk=lost.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    Run.scoped().filter(pk=fresh.pk).update(created_at=timezone.now())
    Run.take(taken.pk)
    assert list(Run.forgotten()) == [lost]
    dead(taken)
    assert set(Run.forgotten()) == {lost, taken}


def test_a_long_error_is_kept_as_far_as_it_fits(scoped: Account) -> None:
    run = make_run()
    run.end(State.FAILED, "x" * 1000)
    run.refresh_from_db()
    assert (run.state, len(run.error)) == (State.FAILED, 300)
