"""What a person puts right by hand: an identifier that is another's, a person behind a person, people who are not one."""

from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command

from accounts.models import Account, Channel, Membership
from contacts.correcting import correct_field
from contacts.merging import Refused, merge, undo
from contacts.models import Contact, EndReason, Identifier, MergeEvent, MergeSuggestion, NeverMerge, Profile, ValueMark
from contacts.moving_identifiers import move_identifier
from contacts.splitting import split_off
from contacts.telling_apart import tell_apart
from tests.contacts.stories import identifier_of, members, person, writes


class TestMovingAnIdentifier:
    def test_it_ends_here_and_leads_there(self, web: Channel, supervisor: Membership) -> None:
        """Eva typed Ana's email."""
        eva = writes(web, "visitor-1", name="Eva", email="ana@ejemplo.cl", phone="981234567")
        ana = writes(web, "visitor-2", 1, name="Ana", phone="971234567")

        moved = move_identifier(identifier=identifier_of(eva.profile, "email"), to=ana.contact, by=person(supervisor))

        assert moved.profile.contact_id == ana.contact.pk
        ended = identifier_of(eva.profile, "email")
        assert (ended.end_reason, ended.valid_to is not None) == (EndReason.MOVED, True)
        assert writes(web, "visitor-3", 2, email="ana@ejemplo.cl").contact.pk == ana.contact.pk
        # Eva's own message does not bring it back.
        writes(web, "visitor-1", 3, name="Eva", email="ana@ejemplo.cl")
        assert not set(members(eva.contact)) & set(members(ana.contact))

    def test_an_address_that_somebody_writes_from_stays(self, web: Channel, whatsapp: Channel, supervisor: Membership) -> None:
        chat = writes(whatsapp, "56981234567", name="Eva")
        ana = writes(web, "visitor-2", 1, name="Ana", email="ana@ejemplo.cl")
        with pytest.raises(Refused):
            move_identifier(identifier=identifier_of(chat.profile, "whatsapp"), to=ana.contact, by=person(supervisor))
        assert not Identifier.scoped().exclude(valid_to=None).exists()

    def test_an_agent_may_not_and_one_contact_is_no_other(self, web: Channel, agent: Membership, supervisor: Membership) -> None:
        eva = writes(web, "visitor-1", email="ana@ejemplo.cl")
        ana = writes(web, "visitor-2", 1, name="Ana", phone="971234567")
        with pytest.raises(PermissionDenied):
            move_identifier(identifier=identifier_of(eva.profile, "email"), to=ana.contact, by=person(agent))
        with pytest.raises(Refused):
            move_identifier(identifier=identifier_of(eva.profile, "email"), to=eva.contact, by=person(supervisor))


class TestSplittingOff:
    def test_a_second_person_behind_one_number_gets_a_contact_that_stays(
        self, web: Channel, whatsapp: Channel, supervisor: Membership
    ) -> None:
        maria = writes(whatsapp, "56981234567", name="María", city="Lima")
        form = writes(web, "visitor-1", 1, name="María", phone="981234567")

        new, event = split_off(profiles=[maria.profile], by=person(supervisor), reason="es el hijo")

        son = new[maria.profile.pk]
        assert (son.contact_id != maria.contact.pk, son.given, son.former_id) == (True, {}, maria.profile.pk)
        assert (event.kind, event.cause, event.reason) == ("unmerge", "split", "es el hijo")
        assert members(maria.contact) == {maria.profile.pk, form.profile.pk}
        # What follows on the number is the new person's, and nothing joins the two.
        assert writes(whatsapp, "56981234567", 2, name="Pedro").profile.pk == son.pk
        assert not set(members(maria.contact)) & {son.pk}
        assert NeverMerge.scoped().count() == 2

    def test_it_can_be_undone(self, whatsapp: Channel, supervisor: Membership) -> None:
        maria = writes(whatsapp, "56981234567", name="María")
        new, event = split_off(profiles=[maria.profile], by=person(supervisor))
        undo(event=event, by=person(supervisor))
        assert members(maria.contact) == {maria.profile.pk, new[maria.profile.pk].pk}
        assert not NeverMerge.scoped().exists()


