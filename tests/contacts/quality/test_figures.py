"""The account's figures, and the duplicates over time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Channel, Membership
from contacts import deciding
from contacts.models import Contact, MergeSuggestion, Profile, SuggestionDecision
from contacts.quality.charts import HEIGHT, nice, stacked
from contacts.quality.figures import overview, trend
from contacts.quality.scoring import renew_due
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import person, writes

pytestmark = pytest.mark.usefixtures("scoped")


def test_the_account_at_a_glance(mail: Channel) -> None:
    writes(mail, "ana@ejemplo.cl", name="cliente")
    writes(mail, "eva@ejemplo.cl", 1, name="Eva Díaz")
    Profile.scoped().update(last_seen_at=timezone.now())
    assert (overview().average, overview().waiting) == (None, 2)
    renew_due()
    found = overview()
    assert (found.contacts, found.average, found.to_fix, found.good, found.fair, found.poor) == (2, 92.5, 1, 2, 0, 0)
    assert found.problems == {"nameless": 1}


def test_days_count_what_was_found_decided_and_left_open(mail: Channel, supervisor: Membership) -> None:
    now = timezone.now()
    yesterday, before = now - timedelta(days=1), now - timedelta(days=3)
    accepted, rejected, waiting, undone = (ask(*two_people(mail, 10 * turn)) for turn in range(4))
    Contact.scoped().update(born_at=now - timedelta(days=300))
    by = person(supervisor)
    deciding.accept(suggestion=accepted, by=by)
    deciding.reject(suggestion=rejected, by=by)
    deciding.undo(decision=deciding.reject(suggestion=undone, by=by), by=by)
    SuggestionDecision.scoped().update(at=yesterday)
    for pk in (accepted.pk, rejected.pk):
        MergeSuggestion.scoped().filter(pk=pk).update(created_at=before, decided_at=yesterday)
    MergeSuggestion.scoped().filter(pk__in=(waiting.pk, undone.pk)).update(created_at=before)

    steps = {step.start: step for step in trend("days")}
    day = timedelta(days=1)
    today = max(steps)
    assert len(steps) == 30
    counts = {(today - back * day): (s.found, s.accepted, s.rejected, s.open) for back in range(5) for s in [steps[today - back * day]]}
    assert list(counts.values()) == [(0, 0, 0, 2), (0, 1, 1, 2), (0, 0, 0, 4), (4, 0, 0, 4), (0, 0, 0, 0)]
    # Seven contacts are left of eight, since two are one by now.
    assert steps[today - 3 * day].rate == pytest.approx(4000 / 7)


def test_weeks_begin_on_mondays_and_end_with_this_one(mail: Channel) -> None:
    ask(*two_people(mail))
    steps = trend("weeks")
    assert len(steps) == 26
    assert {step.start.weekday() for step in steps} == {0}
    assert steps[-1].start <= timezone.localdate() <= steps[-1].end
    assert [step.found for step in steps[-2:]] == [0, 1]


def test_a_day_is_the_accounts_own(account: Account, mail: Channel) -> None:
    suggestion = ask(*two_people(mail))
    midnight = datetime.combine(timezone.now().date() - timedelta(days=2), datetime.min.time(), UTC) + timedelta(hours=1)
    MergeSuggestion.scoped().filter(pk=suggestion.pk).update(created_at=midnight)
    Account.objects.filter(pk=account.pk).update(timezone="America/Santiago")
    assert [step.start for step in trend("days") if step.found] == [midnight.date() - timedelta(days=1)]


def test_bars_stand_on_the_ground_and_lines_leave_gaps_out() -> None:
    chart = stacked([[("a", 1), ("b", 2)], [("a", 0), ("b", 0)]], [4, None])
    assert chart.top == 5
    assert chart.bars[0].pieces == [("a", HEIGHT - 28, 28.0), ("b", HEIGHT - 84, 56.0)]
    assert chart.bars[1].pieces == []
    assert chart.dots == [(150.0, HEIGHT - 112)]
    assert [nice(value) for value in (0, 0.3, 1, 3, 7, 11, 150)] == [1, 0.5, 1, 5, 10, 20, 200]


class TestPage:
    def test_an_empty_account_is_told_what_comes(self, supervisor_client: Client, account: Account) -> None:
        assert 'class="empty"' in supervisor_client.get(reverse("contacts:quality", args=[account.slug])).content.decode()

    def test_nothing_is_called_fine_before_it_was_looked_at(self, supervisor_client: Client, account: Account, mail: Channel) -> None:
        two_people(mail)
        Contact.objects.update(quality=None, quality_due=True)
        path = reverse("contacts:quality", args=[account.slug])
        assert "Se están calculando los puntajes" in supervisor_client.get(path).content.decode()
        renew_due()
        assert "Se están calculando los puntajes" not in supervisor_client.get(path).content.decode()

    def test_it_shows_problems_with_their_reviews_and_remembers_the_period(
        self, supervisor_client: Client, account: Account, mail: Channel
    ) -> None:
        ask(*two_people(mail))
        renew_due()
        path = reverse("contacts:quality", args=[account.slug])
        page = supervisor_client.get(path, {"period": "weeks"})
        names = [each["name"] for each in page.context["problems"]]
        assert set(names) == {"duplicates", "stale"} or names == ["duplicates"]
        assert supervisor_client.get(path).context["period"] == "weeks"
        assert supervisor_client.get(path, {"period": "years"}).status_code == 404

    def test_the_number_of_queries_does_not_grow(self, supervisor_client: Client, account: Account, mail: Channel) -> None:
        path = reverse("contacts:quality", args=[account.slug])

        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert supervisor_client.get(path).status_code == 200
            return len(captured)

        ask(*two_people(mail))
        renew_due()
        count()
        few = count()
        for turn in range(10):
            ask(*two_people(mail, 10 * turn))
        renew_due()
        assert count() == few
