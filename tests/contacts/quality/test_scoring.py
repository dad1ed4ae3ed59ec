"""The score is worked out from what the account knows, kept on the contact, and renewed by whatever changes it."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEntry, Channel, Membership
from contacts.correcting import add_identifier, correct_field
from contacts.marking import mark_shared
from contacts.merging import merge
from contacts.models import Contact, Identifier, Profile
from contacts.quality.keeping import keep_problem, take_word_back
from contacts.quality.models import ProblemKept
from contacts.quality.scoring import assess_contacts, renew_due, renew_everybody
from contacts.tasks import renew_quality
from contacts.telling_apart import tell_apart
from tests.conftest import make_channel
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import identifier_of, person, writes

pytestmark = pytest.mark.usefixtures("scoped")
OLD = timedelta(days=500)


def silence(contact: Contact) -> None:
    """Nobody heard from the contact for long."""
    then = timezone.now() - OLD
    Profile.scoped().filter(contact=contact).update(last_seen_at=then)
    Identifier.scoped().filter(profile__contact=contact).update(last_seen_at=then)


def found(contact: Contact) -> list[str]:
    return assess_contacts([Contact.scoped().get(pk=contact.pk)])[contact.pk].problems


def kept(contact: Contact) -> tuple[int | None, list[str], bool]:
    row = Contact.scoped().get(pk=contact.pk)
    return row.quality, row.problems, row.quality_due


def test_who_writes_with_a_name_has_nothing_to_fix(mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    Profile.scoped().update(last_seen_at=timezone.now())
    assert found(ana.contact) == []


def test_hearing_from_the_address_keeps_it_fresh_though_nobody_says_it_again(mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    silence(ana.contact)
    assert found(ana.contact) == ["stale"]
    Profile.scoped().update(last_seen_at=timezone.now())
    assert found(ana.contact) == []


def test_a_typed_phone_is_unverified_and_a_shared_one_says_so(web: Channel, supervisor: Membership) -> None:
    ana = writes(web, "v-1", name="Ana Soto", phone="981234567")
    Identifier.scoped().update(last_seen_at=timezone.now())
    assert found(ana.contact) == ["unverified"]
    mark_shared(identifier=identifier_of(ana.profile, "phone"), by=person(supervisor))
    assert found(ana.contact) == ["unverified", "shared"]


def test_an_open_suggestion_counts_until_it_is_settled(mail: Channel, supervisor: Membership) -> None:
    ana, other = two_people(mail)
    suggestion = ask(ana, other)
    Profile.scoped().update(last_seen_at=timezone.now())
    assert found(ana.contact) == found(other.contact) == ["duplicates"]
    assert assess_contacts([ana.contact])[ana.contact.pk].findings[0].suggestion == suggestion.pk
    tell_apart(contacts=[ana.contact, other.contact], by=person(supervisor))
    assert found(ana.contact) == []


def test_a_number_is_one_value_with_the_phone_it_attests(scoped: Account) -> None:
    ana = writes(make_channel(scoped, "whatsapp"), "56981234567", name="Ana Soto")
    assert Identifier.scoped().filter(profile=ana.profile).count() == 2
    silence(ana.contact)
    (finding,) = assess_contacts([ana.contact])[ana.contact.pk].findings
    assert (finding.problem, finding.cost, finding.texts) == ("stale", 15, ("+56 9 8123 4567",))


def test_the_account_says_how_long_silence_may_last(account: Account, mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    silence(ana.contact)
    Account.objects.filter(pk=account.pk).update(stale_after_months=24)
    assert found(ana.contact) == []


def test_a_word_that_it_is_fine_holds_for_the_same_time(mail: Channel, agent: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    silence(ana.contact)
    renew_due()
    word = keep_problem(problem="stale", profile=ana.profile, identifier=identifier_of(ana.profile, "email"), by=person(agent))
    assert found(ana.contact) == []
    assert kept(ana.contact)[2] is True
    assert AuditEntry.scoped().latest("pk").action == "contact.keep_problem"
    ProblemKept.scoped().update(at=timezone.now() - OLD)
    assert found(ana.contact) == ["stale"]
    keep_problem(problem="stale", profile=ana.profile, identifier=identifier_of(ana.profile, "email"), by=person(agent))
    assert ProblemKept.scoped().count() == 1
    take_word_back(word_id=word.pk, by=person(agent))
    assert found(ana.contact) == ["stale"]


def test_nobody_without_the_ability_leaves_a_problem(mail: Channel, agent: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    Membership.scoped().filter(pk=agent.pk).update(is_active=False)
    agent.refresh_from_db()
    with pytest.raises(PermissionDenied):
        keep_problem(problem="stale", profile=ana.profile, by=person(agent))
    assert not ProblemKept.scoped().exists()


def test_whatever_changes_a_contact_makes_it_due(mail: Channel, supervisor: Membership) -> None:
    ana, other = two_people(mail)
    by = person(supervisor)

    def becomes_due(change: object) -> bool:
        renew_due()
        assert not Contact.scoped().filter(quality_due=True).exists()
        change()  # type: ignore[operator]
        return kept(ana.contact)[2]

    assert becomes_due(lambda: ask(ana, other))
    assert becomes_due(lambda: correct_field(contact=ana.contact, field="city", value="Lima", by=by))
    assert becomes_due(lambda: add_identifier(contact=ana.contact, kind="phone", value="981234567", by=by))
    assert becomes_due(lambda: mark_shared(identifier=identifier_of(ana.profile, "email"), by=by))
    assert becomes_due(lambda: merge(contacts=[ana.contact, other.contact], by=by))


def test_a_known_address_that_writes_again_writes_no_mark(mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    renew_due()
    writes(mail, "ana@ejemplo.cl", 1)
    assert kept(ana.contact)[2] is False


def test_the_worker_renews_what_is_due_and_the_night_everybody(mail: Channel, web: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="cliente")
    visitor = writes(web, "v-1")
    written_down = Contact.history.count()  # type: ignore[attr-defined]
    Profile.scoped().update(last_seen_at=timezone.now())
    assert kept(ana.contact) == (None, [], True)
    assert renew_quality() >= 2
    assert kept(ana.contact) == (85, ["nameless"], False)
    assert kept(visitor.contact) == (None, [], False)
    # Silence grows by itself: nothing marks the contact, the nightly round finds it.
    silence(ana.contact)
    assert renew_due() == 0
    assert renew_everybody() == (2, 1)
    assert kept(ana.contact) == (70, ["nameless", "stale"], False)
    assert renew_everybody() == (2, 0)
    assert Contact.history.count() == written_down  # type: ignore[attr-defined]


def test_an_emptied_contact_has_no_score(mail: Channel, supervisor: Membership) -> None:
    ana, other = two_people(mail)
    renew_due()
    assert kept(other.contact)[0] is not None
    emptied = other.contact.pk
    merge(contacts=[ana.contact, other.contact], by=person(supervisor))
    renew_due()
    assert kept(Contact.scoped().get(pk=emptied)) == (None, [], False)


def test_the_number_of_queries_does_not_grow(mail: Channel) -> None:
    def count() -> int:
        contacts = list(Contact.scoped())
        with CaptureQueriesContext(connection) as captured:
            assess_contacts(contacts)
        return len(captured)

    ask(*two_people(mail))
    few = count()
    for _turn in range(10):
        ask(*two_people(mail))
    assert count() == few


class TestPages:
    def test_the_contact_page_says_what_to_fix_and_where(self, agent_client: Client, account: Account, mail: Channel) -> None:
        ana = writes(mail, "ana@ejemplo.cl", name="cliente")
        page = agent_client.get(reverse("contacts:contact", args=[account.slug, ana.contact.pk]))
        assert page.context["advice"][0].place == "fields"
        assert 'href="#fields"' in page.content.decode()

    def test_the_directory_shows_the_score_and_keeps_what_is_to_be_fixed(
        self, agent_client: Client, account: Account, mail: Channel
    ) -> None:
        ana, eva = writes(mail, "ana@ejemplo.cl", name="cliente"), writes(mail, "eva@ejemplo.cl", 1, name="Eva Díaz")
        Profile.scoped().update(last_seen_at=timezone.now())
        renew_due()
        path = reverse("contacts:directory", args=[account.slug])

        def listed(**query: str) -> set[int]:
            return {row.contact.pk for row in agent_client.get(path, query).context["rows"]}

        assert listed() == {ana.contact.pk, eva.contact.pk}
        assert listed(fix="any") == listed(fix="nameless") == {ana.contact.pk}
        assert listed(fix="stale") == set()
        assert agent_client.get(path, {"fix": "nada"}).status_code == 404
        assert 'class="score warn' not in agent_client.get(path, {"q": "eva"}).content.decode()
