"""A record that another system keeps: matched like anybody, and each version of it takes the place of the one before."""

from typing import Any

import pytest

from accounts.models import Account, Channel
from contacts.claims import Claim, ClaimedIdentifier
from contacts.matching import Recognition, take_record
from contacts.models import Contact, Identifier, MatchDecision, Profile
from contacts.queries import holders_of
from tests.conftest import make_channel
from tests.contacts.stories import at, members, writes


def says(hours: float = 0, *, of: Profile | None = None, given: dict[str, Any] | None = None, **identifiers: str) -> Recognition:
    said = Claim(identifiers=tuple(ClaimedIdentifier(*each) for each in identifiers.items()), given=given or {})
    return take_record(source="crm", claim=said, occurred_at=at(hours), cause="crm:1", profile=of)


def valid(profile: Profile) -> set[tuple[str, str]]:
    return set(Identifier.scoped().filter(profile=profile, valid_to=None).values_list("kind", "value"))


def test_a_record_joins_whoever_has_its_email_and_is_a_profile_of_its_own(mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana")
    found = says(1, email="Ana@Ejemplo.cl", given={"name": "Ana Soto", "city": "Lima"})

    assert found.contact == ana.contact
    assert (found.outcome, found.rule) == ("attached", "same_email")
    assert (found.profile.source, found.profile.address, found.profile.channel) == ("crm", "", None)
    assert Contact.objects.get(pk=ana.contact.pk).fields["city"]["source"] == "crm"
    assert MatchDecision.scoped().get(profile=found.profile).cause == "crm:1"


def test_in_standard_mode_a_record_is_somebody_new(scoped: Account) -> None:
    scoped.unification_enabled = False
    scoped.save()
    ana = writes(make_channel(scoped, "email"), "ana@ejemplo.cl", name="Ana")
    assert says(1, email="ana@ejemplo.cl").contact != ana.contact


def test_two_records_without_addresses_are_two_profiles(mail: Channel) -> None:
    one, other = says(given={"name": "Ana"}), says(1, given={"name": "Eva"})
    assert one.profile != other.profile
    assert (one.profile.episode, other.profile.episode) == (1, 1)


def test_another_version_replaces_fields_and_leaves_out_what_it_does_not_name(mail: Channel) -> None:
    first = says(email="ana@ejemplo.cl", given={"name": "Anna", "city": "Lima", "plan": "pro"})
    second = says(2, of=first.profile, given={"name": "Ana Soto", "city": ""})

    assert second.profile == first.profile
    assert second.profile.given == {"name": "Ana Soto", "plan": "pro"}
    contact = Contact.objects.get(pk=first.contact.pk)
    assert (contact.name, "city" in contact.fields, contact.fields["plan"]["value"]) == ("Ana Soto", False, "pro")
    assert valid(first.profile) == {("email", "ana@ejemplo.cl")}


def test_an_older_version_changes_nothing(mail: Channel) -> None:
    first = says(5, given={"name": "Ana Soto"})
    says(1, of=first.profile, given={"name": "Anna"})
    assert Contact.objects.get(pk=first.contact.pk).name == "Ana Soto"


def test_the_address_of_the_version_before_recognises_nobody_until_the_record_says_it_again(mail: Channel) -> None:
    first = says(email="ana@ejemplo.cl", phone="+56981234567")
    says(1, of=first.profile, email="otra@ejemplo.cl")
    assert valid(first.profile) == {("email", "otra@ejemplo.cl"), ("phone", "+56981234567")}
    assert writes(mail, "ana@ejemplo.cl", 2).contact != first.contact

    says(3, of=first.profile, email="eva@ejemplo.cl")
    says(4, of=first.profile, email="otra@ejemplo.cl")
    assert ("email", "otra@ejemplo.cl") in valid(first.profile)
    assert list(holders_of("otra@ejemplo.cl")) == [first.contact]


def test_an_empty_value_takes_an_identifier_away_and_an_unreadable_one_does_not(mail: Channel) -> None:
    first = says(email="ana@ejemplo.cl", phone="+56981234567")
    says(1, of=first.profile, email="", phone="not a phone")
    assert valid(first.profile) == {("phone", "+56981234567")}


def test_a_new_address_of_the_record_joins_two_people(mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    crm = says(1, phone="+56981234567", given={"name": "Ana Soto"})
    assert crm.contact != ana.contact
    joined = says(2, of=crm.profile, email="ana@ejemplo.cl")
    assert joined.outcome == "merged"
    assert members(ana.contact) == {ana.profile.pk, crm.profile.pk}


def test_the_same_version_again_writes_nothing(mail: Channel, django_assert_max_num_queries: Any) -> None:
    first = says(email="ana@ejemplo.cl", given={"name": "Ana"})
    rows = Identifier.history.count(), Profile.history.count(), MatchDecision.scoped().count()
    with django_assert_max_num_queries(20):
        says(1, of=first.profile, email="ana@ejemplo.cl", given={"name": "Ana"})
    assert (Identifier.history.count(), Profile.history.count(), MatchDecision.scoped().count()) == rows


def test_an_erased_profile_takes_no_version(mail: Channel) -> None:
    first = says(email="ana@ejemplo.cl")
    Profile.scoped().filter(pk=first.profile.pk).update(erased_at=at(1))
    with pytest.raises(Profile.DoesNotExist):
        says(2, of=first.profile, email="ana@ejemplo.cl")
