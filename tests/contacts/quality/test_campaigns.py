"""A review of contacts: what comes into the queue, what each decision does, what its undo takes back."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEntry, Channel, Membership
from contacts import code_senders
from contacts.claims import Address, Claim
from contacts.matching import Recognition, learn, recognise
from contacts.merging import Refused
from contacts.models import Contact, Identifier, Profile, Source, ValueMark
from contacts.quality.campaign_queries import last_decided, next_card, progress_of, shares_of, view_of
from contacts.quality.campaigns import decide, end_campaign, look_again, skip, start_campaign, undo
from contacts.quality.models import ProblemKept, ReviewCampaign, ReviewCard
from contacts.quality.scoring import assess_contacts
from contacts.survivorship import refresh
from tests.conftest import client_for, make_member
from tests.contacts.stories import claim, identifier_of, person, writes
from tests.contacts.test_verifying import Carrier

pytestmark = pytest.mark.usefixtures("scoped")
OLD = timedelta(days=500)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    carrier = Carrier()
    monkeypatch.setitem(code_senders._senders, carrier.name, carrier)
    return carrier


def silence() -> None:
    then = timezone.now() - OLD
    Profile.scoped().update(last_seen_at=then)
    Identifier.scoped().update(last_seen_at=then)


def fresh() -> None:
    Profile.scoped().update(last_seen_at=timezone.now())
    Identifier.scoped().update(last_seen_at=timezone.now())


def problems(contact: Contact) -> list[str]:
    return assess_contacts([Contact.scoped().get(pk=contact.pk)])[contact.pk].problems


@pytest.fixture
def ana(mail: Channel) -> Recognition:
    return writes(mail, "ana@ejemplo.cl", name="Ana Soto")


@pytest.fixture
def stale(mail: Channel, ana: Recognition, supervisor: Membership) -> ReviewCampaign:
    """Two contacts that nobody heard from."""
    writes(mail, "eva@ejemplo.cl", 1, name="Eva Díaz")
    silence()
    return start_campaign(kind="stale", by=person(supervisor))


def card_of(campaign: ReviewCampaign, who: Recognition) -> ReviewCard:
    return ReviewCard.scoped().select_related("campaign", "profile__contact", "identifier").get(campaign=campaign, profile=who.profile)


def test_the_queue_holds_a_card_for_every_value_with_the_problem(stale: ReviewCampaign, ana: Recognition) -> None:
    assert [progress.total for progress in progress_of([stale])] == [2]
    view = view_of(card_of(stale, ana))
    assert (view.contact, view.is_gone) == (ana.contact, False)
    assert view.line is not None
    assert view.line.text == "ana@ejemplo.cl"
    assert [option.decision for option in view.options] == ["keep", "end", "share", "code"]
    assert AuditEntry.scoped().filter(action="campaign.start").count() == 1


def test_there_is_one_of_a_kind_and_none_without_anything_to_review(stale: ReviewCampaign, supervisor: Membership) -> None:
    assert start_campaign(kind="stale", by=person(supervisor)) == stale
    with pytest.raises(Refused):
        start_campaign(kind="shared", by=person(supervisor))
    assert ReviewCampaign.scoped().count() == 1


@pytest.mark.parametrize("decision", ["keep", "end", "share"])
def test_a_decision_settles_the_problem_and_its_undo_brings_it_back(
    stale: ReviewCampaign, ana: Recognition, supervisor: Membership, decision: str
) -> None:
    card = decide(card=card_of(stale, ana), decision=decision, by=person(supervisor))

    assert (card.state, card.decision, card.decided_by) == ("decided", decision, supervisor)
    left = {"keep": [], "end": ["unreachable"], "share": ["stale", "shared"]}[decision]
    assert problems(ana.contact) == left
    assert AuditEntry.scoped().latest("pk").action == "campaign.decide"
    assert last_decided(stale, supervisor) == card

    undo(card=card, by=person(supervisor))
    assert problems(ana.contact) == ["stale"]
    assert not ProblemKept.scoped().exists()
    assert not ValueMark.scoped().exists()
    assert card_of(stale, ana).state == "open"
    with pytest.raises(Refused):
        undo(card=card, by=person(supervisor))


def test_a_mark_that_was_there_before_stays_after_the_undo(stale: ReviewCampaign, ana: Recognition, supervisor: Membership) -> None:
    ValueMark.objects.create(kind="email", key="ana@ejemplo.cl", mark="shared")
    card = decide(card=card_of(stale, ana), decision="share", by=person(supervisor))
    undo(card=card, by=person(supervisor))
    assert ValueMark.scoped().exists()


def test_who_writes_again_from_an_ended_address_is_reached_by_it_again(
    stale: ReviewCampaign, ana: Recognition, mail: Channel, supervisor: Membership
) -> None:
    decide(card=card_of(stale, ana), decision="end", by=person(supervisor))
    # What was said before the end changes nothing.
    writes(mail, "ana@ejemplo.cl", 2)
    assert identifier_of(ana.profile, "email").valid_to is not None
    again = recognise(channel=mail, address=Address("email", "ana@ejemplo.cl"), claim=Claim(()), occurred_at=timezone.now() + timedelta(1))
    assert again.contact == ana.contact
    row = identifier_of(ana.profile, "email")
    assert (row.valid_to, row.end_reason) == (None, "")


def test_the_last_decision_finishes_it_and_an_undo_opens_it_again(
    stale: ReviewCampaign, ana: Recognition, supervisor: Membership, account: Account
) -> None:
    other = make_member(account, "supervisor", "rosa")
    first = decide(card=card_of(stale, ana), decision="keep", by=person(supervisor))
    last = next_card(stale, after=first.number)
    assert last is not None
    decide(card=last, decision="end", by=person(other))
    stale.refresh_from_db()
    assert (stale.state, stale.finished_at is not None, next_card(stale)) == ("finished", True, None)
    assert {(share.name, share.count) for share in shares_of(stale)} == {("Sofia", 1), ("Rosa", 1)}
    with pytest.raises(Refused):
        decide(card=card_of(stale, ana), decision="keep", by=person(supervisor))

    undo(card=last, by=person(other))
    stale.refresh_from_db()
    assert (stale.state, stale.finished_at) == ("open", None)


def test_skipped_cards_wait_at_the_end(stale: ReviewCampaign, ana: Recognition, supervisor: Membership) -> None:
    for card in ReviewCard.scoped():
        skip(card=card, by=person(supervisor))
    stale.refresh_from_db()
    (progress,) = progress_of([stale])
    assert (stale.state, progress.skipped, progress.left) == ("finished", 2, 0)
    assert look_again(campaign=stale, by=person(supervisor)) == 2
    stale.refresh_from_db()
    assert (stale.state, progress_of([stale])[0].left) == ("open", 2)


def test_a_problem_that_is_gone_meanwhile_is_no_question(stale: ReviewCampaign, ana: Recognition, supervisor: Membership) -> None:
    Profile.scoped().filter(pk=ana.profile.pk).update(last_seen_at=timezone.now())
    assert view_of(card_of(stale, ana)).is_gone
    assert skip(card=card_of(stale, ana), by=person(supervisor)).state == "gone"


def test_ending_early_leaves_what_was_decided(stale: ReviewCampaign, ana: Recognition, supervisor: Membership) -> None:
    decide(card=card_of(stale, ana), decision="keep", by=person(supervisor))
    end_campaign(campaign=stale, by=person(supervisor))
    stale.refresh_from_db()
    assert stale.state == "cancelled"
    assert problems(ana.contact) == []
    assert start_campaign(kind="stale", by=person(supervisor)) != stale
    with pytest.raises(Refused) as refused:
        undo(card=card_of(stale, ana), by=person(supervisor))
    assert refused.value.code == "another"


def test_one_value_is_chosen_where_sources_contradict_each_other(mail: Channel, ana: Recognition, supervisor: Membership) -> None:
    now = timezone.now()
    Profile.objects.create(contact=ana.contact, source=Source.CRM, given={"name": "Beatriz Rojas"}, first_seen_at=now, last_seen_at=now)
    fresh()
    refresh([ana.contact.pk])
    campaign = start_campaign(kind="conflicting", by=person(supervisor))
    card = card_of(campaign, ana)
    view = view_of(card)
    assert [(option.decision, option.value, option.key) for option in view.options] == [
        ("choose", "Ana Soto", "1"),
        ("choose", "Beatriz Rojas", "2"),
        ("keep", "", "k"),
    ]
    card = decide(card=card, decision="choose", value="Beatriz Rojas", by=person(supervisor))
    assert Contact.scoped().get(pk=ana.contact.pk).name == "Beatriz Rojas"
    assert problems(ana.contact) == []
    undo(card=card, by=person(supervisor))
    assert Contact.scoped().get(pk=ana.contact.pk).name == "Ana Soto"
    decide(card=card, decision="keep", by=person(supervisor))
    assert problems(ana.contact) == []


def test_a_shared_value_is_one_persons_after_all(web: Channel, supervisor: Membership) -> None:
    ana = writes(web, "v-1", name="Ana Soto", phone="981234567")
    fresh()
    ValueMark.objects.create(kind="phone", key="+56981234567", mark="shared")
    campaign = start_campaign(kind="shared", by=person(supervisor))
    card = decide(card=card_of(campaign, ana), decision="unshare", by=person(supervisor))
    assert not ValueMark.scoped().exists()
    undo(card=card, by=person(supervisor))
    assert ValueMark.scoped().get().mark == "shared"


def test_a_code_that_cannot_be_sent_decides_nothing(web: Channel, supervisor: Membership) -> None:
    ana = writes(web, "v-1", name="Ana Soto", phone="981234567")
    fresh()
    campaign = start_campaign(kind="unverified", by=person(supervisor))
    with pytest.raises(ValidationError):
        decide(card=card_of(campaign, ana), decision="code", sender="whatsapp", by=person(supervisor))
    assert card_of(campaign, ana).state == "open"


def test_a_code_that_left_decides_the_card_and_stays_sent(web: Channel, supervisor: Membership, carrier: Carrier) -> None:
    ana = writes(web, "v-1", name="Ana Soto", phone="981234567")
    fresh()
    campaign = start_campaign(kind="unverified", by=person(supervisor))
    assert ("code", "test") in {(option.decision, option.sender) for option in view_of(card_of(campaign, ana)).options}
    card = decide(card=card_of(campaign, ana), decision="code", sender="test", by=person(supervisor))
    assert [value for value, _code in carrier.sent] == ["+56981234567"]
    assert last_decided(campaign, supervisor) is None
    with pytest.raises(Refused) as refused:
        undo(card=card, by=person(supervisor))
    assert refused.value.code == "sent"
    with pytest.raises(Refused):
        decide(card=card, decision="code", sender="test", by=person(supervisor))
    assert len(carrier.sent) == 1


def test_agents_review_nothing(stale: ReviewCampaign, ana: Recognition, agent: Membership) -> None:
    for attempt in (
        lambda: start_campaign(kind="stale", by=person(agent)),
        lambda: decide(card=card_of(stale, ana), decision="end", by=person(agent)),
        lambda: skip(card=card_of(stale, ana), by=person(agent)),
        lambda: end_campaign(campaign=stale, by=person(agent)),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert set(ReviewCard.scoped().values_list("state", flat=True)) == {"open"}
    assert identifier_of(ana.profile, "email").valid_to is None


def test_a_later_word_of_the_person_is_learnt_like_any_other(web: Channel, supervisor: Membership) -> None:
    """An ended value that a form brings again lives again with the certainty it had."""
    ana = writes(web, "v-1", name="Ana Soto", phone="981234567")
    Identifier.scoped().filter(kind="phone").update(certainty="verified")
    silence()
    campaign = start_campaign(kind="stale", by=person(supervisor))
    decide(card=card_of(campaign, ana), decision="end", by=person(supervisor))
    learn(profile=ana.profile, claim=claim(phone="981234567"), occurred_at=timezone.now() + timedelta(days=1), cause="form")
    row = identifier_of(ana.profile, "phone")
    assert (row.valid_to, row.end_reason, row.certainty) == (None, "", "verified")


class TestPages:
    def test_start_decide_undo_finish(self, supervisor_client: Client, account: Account, mail: Channel, ana: Recognition) -> None:
        silence()
        started = supervisor_client.post(reverse("contacts:quality_start", args=[account.slug]), {"kind": "stale"}, follow=True)
        card = started.context["shown"].card
        decide_url = reverse("contacts:quality_decide", args=[account.slug, card.pk])
        assert decide_url in started.content.decode()

        answer = supervisor_client.post(decide_url, {"decision": "end"}, headers={"HX-Request": "true"})
        undo_url = reverse("contacts:quality_undo", args=[account.slug, card.pk])
        assert undo_url in answer.content.decode()
        assert "<html" not in answer.content.decode()
        assert answer.context["campaign"].state == "finished"

        supervisor_client.post(undo_url)
        assert supervisor_client.post(decide_url, {"decision": "skip"}).status_code == 302
        page = supervisor_client.get(reverse("contacts:quality_campaign", args=[account.slug, card.campaign_id]))
        assert page.context["shown"] is None
        again = reverse("contacts:quality_again", args=[account.slug, card.campaign_id])
        assert again in page.content.decode()
        assert supervisor_client.post(again, follow=True).context["shown"].card == card

    @pytest.mark.parametrize("body", [{}, {"decision": "burn"}, {"decision": "choose"}])
    def test_what_is_no_decision_is_not_found(
        self, supervisor_client: Client, account: Account, stale: ReviewCampaign, body: dict[str, str]
    ) -> None:
        card = ReviewCard.scoped().first()
        assert card is not None
        assert supervisor_client.post(reverse("contacts:quality_decide", args=[account.slug, card.pk]), body).status_code == 404
        assert set(ReviewCard.scoped().values_list("state", flat=True)) == {"open"}

    def test_who_is_slower_is_told(self, account: Account, stale: ReviewCampaign, ana: Recognition, supervisor: Membership) -> None:
        card = card_of(stale, ana)
        decide(card=card, decision="keep", by=person(supervisor))
        other = client_for(make_member(account, "supervisor", "rosa"))
        url = reverse("contacts:quality_decide", args=[account.slug, card.pk])
        answer = other.post(url, {"decision": "end"}, headers={"HX-Request": "true"})
        assert 'class="toast error"' in answer.content.decode()
        assert identifier_of(ana.profile, "email").valid_to is None
