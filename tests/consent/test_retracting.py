"""An agent's slip: taken back by the same agent, for ten minutes, as an entry of its own that lifts nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Membership
from consent.ledger import record
from consent.models import ConsentEvent, ConsentState
from consent.projecting import rebuild
from consent.retracting import retract_slip, slip_of
from consent.sealing import seal
from consent.verifying import verify
from consent.vocabulary import Action, Origin
from consent.witnessing import witness_opt_out
from contacts.models import Profile
from tests.conftest import client_for
from tests.consent.people import MAIL, PHONE, agree, ask, make_person, point, say

pytestmark = pytest.mark.usefixtures("scoped")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def ana(scoped: Account) -> Profile:
    """She agreed to promotions by phone, and took them back by mail long ago."""
    profile = make_person(("phone", PHONE), ("email", MAIL))
    agree(profile, kind="phone", occurred_at=timezone.now() - 2 * DAY)
    agree(profile, kind="email", occurred_at=timezone.now() - 2 * DAY)
    say(profile, Action.WITHDRAW, kind="email", channel="email", occurred_at=timezone.now() - DAY)
    return profile


def slip(profile: Profile, by: Membership) -> list[ConsentEvent]:
    return witness_opt_out(profile=profile, key="clic", by=Actor.person(by))


def states() -> list[tuple[Any, ...]]:
    rows = ConsentState.scoped().values().order_by("point", "profile_id", "channel", "purpose")
    return [tuple(value for name, value in sorted(row.items()) if name != "id") for row in rows]


def test_what_held_before_holds_again_and_both_entries_stay(ana: Profile, agent: Membership) -> None:
    before = states()
    events = slip(ana, agent)
    assert len(events) == 2
    assert ask(ana).reason == "withdrawn"

    taken_back = retract_slip(contact=ana.contact, by=Actor.person(agent))

    assert [each.retracts for each in taken_back] == events
    assert {(each.action, each.source, each.membership_id) for each in taken_back} == {("retract", "agent", agent.pk)}
    assert ConsentEvent.objects.filter(pk__in=[event.pk for event in events]).count() == 2
    assert states() == before
    assert ask(ana).allowed
    assert ask(ana, kind="email", channel="email").reason == "withdrawn"
    rebuild()
    assert states() == before
    assert seal() == ConsentEvent.objects.count()
    assert verify().is_sound


def test_it_is_taken_back_once(ana: Profile, agent: Membership) -> None:
    slip(ana, agent)
    retract_slip(contact=ana.contact, by=Actor.person(agent))
    count = ConsentEvent.objects.count()
    with pytest.raises(ValidationError):
        retract_slip(contact=ana.contact, by=Actor.person(agent))
    assert ConsentEvent.objects.count() == count


def test_only_by_whoever_did_it(ana: Profile, agent: Membership, teammate: Membership, admin: Membership) -> None:
    slip(ana, agent)
    for other in (teammate, admin):
        with pytest.raises(ValidationError):
            retract_slip(contact=ana.contact, by=Actor.person(other))
    assert ask(ana).reason == "withdrawn"
    assert not ConsentEvent.objects.filter(action=Action.RETRACT).exists()


def test_not_after_ten_minutes(ana: Profile, agent: Membership, monkeypatch: Any) -> None:
    slip(ana, agent)
    really = timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: really() + 11 * MINUTE)
    assert slip_of(contact=ana.contact, by=Actor.person(agent)) == []
    with pytest.raises(ValidationError):
        retract_slip(contact=ana.contact, by=Actor.person(agent))
    assert not ConsentEvent.objects.filter(action=Action.RETRACT).exists()


@pytest.mark.parametrize("kind", ["phone", "email"])
def test_not_once_anything_was_said_at_one_of_the_addresses(ana: Profile, agent: Membership, kind: str) -> None:
    slip(ana, agent)
    say(ana, Action.WITHDRAW, kind=kind)
    with pytest.raises(ValidationError):
        retract_slip(contact=ana.contact, by=Actor.person(agent))
    assert ask(ana).reason == "withdrawn"
    assert not ConsentEvent.objects.filter(action=Action.RETRACT).exists()


def test_what_the_person_said_themselves_is_nobodys_slip(ana: Profile, agent: Membership) -> None:
    say(ana, Action.WITHDRAW, kind="phone")
    with pytest.raises(ValidationError):
        retract_slip(contact=ana.contact, by=Actor.person(agent))
    assert ask(ana).reason == "withdrawn"


def test_a_retraction_names_an_entry_of_its_own_point(ana: Profile, agent: Membership) -> None:
    """The ledger itself takes no other."""
    (mail,) = (event for event in slip(ana, agent) if event.point.kind == "email")
    fields: dict[str, Any] = {"action": Action.RETRACT, "origin": Origin.AGENT, "occurred_at": timezone.now(), "by": Actor.person(agent)}
    count = ConsentEvent.objects.count()
    with pytest.raises(ValueError, match="names the entry"):
        record(ref=point(ana, "phone"), key="x", retracts=mail, **fields)
    with pytest.raises(ValueError, match="names the entry"):
        record(ref=point(ana, "phone"), key="y", **fields)
    assert ConsentEvent.objects.count() == count


class TestPage:
    def test_the_click_offers_its_undo(self, ana: Profile, agent: Membership, agent_client: Client) -> None:
        url = f"/a/{ana.account.slug}/contacts/{ana.contact_id}/consent/"
        assert f"{url}opt-out/undo/" not in agent_client.get(url).content.decode()
        agent_client.post(f"{url}opt-out/")
        assert f"{url}opt-out/undo/" in agent_client.get(url).content.decode()
        assert agent_client.get(f"{url}opt-out/undo/").status_code == 405
        assert agent_client.post(f"{url}opt-out/undo/").status_code == 302
        page = agent_client.get(url).content.decode()
        assert f"{url}opt-out/undo/" not in page
        assert page.count("data-retraction") == 2
        assert ask(ana).allowed

    def test_nobody_else_sees_it(self, ana: Profile, agent: Membership, teammate: Membership) -> None:
        slip(ana, agent)
        url = f"/a/{ana.account.slug}/contacts/{ana.contact_id}/consent/"
        assert "opt-out/undo/" not in client_for(teammate).get(url).content.decode()
        client_for(teammate).post(f"{url}opt-out/undo/")
        assert not ConsentEvent.objects.filter(action=Action.RETRACT).exists()
