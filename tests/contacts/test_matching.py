"""Whose record it is: the examples of both modes, and the protections."""

import pytest

from accounts.models import Account, Channel, Membership, NameConflict
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.matching import learn, recognise
from contacts.merging import separate_and_mark_shared, unmerge
from contacts.models import Certainty, Contact, Identifier, MatchDecision, MergeEvent, Profile, ValueMark
from tests.conftest import make_channel
from tests.contacts.stories import at, claim, decision_of, grouping, identifier_of, members, person, tells, writes

Outcome = MatchDecision.Outcome


class TestUnified:
    def test_example_a_the_same_email_on_another_channel_ten_days_later_is_the_same_contact(self, mail: Channel, web: Channel) -> None:
        first = writes(mail, "ana@ejemplo.cl", name="Ana Soto")

        later = writes(web, "visitor-1", 240, name="Ana María Soto", email="Ana@Ejemplo.CL")

        assert later.contact.pk == first.contact.pk
        assert later.profile.pk != first.profile.pk
        assert (later.outcome, later.rule, later.is_new_profile, later.is_new_contact) == (Outcome.ATTACHED, "same_email", True, False)
        assert later.profile.home_id is None
        assert members(first.contact) == {first.profile.pk, later.profile.pk}
        assert later.contact.name == "Ana Soto"
        assert later.contact.fields["name"]["others"] == [{"value": "Ana María Soto", "profile": later.profile.pk}]

    def test_a_whatsapp_id_attests_a_phone_that_was_typed_elsewhere(self, web: Channel, whatsapp: Channel) -> None:
        visitor = writes(web, "visitor-1", phone="9 8123 4567")

        chat = writes(whatsapp, "56981234567", 1)

        assert (chat.contact.pk, chat.rule) == (visitor.contact.pk, "same_phone")
        assert identifier_of(chat.profile, "phone").certainty == Certainty.ATTESTED
        assert chat.identifier == identifier_of(chat.profile, "whatsapp")

    def test_the_raw_whatsapp_id_is_kept_for_sending(self, whatsapp: Channel) -> None:
        old = writes(whatsapp, "5215512345678")
        new = writes(whatsapp, "525512345678", 1)

        assert new.profile.pk == old.profile.pk
        assert identifier_of(old.profile, "whatsapp").raw == "5215512345678"

    def test_a_sender_without_a_phone_gets_it_later(self, whatsapp: Channel, web: Channel) -> None:
        visitor = writes(web, "visitor-1", phone="+56 9 8123 4567", name="Ana")
        user = recognise(channel=whatsapp, address=Address("whatsapp_user", "CL.8f3a"), claim=Claim(), occurred_at=at(1))
        assert user.is_new_contact
        assert not user.contact.is_anonymous

        known = recognise(
            channel=whatsapp,
            address=Address("whatsapp_user", "CL.8f3a"),
            claim=Claim(identifiers=(ClaimedIdentifier("phone", "56981234567", Certainty.ATTESTED),)),
            occurred_at=at(2),
        )

        assert known.profile.pk == user.profile.pk
        assert known.contact.pk == visitor.contact.pk
        assert (known.outcome, known.previous_contact_id) == (Outcome.MERGED, user.contact.pk)

    @pytest.mark.parametrize("unified", [True, False])
    @pytest.mark.parametrize("first", ["number", "id", "both"])
    def test_a_number_and_an_id_of_one_user_are_one_address(self, whatsapp: Channel, unified: bool, first: str) -> None:
        """A user adopts a name and hides the number, or shows it later: the id that both carry makes them one profile."""
        Account.objects.filter(pk=whatsapp.account_id).update(unification_enabled=unified)
        number = ClaimedIdentifier("whatsapp", "56981234567", Certainty.ATTESTED)
        user_id = ClaimedIdentifier("whatsapp_user", "CL.8f3a", Certainty.ATTESTED, scope="whatsapp:1")
        by_number, by_id = Address("whatsapp", "56981234567"), Address("whatsapp_user", "CL.8f3a")
        messages = {"number": (by_number, (number, user_id)), "id": (by_id, (user_id,)), "both": (by_number, (user_id, number))}
        order = [first, *(each for each in ("id", "number", "both") if each != first)]

        seen = [
            recognise(channel=whatsapp, address=messages[each][0], claim=Claim(messages[each][1]), occurred_at=at(hours))
            for hours, each in enumerate(order)
        ]

        assert len({recognition.profile.pk for recognition in seen}) == 1
        assert [recognition.is_new_profile for recognition in seen] == [True, False, False]
        for recognition, each in zip(seen, order, strict=True):
            assert recognition.identifier is not None
            assert recognition.identifier.value == messages[each][0].value

    def test_an_id_that_was_only_claimed_is_nobodys_address(self, whatsapp: Channel) -> None:
        known = writes(whatsapp, "56981234567")
        told = Claim((ClaimedIdentifier("whatsapp_user", "CL.8f3a", Certainty.CLAIMED),))
        learn(profile=known.profile, claim=told, occurred_at=at(1), cause="form")

        other = recognise(channel=whatsapp, address=Address("whatsapp_user", "CL.8f3a"), claim=Claim(), occurred_at=at(2))

        assert other.profile.pk != known.profile.pk

    def test_a_record_that_links_two_contacts_merges_them_and_says_why(self, mail: Channel, whatsapp: Channel, web: Channel) -> None:
        chat = writes(whatsapp, "56981234567", name="Ana")
        letter = writes(mail, "ana@ejemplo.cl", 1, name="Ana Soto")
        assert chat.contact.pk != letter.contact.pk

        form = writes(web, "visitor-1", 2, name="Ana", email="ana@ejemplo.cl", phone="981234567")

        assert (form.contact.pk, form.outcome, form.previous_contact_id) == (chat.contact.pk, Outcome.MERGED, None)
        assert members(chat.contact) == {chat.profile.pk, letter.profile.pk, form.profile.pk}
        event = MergeEvent.scoped().get()
        assert (event.cause, event.actor_kind, event.contact_id) == ("unified", "rule", chat.contact.pk)
        assert event.evidence["profile"] == form.profile.pk
        assert {key["kind"] for key in event.evidence["keys"]} == {"email", "phone"}
        letter.contact.refresh_from_db()
        assert letter.contact.is_empty

    def test_an_email_learnt_in_the_fifth_message_is_decided_at_once(self, mail: Channel, instagram: Channel) -> None:
        letter = writes(mail, "ana@ejemplo.cl", name="Ana")
        direct = writes(instagram, "1784", 1, username="anita")
        assert direct.contact.is_anonymous

        told = tells(direct.profile, 2, email="ana@ejemplo.cl")

        assert (told.profile.pk, told.contact.pk) == (direct.profile.pk, letter.contact.pk)
        assert (told.outcome, told.previous_contact_id) == (Outcome.MERGED, direct.contact.pk)

    def test_what_is_known_already_writes_no_decision(self, mail: Channel) -> None:
        first = writes(mail, "ana@ejemplo.cl", name="Ana")
        again = writes(mail, "ana@ejemplo.cl", 1, name="Ana")

        assert (again.outcome, again.rule, again.profile.pk) == (Outcome.UPDATED, "same_address", first.profile.pk)
        assert MatchDecision.scoped().count() == 1
        assert Profile.scoped().get().last_seen_at == Contact.scoped().get().last_seen_at == at(1)

    def test_a_changed_display_name_splits_nobody_and_the_first_name_stays(self, whatsapp: Channel) -> None:
        first = writes(whatsapp, "56981234567", name="María")
        renamed = writes(whatsapp, "56981234567", 50, name="José")

        assert renamed.profile.pk == first.profile.pk
        assert renamed.contact.name == "María"
        assert renamed.contact.fields["name"]["others"] == [{"value": "José", "profile": first.profile.pk}]

    def test_nothing_crosses_accounts(self, mail: Channel, other_account: Account) -> None:
        mine = writes(mail, "ana@ejemplo.cl", name="Ana")
        with account_scope(other_account):
            theirs = writes(make_channel(other_account, "email"), "ana@ejemplo.cl", name="Ana")
            assert theirs.is_new_contact
            assert members(theirs.contact) == {theirs.profile.pk}
        assert members(mine.contact) == {mine.profile.pk}


