"""What a rule did by itself is looked at by a person, who has the last word."""

import pytest
from django.test import Client

from accounts.models import Account, AuditEntry, Membership
from contacts.deciding_reviews import decide
from contacts.marking import marks_of
from contacts.matching import Recognition
from contacts.models import IdentityReview, MergeEvent, ValueMark
from contacts.reviewing import ask, count_open
from tests.conftest import make_channel
from tests.contacts.stories import grouping, members, person, writes

PHONE = ("phone", "+56981234567")


@pytest.fixture
def family(scoped: Account) -> list[Recognition]:
    """Four people type one phone: at the fourth name it is marked, and what it joined is put up."""
    web = make_channel(scoped, "webchat")
    return [writes(web, f"visitor-{n}", n, name=name, phone="981234567") for n, name in enumerate(["María", "José", "Lucía", "Raúl"])]


def review_of(kind: str, recognition: Recognition | None = None) -> IdentityReview:
    return IdentityReview.scoped().get(kind=kind, profile=recognition.profile if recognition else None)


def test_a_join_is_kept(family: list[Recognition], supervisor: Membership) -> None:
    settled = decide(review=review_of("shared_join", family[1]), decision="kept", by=person(supervisor))

    assert (settled.state, settled.decision, settled.decided_by) == ("settled", "kept", supervisor)
    assert family[1].profile.pk in members(family[0].contact)
    assert AuditEntry.scoped().get(action="identity.review").target_id == settled.pk


def test_a_join_is_taken_back_and_stays_so(family: list[Recognition], supervisor: Membership) -> None:
    decide(review=review_of("shared_join", family[1]), decision="separated", by=person(supervisor))

    assert members(family[0].contact) == {family[0].profile.pk, family[2].profile.pk}
    assert MergeEvent.scoped().get().cause == "shared"
    assert review_of("shared_join", family[1]).state == "settled"


def test_a_value_that_is_one_persons_joins_again(family: list[Recognition], supervisor: Membership) -> None:
    decide(review=review_of("shared_value"), decision="unmarked", by=person(supervisor))
    assert not ValueMark.scoped().exists()


def test_a_value_that_identifies_nobody_is_ignored(family: list[Recognition], supervisor: Membership) -> None:
    decide(review=review_of("shared_value"), decision="blocked", by=person(supervisor))
    assert marks_of([PHONE]) == {PHONE: "blocked"}


def test_the_same_thing_is_asked_once_until_it_is_settled(scoped: Account, supervisor: Membership) -> None:
    for _time in range(3):
        ask(kind="merge_storm")
    assert count_open() == 1
    decide(review=review_of("merge_storm"), decision="seen", by=person(supervisor))
    ask(kind="merge_storm")
    assert count_open() == 1


def test_the_page_shows_all_of_them_and_takes_the_decision(supervisor_client: Client, family: list[Recognition], account: Account) -> None:
    ask(kind="merge_storm")
    ask(kind="full_contact", profile_id=family[0].profile.pk)
    page = supervisor_client.get(f"/a/{account.slug}/contacts/reviews/").content.decode()
    assert page.count('name="decision"') == 3 + 2 * 2 + 1 + 1
    assert "+56 9 8123 4567" in page
    assert "María" in page

    url = f"/a/{account.slug}/contacts/reviews/{review_of('shared_join', family[1]).pk}/"
    assert supervisor_client.post(url, {"decision": "shout"}).status_code == 404
    assert supervisor_client.post(url, {"decision": "separated"}).status_code == 302
    assert len(grouping()) == 3


def test_the_directory_calls_a_supervisor_and_not_an_agent(
    supervisor_client: Client, agent_client: Client, family: list[Recognition], account: Account
) -> None:
    url = f"/a/{account.slug}/contacts/"
    assert f"{url}reviews/" in supervisor_client.get(url).content.decode()
    assert f"{url}reviews/" not in agent_client.get(url).content.decode()
