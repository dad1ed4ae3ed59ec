"""What an agent corrects wins, keeps its provenance and travels with the profile it corrects."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from accounts.models import Account, AuditEntry, Channel, Membership
from contacts.correcting import add_identifier, correct_field
from contacts.merging import merge, unmerge
from contacts.models import Contact, Profile
from tests.conftest import make_channel
from tests.contacts.stories import members, person, shown, writes


def test_a_correction_wins_over_the_first_name_and_shows_where_it_comes_from(mail: Channel, agent: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Anna")

    contact = correct_field(contact=ana.contact, field="name", value="Ana Soto", by=person(agent))

    assert contact.name == "Ana Soto"
    shown_name = contact.fields["name"]
    assert (shown_name["rule"], shown_name["source"]) == ("manual", "agent")
    assert shown_name["others"] == [{"value": "Anna", "profile": ana.profile.pk}]
    assert Profile.scoped().get(corrects=ana.profile).outranks
    assert writes(mail, "ana@ejemplo.cl", 1, name="Anna B.").contact.name == "Ana Soto"
    entry = AuditEntry.scoped().latest("pk")
    assert (entry.action, entry.detail) == ("contact.correct", {"field": "name", "old": "Anna", "new": "Ana Soto"})


def test_the_latest_correction_counts_and_an_empty_one_takes_it_back(mail: Channel, agent: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Anna")
    correct_field(contact=ana.contact, field="name", value="Ana", by=person(agent))
    assert correct_field(contact=ana.contact, field="name", value="Ana Soto", by=person(agent)).name == "Ana Soto"
    assert correct_field(contact=ana.contact, field="name", value="", by=person(agent)).name == "Anna"


@pytest.mark.parametrize(("active", "written"), [("es", "Portugués"), ("es", "português"), ("en", "portuguese"), ("es", "pt")])
def test_a_language_is_kept_by_its_code_however_it_is_written(mail: Channel, agent: Membership, active: str, written: str) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana", language="es")
    with translation.override(active):
        contact = correct_field(contact=ana.contact, field="language", value=written, by=person(agent))
    assert contact.fields["language"]["value"] == "pt"


def test_a_language_that_nobody_knows_stays_as_it_was_written(mail: Channel, agent: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana")
    contact = correct_field(contact=ana.contact, field="language", value="Mapudungun", by=person(agent))
    assert contact.fields["language"]["value"] == "Mapudungun"


def test_a_correction_travels_with_the_profile_it_corrects(mail: Channel, agent: Membership, supervisor: Membership) -> None:
    ana, eva = writes(mail, "ana@ejemplo.cl", name="Ana"), writes(mail, "eva@ejemplo.cl", 1, city="Lima")
    merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
    correct_field(contact=ana.contact, field="city", value="Cusco", by=person(agent))

    unmerge(contact=ana.contact, profiles=[eva.profile], by=person(supervisor))

    assert Contact.objects.get(pk=eva.contact.pk).fields["city"]["value"] == "Cusco"
    assert "city" not in Contact.objects.get(pk=ana.contact.pk).fields
    assert len(members(eva.contact)) == 2


def test_a_correction_on_an_emptied_contact_acts_on_the_survivor(mail: Channel, agent: Membership, supervisor: Membership) -> None:
    ana, eva = writes(mail, "ana@ejemplo.cl", name="Ana"), writes(mail, "eva@ejemplo.cl", 1)
    merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
    assert correct_field(contact=eva.contact, field="city", value="Lima", by=person(agent)).pk == ana.contact.pk


@pytest.mark.parametrize(("field", "value"), [("", "x"), ("two words", "x"), ("a" * 41, "x"), ("name", "x" * 501)])
def test_what_is_no_field_is_refused(mail: Channel, agent: Membership, field: str, value: str) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana")
    before = shown(), AuditEntry.scoped().count()
    with pytest.raises(ValidationError):
        correct_field(contact=ana.contact, field=field, value=value, by=person(agent))
    assert (shown(), AuditEntry.scoped().count()) == before


def test_a_phone_that_an_agent_adds_joins_whoever_has_it(mail: Channel, scoped: Account, agent: Membership) -> None:
    chat = writes(make_channel(scoped, "whatsapp"), "56981234567")
    ana = writes(mail, "ana@ejemplo.cl", 1, name="Ana")

    found = add_identifier(contact=ana.contact, kind="phone", value="9 8123 4567", by=person(agent))

    assert found.contact.pk == chat.contact.pk
    assert ana.profile.pk in members(chat.contact)


@pytest.mark.parametrize(("kind", "value"), [("email", "no"), ("phone", "abc"), ("visitor", "x"), ("", "x")])
def test_what_cannot_be_read_is_not_added(mail: Channel, agent: Membership, kind: str, value: str) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana")
    before = shown(), Profile.scoped().count()
    with pytest.raises(ValidationError):
        add_identifier(contact=ana.contact, kind=kind, value=value, by=person(agent))
    assert (shown(), Profile.scoped().count()) == before