class TestSharedAndBlocked:
    def test_example_b_two_relatives_one_phone(self, web: Channel, whatsapp: Channel, agent: Membership) -> None:
        maria = writes(web, "visitor-1", name="María Pérez", phone="+56 9 8123 4567")

        jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")

        assert jose.contact.pk == maria.contact.pk
        assert jose.conflict_names == ["María Pérez"]
        assert decision_of(jose.profile).evidence["conflict_names"] == ["María Pérez"]

        event = separate_and_mark_shared(profile=jose.profile, identifier=identifier_of(jose.profile, "phone"), by=person(agent))

        jose.profile.refresh_from_db()
        assert grouping() == {frozenset({"webchat visitor-1"}), frozenset({"webchat visitor-2"})}
        assert (event.cause, event.actor_name) == ("shared", str(agent.user))
        assert ValueMark.scoped().get().key == "+56981234567"

        # Afterwards: the person of the message it answers …
        answering = writes(whatsapp, "56981234567", 2, replies_to=jose.profile)
        assert (answering.contact.pk, answering.rule, answering.asks_who) == (jose.profile.contact_id, "shared_reply", False)
        # … else the person of the latest open conversation on that address …
        offered: list[set[int]] = []

        def open_conversation(candidates: set[int]) -> Profile:
            offered.append(set(candidates))
            return maria.profile

        talking = writes(whatsapp, "56981234567", 3, open_profile_on_shared=open_conversation)
        assert (talking.contact.pk, talking.rule) == (maria.contact.pk, "shared_open")
        assert offered == [{maria.profile.pk, jose.profile.pk, answering.profile.pk}]
        # … each on a profile of their own, so that nothing has to be taken apart …
        assert len({answering.profile.pk, talking.profile.pk}) == 2
        # … else whoever wrote last, and the agent is asked.
        unclear = writes(whatsapp, "56981234567", 4, open_profile_on_shared=lambda _candidates: None)
        assert (unclear.profile.pk, unclear.asks_who) == (talking.profile.pk, True)

    def test_a_shared_value_on_another_channel_makes_a_new_profile_and_a_suggestion(self, web: Channel, whatsapp: Channel) -> None:
        chat = writes(whatsapp, "56981234567", name="Ana")
        ValueMark.objects.create(kind="phone", key="+56981234567", mark="shared")

        form = writes(web, "visitor-1", 1, name="Ana", phone="981234567")

        assert form.is_new_contact
        assert form.outcome == Outcome.SUGGESTED
        assert decision_of(form.profile).evidence["apart"] == [{"contact": chat.contact.pk, "why": "shared", "profiles": [chat.profile.pk]}]

    @pytest.mark.parametrize("email", ["info@empresa.cl", "Ventas@Empresa.cl", "no-reply@empresa.cl", "test@empresa.cl"])
    def test_a_role_mailbox_joins_nobody(self, web: Channel, email: str) -> None:
        writes(web, "visitor-1", name="Ana", email=email)
        other = writes(web, "visitor-2", 1, name="Ana", email=email)

        assert other.is_new_contact
        assert decision_of(other.profile).evidence["protections"] == [{"protection": "blocked", "kind": "email", "key": email.lower()}]

    def test_the_business_own_mailbox_joins_nobody(self, web: Channel, scoped: Account) -> None:
        make_channel(scoped, "email", settings={"address": "Hilo@Andes.cl"})
        writes(web, "visitor-1", email="hilo@andes.cl")
        assert writes(web, "visitor-2", email="hilo@andes.cl").is_new_contact

    def test_never_merge_holds_against_the_next_message(self, web: Channel, mail: Channel, supervisor: Membership) -> None:
        form = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl")
        letter = writes(mail, "ana@ejemplo.cl", 1)
        unmerge(contact=form.contact, profiles=[letter.profile], by=person(supervisor))

        again = tells(form.profile, 2, phone="981234567", email="ana@ejemplo.cl")
        writes(mail, "ana@ejemplo.cl", 3, phone="981234567")

        assert grouping() == {frozenset({"webchat visitor-1"}), frozenset({"email ana@ejemplo.cl"})}
        assert again.contact.pk == form.contact.pk
        decision = decision_of(letter.profile)
        assert decision.outcome == Outcome.SUGGESTED
        assert [entry["why"] for entry in decision.evidence["apart"]] == ["never_merge"]

    def test_when_keys_lead_to_people_marked_apart_the_stronger_evidence_decides(
        self, web: Channel, mail: Channel, whatsapp: Channel, supervisor: Membership
    ) -> None:
        letter = writes(mail, "ana@ejemplo.cl", phone="981234567")
        chat = writes(whatsapp, "56981234567", 1)
        unmerge(contact=letter.contact, profiles=[chat.profile], by=person(supervisor))
        chat.profile.refresh_from_db()

        form = writes(web, "visitor-1", 2, email="ana@ejemplo.cl", phone="981234567")

        assert form.contact.pk == chat.profile.contact_id
        assert decision_of(form.profile).evidence["apart"][0]["contact"] == letter.contact.pk

    def test_different_national_ids_keep_two_contacts_apart(self, web: Channel) -> None:
        father = writes(web, "visitor-1", name="Juan Rojas", phone="981234567", national_id="12.345.678-5")
        son = writes(web, "visitor-2", 1, name="Juan Rojas", phone="981234567", national_id="20.345.678-6")

        assert son.is_new_contact
        assert decision_of(son.profile).evidence["apart"][0] == {
            "contact": father.contact.pk,
            "why": "national_id",
            "profiles": [father.profile.pk],
        }

    def test_an_ended_identifier_leads_to_nobody(self, web: Channel, whatsapp: Channel) -> None:
        chat = writes(whatsapp, "56981234567")
        Identifier.scoped().filter(profile=chat.profile).update(valid_to=at(1))
        assert writes(web, "visitor-1", 2, phone="981234567").is_new_contact


