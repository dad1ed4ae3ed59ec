"""The queue of suggestions: what it shows, what each key does, the batch, the figures, the hint in the panel."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Channel, Membership
from contacts.deciding import accept, reject
from contacts.models import Identifier, MergeEvent, MergeSuggestion, NeverMerge, SuggestionDecision
from contacts.suggestion_queries import find, state_now
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import members, person

HTMX = {"HX-Request": "true"}


@pytest.fixture
def pair(mail: Channel) -> Any:
    return two_people(mail, one={"phone": "981234567", "city": "Valparaíso"}, other={"city": "Viña del Mar"})


def url(account: Account, name: str, *args: object) -> str:
    return reverse(f"contacts:{name}", args=[account.slug, *args])


def text_of(response: Any) -> str:
    return response.content.decode()


class TestQueue:
    def test_an_empty_one_teaches(self, supervisor_client: Client, account: Account) -> None:
        page = text_of(supervisor_client.get(url(account, "suggestions")))
        assert 'class="empty"' in page
        assert "Aquí aparecen" in page or "appear here" in page
        assert 'class="badge-count"' not in page

    def test_the_surest_comes_first_and_one_opens(self, supervisor_client: Client, account: Account, mail: Channel, pair: Any) -> None:
        weaker, stronger = ask(*pair, 0.7), ask(*two_people(mail, 9), 0.97)
        ruled = ask(*two_people(mail, 19), None, evidence=[], weight=None, origin="name_conflict")

        page = supervisor_client.get(url(account, "suggestions"))

        assert [row.suggestion.pk for row in page.context["rows"]] == [ruled.pk, stronger.pk, weaker.pk]
        assert page.context["shown"].suggestion == ruled
        assert '<span id="suggestions-waiting" aria-hidden="true" class="badge-count">3</span>' in text_of(page)

    def test_one_shows_both_sides_what_would_be_and_why(self, supervisor_client: Client, account: Account, pair: Any) -> None:
        one, other = pair
        suggestion = ask(one, other)

        page = supervisor_client.get(url(account, "suggestion", suggestion.pk), headers={"Accept-Language": "es"})
        shown = page.context["shown"]

        assert (shown.ours, shown.theirs, shown.percent) == (one.contact, other.contact, 94.0)
        assert [(row.label, row.ours, row.theirs, row.after) for row in shown.preview.rows] == [
            ("Nombre", "María Pérez", "M. Pérez G.", "María Pérez"),
            ("Ciudad", "Valparaíso", "Viña del Mar", "Viña del Mar"),
        ]
        assert [(row.label, row.after) for row in shown.identifiers][1] == ("Teléfono", ["+56 9 8123 4567"])
        assert [(line.text, line.bits) for line in shown.lines] == [
            ("Mismo teléfono, que no usa nadie más", 14.1),
            ("Mismo apellido", 4.6),
            ("La inicial del nombre calza", 1.8),
            ("Otra ciudad", -1.4),
            ("Punto de partida: pocos registros son de la misma persona", -15.1),
        ]
        assert "style=" not in text_of(page)
        assert "94 %" in text_of(page)

    def test_an_unknown_comparison_is_shown_plainly(self, supervisor_client: Client, account: Account, pair: Any) -> None:
        evidence = [{"comparison": "shoe_size", "level": "half_a_size", "bits": 1.5, "left": "42", "right": "42.5"}]
        suggestion = ask(*pair, evidence=evidence)
        page = supervisor_client.get(url(account, "suggestion", suggestion.pk))
        assert "Shoe size: half a size" in text_of(page)
        assert "42 ↔ 42.5" in text_of(page)

    def test_conflicts_are_named_before(self, supervisor_client: Client, account: Account, mail: Channel) -> None:
        one, other = two_people(
            mail, one={"national_id": "12.345.678-5", "phone": "981234567"}, other={"name": "Pedro Soto", "national_id": "11.111.111-1"}
        )
        suggestion = ask(one, other, conflicts=["name", "family_phone"])
        page = supervisor_client.get(url(account, "suggestion", suggestion.pk))
        assert [concern.name for concern in page.context["shown"].concerns] == ["name_conflict", "national_id", "family_phone"]

    def test_the_number_of_queries_does_not_grow(self, supervisor_client: Client, account: Account, mail: Channel) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert supervisor_client.get(url(account, "suggestions")).status_code == 200
            return len(captured)

        def add(number: int) -> None:
            for turn in range(number):
                one, other = two_people(mail, turn, one={"phone": f"98{turn:07}"}, other={"city": "Lima"})
                ask(one, other, 0.5 + turn / 100)

        add(2)
        # What a process remembers of an account is asked for once.
        count()
        before = count()
        add(20)
        assert count() == before

    def test_pages_hold_while_the_queue_moves(
        self, supervisor_client: Client, account: Account, mail: Channel, supervisor: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from contacts import suggestion_queries

        monkeypatch.setattr(suggestion_queries.listing, "__kwdefaults__", {**suggestion_queries.listing.__kwdefaults__, "limit": 2})
        asked = [ask(*two_people(mail, turn), 0.9 - turn / 100) for turn in range(5)]
        first = supervisor_client.get(url(account, "suggestions"))
        for row in first.context["rows"]:
            reject(suggestion=row.suggestion, by=person(supervisor))
        second = supervisor_client.get(first.context["older_url"])
        assert [row.suggestion for row in second.context["rows"]] == asked[2:4]
        assert supervisor_client.get(url(account, "suggestions"), {"after": "nada"}).status_code == 404

    def test_htmx_gets_one_alone(self, supervisor_client: Client, account: Account, pair: Any) -> None:
        answer = supervisor_client.get(url(account, "suggestion", ask(*pair).pk), headers=HTMX)
        assert "<html" not in text_of(answer)
        assert "HX-Request" in answer["Vary"]
        assert "suggestion-queue" not in text_of(answer)


class TestDeciding:
    def test_accept_goes_on_to_the_next_with_a_way_back(
        self, supervisor_client: Client, account: Account, mail: Channel, pair: Any
    ) -> None:
        one, other = pair
        first, second = ask(one, other, 0.97), ask(*two_people(mail, 9), 0.8)

        answer = supervisor_client.post(url(account, "suggestion_accept", first.pk), headers=HTMX)

        assert members(one.contact) == {one.profile.pk, other.profile.pk}
        assert answer.context["shown"].suggestion == second
        assert answer["HX-Replace-Url"] == url(account, "suggestion", second.pk)
        decision = SuggestionDecision.scoped().get()
        undo_url = url(account, "suggestion_undo", decision.pk)
        assert undo_url in text_of(answer)

        back = supervisor_client.post(undo_url, headers=HTMX)
        assert back.context["shown"].suggestion == first
        assert members(one.contact) == {one.profile.pk}
        assert [row.suggestion for row in back.context["rows"]] == [first, second]

    def test_reject_without_htmx_leads_on(self, supervisor_client: Client, account: Account, pair: Any) -> None:
        suggestion = ask(*pair)
        answer = supervisor_client.post(url(account, "suggestion_reject", suggestion.pk), follow=True)
        assert answer.redirect_chain == [(url(account, "suggestions"), 302)]
        assert NeverMerge.scoped().count() == 1
        assert url(account, "suggestion_undo", SuggestionDecision.scoped().get().pk) in text_of(answer)

    @pytest.mark.parametrize(("days", "status"), [("1", 200), ("30", 200), ("", 404), ("8", 404), ("x", 404)])
    def test_later_for_a_day_a_week_or_a_month(
        self, supervisor_client: Client, account: Account, pair: Any, days: str, status: int
    ) -> None:
        suggestion = ask(*pair)
        answer = supervisor_client.post(url(account, "suggestion_defer", suggestion.pk), {"days": days}, headers=HTMX)
        assert answer.status_code == status
        suggestion.refresh_from_db()
        assert (suggestion.deferred_until is not None) == (status == 200)
        if suggestion.deferred_until:
            assert abs(suggestion.deferred_until - timezone.now() - timedelta(days=int(days))) < timedelta(minutes=5)

    def test_what_somebody_else_decided_is_said_and_shown(
        self, supervisor_client: Client, account: Account, pair: Any, admin: Membership
    ) -> None:
        suggestion = ask(*pair)
        reject(suggestion=suggestion, by=person(admin))
        answer = supervisor_client.post(url(account, "suggestion_accept", suggestion.pk), headers=HTMX)
        assert answer.status_code == 200
        assert answer.context["level"] == "error"
        assert "Ana" in answer.context["text"]
        assert answer.context["shown"].state == "rejected"
        assert not MergeEvent.scoped().exists()

    def test_ones_own_last_decision_is_what_u_takes_back(
        self, supervisor_client: Client, account: Account, pair: Any, supervisor: Membership, admin: Membership, mail: Channel
    ) -> None:
        mine = reject(suggestion=ask(*pair), by=person(supervisor))
        reject(suggestion=ask(*two_people(mail, 9)), by=person(admin))
        page = supervisor_client.get(url(account, "suggestions"))
        assert page.context["last"] == mine
        supervisor_client.post(url(account, "suggestion_undo", mine.pk), headers=HTMX)
        assert supervisor_client.get(url(account, "suggestions")).context["last"] is None


class TestCertain:
    def verified_pair(self, mail: Channel, number: int, **other: Any) -> Any:
        one, two = two_people(mail, number * 3, one={"phone": f"98123456{number}"}, other={"city": "Lima"} | other)
        Identifier.scoped().filter(profile=one.profile, kind="phone").update(certainty="verified")
        self.lend(one, two)
        return one, two

    def lend(self, one: Any, other: Any) -> None:
        """The other one has the phone too."""
        phone = Identifier.scoped().get(profile=one.profile, kind="phone")
        fields = {name: getattr(phone, name) for name in ("kind", "raw", "value", "key", "valid_from", "last_seen_at")}
        Identifier.objects.create(profile=other.profile, **fields)

    def test_only_what_is_beyond_doubt_counted_before_and_undone_together(
        self, supervisor_client: Client, account: Account, mail: Channel
    ) -> None:
        sure = [self.verified_pair(mail, number) for number in range(3)]
        asked = [ask(*pair, 0.995) for pair in sure]
        unverified = ask(*two_people(mail, 50), 0.999)
        family = ask(*self.verified_pair(mail, 5, name="Pedro Pérez"), 0.999)
        warned = ask(*self.verified_pair(mail, 6), 0.999, conflicts=["chain"])
        less = ask(*self.verified_pair(mail, 7), 0.98)

        page = supervisor_client.get(url(account, "suggestions_certain"))
        assert {row.suggestion.pk for row in page.context["rows"]} == {suggestion.pk for suggestion in asked}
        assert page.context["found"].held_back == 3
        assert not MergeEvent.scoped().exists()

        everything = [*asked, unverified, family, warned, less]
        posted = {"suggestion": [suggestion.pk for suggestion in everything]}
        done = supervisor_client.post(url(account, "suggestions_accept_certain"), posted, follow=True)
        assert MergeEvent.scoped().count() == 3
        decisions = SuggestionDecision.scoped().all()
        assert len({decision.batch for decision in decisions}) == 1
        (message,) = done.context["messages"]
        assert message.extra_tags == url(account, "suggestion_undo", decisions.order_by("pk")[0].pk)

        supervisor_client.post(message.extra_tags, headers=HTMX)
        assert all(members(one.contact) == {one.profile.pk} for one, _two in sure)
        assert {state_now(find(suggestion.pk)) for suggestion in asked} == {"open"}

    def test_of_a_chain_only_the_first_pair(self, supervisor_client: Client, account: Account, mail: Channel) -> None:
        one, two = self.verified_pair(mail, 1)
        three, _four = two_people(mail, 30)
        self.lend(one, three)
        ask(one, two, 0.999)
        ask(two, three, 0.995)
        page = supervisor_client.get(url(account, "suggestions_certain"))
        assert [row.suggestion.probability for row in page.context["rows"]] == [0.999]

    @pytest.mark.parametrize("posted", ["", "x", "9" * 30])
    def test_nonsense_is_not_found(self, supervisor_client: Client, account: Account, posted: str) -> None:
        assert supervisor_client.post(url(account, "suggestions_accept_certain"), {"suggestion": posted}).status_code == 404


def test_the_figures_page_counts_decisions(supervisor_client: Client, account: Account, mail: Channel, supervisor: Membership) -> None:
    by = person(supervisor)
    assert 'class="empty"' in text_of(supervisor_client.get(url(account, "suggestion_figures")))
    accept(suggestion=ask(*two_people(mail), 0.97), by=by)
    reject(suggestion=ask(*two_people(mail, 9), 0.96), by=by)
    bands = supervisor_client.get(url(account, "suggestion_figures")).context["bands"]
    assert [(band["decided"], band["share"]) for band in bands if band["decided"]] == [(2, 50.0)]


class TestPanel:
    def test_the_hint_leads_supervisors_to_the_suggestion_and_agents_to_the_contact(
        self, supervisor_client: Client, agent_client: Client, account: Account, pair: Any
    ) -> None:
        one, other = pair
        suggestion = ask(one, other)
        page = text_of(supervisor_client.get(url(account, "contact", one.contact.pk)))
        assert url(account, "suggestion", suggestion.pk) in page
        assert "94 %" in page
        page = text_of(agent_client.get(url(account, "contact", one.contact.pk)))
        assert url(account, "suggestion", suggestion.pk) not in page
        assert url(account, "contact", other.contact.pk) in page

    def test_nothing_open_no_hint(self, agent_client: Client, account: Account, pair: Any, supervisor: Membership) -> None:
        one, _other = pair
        suggestion = ask(*pair)
        reject(suggestion=suggestion, by=person(supervisor))
        assert MergeSuggestion.scoped().count() == 1
        assert "94 %" not in text_of(agent_client.get(url(account, "contact", one.contact.pk)))


def test_the_badge_is_for_those_who_may(agent_client: Client, supervisor_client: Client, account: Account, pair: Any) -> None:
    ask(*pair)
    assert "suggestions-waiting" not in text_of(agent_client.get(url(account, "directory")))
    assert 'class="badge-count">1</span>' in text_of(supervisor_client.get(url(account, "directory")))
