"""The plan of the switch reasons as live traffic does: numbers that changed hands, and what the probabilistic policy asks for."""

from collections.abc import Callable

import pytest

from accounts.models import Account, Channel, MatchingPolicy
from accounts.scope import account_scope
from contacts.models import Profile
from contacts.unification.planning import Plan, plan_account
from tests.conftest import make_account, make_channel
from tests.contacts.stories import grouping, writes

DAY = 24
Story = Callable[[dict[str, Channel]], object]


def people(plan: Plan) -> set[frozenset[str]]:
    """The planned groups as sets of addresses."""
    known = dict(Profile.scoped().values_list("pk", "address"))
    return {frozenset(known[pk] for pk in group.profile_ids) for group in plan.groups}


def told(story: Story, *, unified: bool, **settings: object) -> tuple[Account, dict[str, Channel]]:
    account = make_account("plan", unification_enabled=unified, **settings)
    with account_scope(account):
        channels = {kind: make_channel(account, kind) for kind in ("whatsapp", "webchat", "email")}
        story(channels)
    return account, channels


def given_away(on: dict[str, Channel]) -> None:
    """Ana lets her number go; Raúl has it half a year later."""
    writes(on["webchat"], "ana", 0, name="Ana Soto", phone="981234567")
    writes(on["whatsapp"], "56981234567", 200 * DAY, name="Raúl Gómez")


def kept(on: dict[str, Channel]) -> None:
    """As long a silence, and the same name after it."""
    writes(on["webchat"], "ana", 0, name="Ana Soto", phone="981234567")
    writes(on["whatsapp"], "56981234567", 200 * DAY, name="Anita Soto")


def shared_at_once(on: dict[str, Channel]) -> None:
    """Two names within a week: joined with a warning."""
    writes(on["webchat"], "ana", 0, name="Ana Soto", phone="981234567")
    writes(on["whatsapp"], "56981234567", 7 * DAY, name="Raúl Gómez")


def without_name(on: dict[str, Channel]) -> None:
    writes(on["webchat"], "ana", 0, name="Ana Soto", phone="981234567")
    writes(on["whatsapp"], "56981234567", 200 * DAY)


def same_email_too(on: dict[str, Channel]) -> None:
    """Another name on the number, but the email says that it is the same person."""
    writes(on["webchat"], "ana", 0, name="Ana Soto", phone="981234567", email="ana@ejemplo.cl")
    writes(on["webchat"], "later", 200 * DAY, name="Chica Feliz", phone="981234567", email="ana@ejemplo.cl")


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("story", [given_away, kept, shared_at_once, without_name, same_email_too])
def test_a_number_that_changed_hands_is_planned_as_it_is_decided_live(story: Story) -> None:
    live, _channels = told(story, unified=True)
    later, _channels = told(story, unified=False)
    with account_scope(live):
        decided = {group for group in grouping() if len(group) > 1}
    with account_scope(later):
        plan = plan_account(later)
        planned = people(plan)
    assert {frozenset(word.split()[1] for word in group) for group in decided} == planned
    if story is given_away:
        assert planned == set()
        assert [pair.why for pair in plan.apart] == ["recycled"]


@pytest.mark.usefixtures("db")
def test_two_episodes_of_one_number_are_two_people_where_it_changed_hands() -> None:
    def story(on: dict[str, Channel]) -> None:
        writes(on["whatsapp"], "56981234567", 0, name="Ana Soto")
        writes(on["whatsapp"], "56981234567", 30 * DAY, name="Ana Soto")
        writes(on["whatsapp"], "56981234567", 300 * DAY, name="Raúl Gómez")

    account, _channels = told(story, unified=False)
    with account_scope(account):
        plan = plan_account(account)
        ana = sorted(Profile.scoped().filter(episode__lt=3).values_list("pk", flat=True))
    assert [list(group.profile_ids) for group in plan.groups] == [ana]
    assert {pair.why for pair in plan.apart} == {"recycled"}


@pytest.mark.usefixtures("db")
def test_the_probabilistic_policy_plans_what_it_would_join_live() -> None:
    def story(on: dict[str, Channel]) -> None:
        writes(on["email"], "ana@ejemplo.cl", 0, name="Ana Soto")
        writes(on["webchat"], "surely", 1, name="Ana Soto", email="ana@ejemplo.cl")
        writes(on["webchat"], "nobody", 2, email="ana@ejemplo.cl")
        writes(on["whatsapp"], "56981234567", 3, name="Rosa Vera")
        writes(on["webchat"], "perhaps", 4, name="Rosa Vera", phone="981234567")

    live, _channels = told(story, unified=True, matching_policy=MatchingPolicy.PROBABILISTIC)
    later, _channels = told(story, unified=False, matching_policy=MatchingPolicy.PROBABILISTIC)
    with account_scope(live):
        assert {group for group in grouping() if len(group) > 1} == {frozenset({"email ana@ejemplo.cl", "webchat surely"})}
    with account_scope(later):
        plan = plan_account(later)
        assert people(plan) == {frozenset({"ana@ejemplo.cl", "surely"})}
        assert {pair.why for pair in plan.apart} == {"policy"}