class TestTellingApart:
    def test_nothing_joins_them_by_itself_and_what_was_suggested_is_settled(self, web: Channel, supervisor: Membership) -> None:
        ana = writes(web, "visitor-1", name="Ana", email="anasoto@gmail.com")
        eva = writes(web, "visitor-2", 1, name="Eva", email="ana.soto@gmail.com")
        assert MergeSuggestion.scoped().get().state == "open"

        assert tell_apart(contacts=[ana.contact, eva.contact], by=person(supervisor)) == sorted((ana.contact.pk, eva.contact.pk))

        assert MergeSuggestion.scoped().get().state == "rejected"
        form = writes(web, "visitor-3", 2, email="ana.soto@gmail.com")
        writes(web, "visitor-3", 3, email="anasoto@gmail.com")
        assert members(eva.contact) == {eva.profile.pk, form.profile.pk}

    def test_one_contact_cannot_be_told_apart(self, web: Channel, supervisor: Membership) -> None:
        ana = writes(web, "visitor-1", email="ana@ejemplo.cl")
        eva = writes(web, "visitor-2", 1, email="eva@ejemplo.cl")
        merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
        with pytest.raises(Refused):
            tell_apart(contacts=[ana.contact, eva.contact], by=person(supervisor))
        assert not NeverMerge.scoped().exists()


class TestExplaining:
    def said(self, account: Account, one: Contact, other: Contact, language: str) -> str:
        out = StringIO()
        call_command("explain_match", one.pk, other.pk, account=account.slug, language=language, stdout=out)
        return out.getvalue()

    def test_one_contact_says_what_joined_it(self, scoped: Account, web: Channel, supervisor: Membership) -> None:
        ana = writes(web, "visitor-1", name="Ana", phone="981234567")
        eva = writes(web, "visitor-2", 1, email="ana@ejemplo.cl")
        merge(contacts=[ana.contact, eva.contact], by=person(supervisor), reason="lo dijo ella")
        told = self.said(scoped, ana.contact, eva.contact, "en")
        assert "They are one contact: Ana." in told
        assert "lo dijo ella" in told

    def test_two_contacts_say_why_in_both_languages(self, scoped: Account, web: Channel, supervisor: Membership) -> None:
        ana = writes(web, "visitor-1", name="Ana", phone="981234567", national_id="12.345.678-5")
        eva = writes(web, "visitor-2", 1, name="Eva", phone="981234567", national_id="20.345.678-6")
        tell_apart(contacts=[ana.contact, eva.contact], by=person(supervisor))
        told = self.said(scoped, ana.contact, eva.contact, "en")
        for words in ("different people", "national ids exclude", "Both have +56 9 8123 4567", "Suggested:", "their national ids differ"):
            assert words in told
        in_spanish = self.said(scoped, ana.contact, eva.contact, "es")
        assert "personas distintas" in in_spanish
        assert "Both" not in in_spanish

    def test_nothing_in_common_and_nobody_there(self, scoped: Account, web: Channel, other_account: Account) -> None:
        ana = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl")
        eva = writes(web, "visitor-2", 1, name="Eva", email="eva@ejemplo.cl")
        assert "no email, no phone and no other identifier in common" in self.said(scoped, ana.contact, eva.contact, "en")
        with pytest.raises(CommandError):
            self.said(other_account, ana.contact, eva.contact, "en")


def test_a_date_of_birth_is_one_day_or_refused(web: Channel, agent: Membership) -> None:
    ana = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl")
    shown = correct_field(contact=ana.contact, field="date_of_birth", value="25 de marzo de 1990", by=person(agent))
    assert shown.fields["date_of_birth"]["value"] == "1990-03-25"
    with pytest.raises(ValidationError):
        correct_field(contact=ana.contact, field="date_of_birth", value="03/04/1990", by=person(agent))
    assert Contact.scoped().get(pk=ana.contact.pk).fields["date_of_birth"]["value"] == "1990-03-25"
    assert Profile.scoped().count() == 2
    assert not ValueMark.scoped().exists()
    assert not MergeEvent.scoped().exists()