class TestNameConflict:
    def test_under_suggest_relatives_are_kept_apart(self, scoped: Account, web: Channel) -> None:
        Account.objects.filter(pk=scoped.pk).update(name_conflict=NameConflict.SUGGEST)
        maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
        jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")
        pepe = writes(web, "visitor-3", 2, name="Pepe", phone="981234567")

        assert jose.is_new_contact
        assert jose.outcome == Outcome.SUGGESTED
        assert decision_of(jose.profile).evidence["apart"][0]["why"] == "name_conflict"
        assert pepe.contact.pk == jose.contact.pk
        assert maria.contact.pk != jose.contact.pk


class TestArgentina:
    def test_the_digits_without_the_9_may_be_a_land_line(self, web: Channel) -> None:
        writes(web, "visitor-1", phone="+54 9 11 2345 6789")
        assert writes(web, "visitor-2", 1, phone="+54 11 2345 6789").is_new_contact

    def test_whatsapp_attests_that_it_is_the_mobile(self, web: Channel, whatsapp: Channel) -> None:
        typed = writes(web, "visitor-1", phone="+54 11 2345 6789")
        chat = writes(whatsapp, "5491123456789", 1)
        assert chat.contact.pk == typed.contact.pk


class TestOneBrowserTwoPeople:
    def test_another_name_and_another_email_start_another_profile(self, web: Channel) -> None:
        ana = writes(web, "visitor-1", name="Ana Soto", email="ana@ejemplo.cl")

        beto = tells(ana.profile, 1, name="Roberto Díaz", email="beto@ejemplo.cl")

        assert (beto.rule, beto.is_new_profile) == ("other_person", True)
        assert beto.contact.pk != ana.contact.pk
        assert beto.profile.former_id == ana.profile.pk
        assert beto.identifier is not None
        assert writes(web, "visitor-1", 2).profile.pk == beto.profile.pk
        # Ana is back: her own profile goes on.
        back = writes(web, "visitor-1", 3, name="Ana", email="ana@ejemplo.cl")
        assert back.profile.pk == ana.profile.pk
        assert writes(web, "visitor-1", 4).profile.pk == ana.profile.pk

    @pytest.mark.parametrize("said", [claim(name="Anita", email="otra@ejemplo.cl"), claim(email="otra@ejemplo.cl"), claim(name="Beto")])
    def test_less_than_that_is_the_same_person(self, web: Channel, said: Claim) -> None:
        ana = writes(web, "visitor-1", name="Ana Soto", email="ana@ejemplo.cl")
        assert writes(web, "visitor-1", 1, said=said).profile.pk == ana.profile.pk


class TestStandard:
    @pytest.fixture
    def plaza(self, standard_account: Account):  # type: ignore[no-untyped-def]
        with account_scope(standard_account):
            yield standard_account

    @pytest.mark.parametrize(("hours", "is_new"), [(23, False), (24, False), (25, True)])
    def test_the_same_address_is_the_same_contact_within_24_hours(self, plaza: Account, hours: int, is_new: bool) -> None:
        channel = make_channel(plaza, "whatsapp")
        first = writes(channel, "56981234567", name="Ana")

        later = writes(channel, "56981234567", hours, name="Ana")

        assert later.is_new_contact is is_new
        assert (later.contact.pk != first.contact.pk) is is_new
        if is_new:
            assert later.rule == "silence"
            assert later.profile.former_id == first.profile.pk
            assert (later.profile.episode, later.profile.is_current) == (2, True)

    def test_our_own_message_counts_as_activity(self, plaza: Account) -> None:
        channel = make_channel(plaza, "whatsapp")
        first = writes(channel, "56981234567")
        Profile.scoped().filter(pk=first.profile.pk).update(last_seen_at=at(20))
        assert writes(channel, "56981234567", 40).profile.pk == first.profile.pk

    def test_a_reply_to_our_message_stays_however_late(self, plaza: Account) -> None:
        channel = make_channel(plaza, "email")
        first = writes(channel, "ana@ejemplo.cl")
        second = writes(channel, "ana@ejemplo.cl", 100)
        assert second.is_new_contact

        reply = writes(channel, "ana@ejemplo.cl", 200, replies_to=first.profile)

        assert (reply.profile.pk, reply.rule) == (first.profile.pk, "reply")

    def test_other_channels_and_late_data_never_join(self, plaza: Account) -> None:
        mail, web = make_channel(plaza, "email"), make_channel(plaza, "webchat")
        letter = writes(mail, "ana@ejemplo.cl", name="Ana")
        visitor = writes(web, "visitor-1", 1)
        assert visitor.contact.is_anonymous

        told = tells(visitor.profile, 2, name="Ana", email="ana@ejemplo.cl")

        assert (told.profile.pk, told.contact.pk) == (visitor.profile.pk, visitor.contact.pk)
        assert not told.contact.is_anonymous
        assert told.contact.pk != letter.contact.pk
        assert decision_of(told.profile).unified is False

    def test_the_window_is_the_accounts(self, plaza: Account) -> None:
        Account.objects.filter(pk=plaza.pk).update(new_contact_after_hours=48)
        channel = make_channel(plaza, "whatsapp")
        first = writes(channel, "56981234567")
        assert writes(channel, "56981234567", 47).contact.pk == first.contact.pk


def test_what_cannot_be_read_is_left_out_with_a_note(web: Channel) -> None:
    visitor = writes(web, "visitor-1", name="Ana", email="no tengo", phone="no")

    assert not Identifier.scoped().filter(profile=visitor.profile, kind__in=["email", "phone"]).exists()
    assert decision_of(visitor.profile).evidence["unreadable"] == [{"kind": "email", "raw": "no tengo"}, {"kind": "phone", "raw": "no"}]
    assert visitor.contact.is_anonymous


@pytest.mark.parametrize(("written", "kept"), [("\u202eanA\u202c Pérez", "anA Pérez"), ("\u2067Ana\u2069 ", "Ana"), ("أحمد", "أحمد")])
def test_a_name_does_not_turn_its_line_round(web: Channel, written: str, kept: str) -> None:
    assert writes(web, "visitor-1", 0, name=written).profile.given["name"] == kept


def test_a_name_of_nothing_but_turns_is_none(web: Channel) -> None:
    assert "name" not in writes(web, "visitor-1", 0, name="\u202e\u202c").profile.given
