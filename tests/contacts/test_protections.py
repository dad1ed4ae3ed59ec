"""Every protection of the unified mode: it keeps apart, it says why, and it asks a person."""

import pytest

from accounts.models import Account, AuditEntry, Channel, MatchingPolicy, Membership, NameConflict
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.deduplication.policy import MERGE_FROM
from contacts.evidence_words import origin_in_words
from contacts.marking import mark_shared
from contacts.matching import Recognition, learn
from contacts.merging import merge, unmerge
from contacts.models import (
    Certainty,
    EndReason,
    Identifier,
    IdentityReview,
    MatchDecision,
    MergeEvent,
    MergeSuggestion,
    Profile,
    ValueMark,
)
from contacts.recycled_numbers import note_identity_change
from tests.contacts.stories import at, claim, decision_of, grouping, identifier_of, person, tells, writes

Outcome = MatchDecision.Outcome
DAY = 24


def choose(account: Account, **settings: object) -> None:
    Account.objects.filter(pk=account.pk).update(**settings)


def confirmed(kind: str, raw: str) -> ClaimedIdentifier:
    return ClaimedIdentifier(kind, raw, Certainty.VERIFIED)


def assert_kept_apart(one: Recognition, other: Recognition, why: str) -> None:
    """They are two contacts, the later decision says why, and a person is asked."""
    pair = sorted((one.profile.pk, other.profile.pk))
    contacts = set(Profile.scoped().filter(pk__in=pair).values_list("contact_id", flat=True))
    assert len(contacts) == 2
    evidence = decision_of(other.profile).evidence
    assert why in {entry["why"] for entry in evidence["apart"]}
    assert why in {entry["protection"] for entry in evidence["protections"]}
    suggestion = MergeSuggestion.scoped().get(low=pair[0], high=pair[1])
    assert (suggestion.origin, suggestion.state) == (why, "open")
    assert suggestion.conflicts == ([] if why in ("policy", "similar_email") else [why])
    assert origin_in_words(why) != why.replace("_", " ").capitalize()


class TestContradictions:
    def test_two_national_ids_of_one_document(self, web: Channel) -> None:
        father = writes(web, "visitor-1", name="Juan Rojas", phone="981234567", national_id="12.345.678-5")
        son = writes(web, "visitor-2", 1, name="Juan Rojas", phone="981234567", national_id="20.345.678-6")

        assert_kept_apart(father, son, "national_id")
        (piece,) = MergeSuggestion.scoped().get().evidence
        assert (piece["comparison"], piece["level"], piece["right"]) == ("phone", "exact", "+56981234567")

    def test_ids_of_two_documents_contradict_nothing(self, web: Channel) -> None:
        one = writes(web, "visitor-1", phone="981234567", national_id="12.345.678-5")
        other = writes(web, "visitor-2", 1, phone="981234567", national_id="390.533.447-05")
        assert other.contact.pk == one.contact.pk

    def test_two_confirmed_emails(self, web: Channel) -> None:
        one = writes(web, "visitor-1", said=Claim((confirmed("email", "ana@ejemplo.cl"), ClaimedIdentifier("phone", "981234567"))))
        said = Claim((confirmed("email", "eva@ejemplo.cl"), ClaimedIdentifier("phone", "981234567")))
        other = writes(web, "visitor-2", 1, said=said)

        assert_kept_apart(one, other, "verified")

    def test_two_emails_of_which_one_was_only_typed_are_one_persons(self, web: Channel) -> None:
        one = writes(web, "visitor-1", said=Claim((confirmed("email", "ana@ejemplo.cl"), ClaimedIdentifier("phone", "981234567"))))
        other = writes(web, "visitor-2", 1, email="ana@trabajo.cl", phone="981234567")
        assert other.contact.pk == one.contact.pk

    def test_keys_that_lead_to_people_who_contradict_each_other(self, web: Channel, whatsapp: Channel) -> None:
        ana = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl", national_id="12.345.678-5")
        eva = writes(whatsapp, "56981234567", 1, said=claim(name="Ana", national_id="20.345.678-6"))

        form = writes(web, "visitor-3", 2, name="Ana", email="ana@ejemplo.cl", phone="981234567")

        # WhatsApp attests the phone: it is the stronger evidence.
        assert form.contact.pk == eva.contact.pk
        assert_kept_apart(ana, form, "national_id")


class TestNames:
    def test_a_name_conflict_under_suggest_is_suggested(self, scoped: Account, web: Channel) -> None:
        choose(scoped, name_conflict=NameConflict.SUGGEST)
        maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
        jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")
        assert_kept_apart(maria, jose, "name_conflict")

    def test_a_value_with_one_name_too_many_becomes_shared_and_what_it_joined_is_reviewed(self, scoped: Account, web: Channel) -> None:
        names = ["María Pérez", "José Pérez", "Lucía Pérez"]
        family = [writes(web, f"visitor-{n}", n, name=name, phone="981234567") for n, name in enumerate(names)]
        again = writes(web, "visitor-8", 8, name="Pepe", phone="981234567")
        assert len({each.contact.pk for each in (*family, again)}) == 1

        stranger = writes(web, "visitor-9", 9, name="Raúl Gómez", phone="981234567")

        assert_kept_apart(family[0], stranger, "shared")
        mark = ValueMark.scoped().get()
        assert (mark.kind, mark.key, mark.mark, mark.is_automatic) == ("phone", "+56981234567", "shared", True)
        value, *joins = IdentityReview.scoped().order_by("pk")
        assert (value.kind, value.key, len(value.detail["names"])) == ("shared_value", "+56981234567", 4)
        # Everybody whom the value joined by itself is put up, whoever was there first is not.
        assert [(join.kind, join.profile_id) for join in joins] == [
            ("shared_join", each.profile.pk) for each in (family[1], family[2], again)
        ]
        assert AuditEntry.scoped().get(action="identifier.mark_shared").actor_kind == "rule"
        # From now on it joins nobody, and the same value asks no more than once.
        writes(web, "visitor-10", 10, name="Eva", phone="981234567")
        assert IdentityReview.scoped().count() == 4

    def test_a_word_for_nobody_hides_none_of_the_people_behind_a_value(self, scoped: Account, web: Channel) -> None:
        for n, name in enumerate(["Cliente", "María Pérez", "José Pérez", "Lucía Pérez", "Raúl Gómez"]):
            writes(web, f"visitor-{n}", n, name=name, phone="981234567")
        assert ValueMark.scoped().get().is_automatic

    def test_the_limit_is_the_accounts(self, scoped: Account, web: Channel) -> None:
        choose(scoped, shared_after_names=1)
        writes(web, "visitor-1", name="María", phone="981234567")
        writes(web, "visitor-2", 1, name="José", phone="981234567")
        assert ValueMark.scoped().count() == 1
        assert len(grouping()) == 2

    def test_whoever_marks_a_value_as_shared_gets_what_it_joined_to_review(self, web: Channel, agent: Membership) -> None:
        writes(web, "visitor-1", name="Ana", phone="981234567")
        joined = writes(web, "visitor-2", 1, name="Ana", phone="981234567")

        mark_shared(identifier=identifier_of(joined.profile, "phone"), by=person(agent))

        review = IdentityReview.scoped().get()
        assert (review.kind, review.profile_id, review.value_kind) == ("shared_join", joined.profile.pk, "phone")


class TestClaims:
    def test_what_was_only_typed_may_be_made_to_suggest(self, scoped: Account, web: Channel, whatsapp: Channel) -> None:
        choose(scoped, claimed_suggests_only=True)
        chat = writes(whatsapp, "56981234567", name="Ana")
        form = writes(web, "visitor-1", 1, name="Ana", phone="981234567")

        assert_kept_apart(chat, form, "claimed")

    def test_a_code_that_confirms_it_decides_again(self, scoped: Account, web: Channel, whatsapp: Channel) -> None:
        choose(scoped, claimed_suggests_only=True)
        chat = writes(whatsapp, "56981234567", name="Ana")
        form = writes(web, "visitor-1", 1, name="Ana", phone="981234567")

        found = learn(profile=form.profile, claim=Claim((confirmed("phone", "981234567"),)), occurred_at=at(2), cause="verification")

        assert found.outcome == Outcome.MERGED
        assert found.contact.pk == chat.contact.pk


class TestPolicy:
    def test_probabilistic_joins_by_an_email_and_a_name_that_fits_and_says_by_what(
        self, scoped: Account, web: Channel, mail: Channel
    ) -> None:
        choose(scoped, matching_policy=MatchingPolicy.PROBABILISTIC)
        letter = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
        form = writes(web, "visitor-1", 1, name="Ana Soto", email="ana@ejemplo.cl")
        assert (form.outcome, form.rule, form.contact.pk) == (Outcome.ATTACHED, "same_email", letter.contact.pk)
        [score] = decision_of(form.profile).evidence["scores"]
        assert (score["contact"], score["proof"], score["profile"]) == (letter.contact.pk, "email", letter.profile.pk)
        assert score["weight"] >= MERGE_FROM
        assert {piece["comparison"] for piece in score["pieces"]} >= {"given", "surname", "email"}

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"name": "Ana Soto", "email": "ana@ejemplo.cl"}, {"email": "ana@ejemplo.cl"}),
            ({"name": "Ana Soto", "phone": "981234567"}, {"name": "Ana Soto", "phone": "981234567"}),
            ({"name": "Ana Soto", "email": "ana@ejemplo.cl"}, {"name": "Rosa Vera", "email": "ana@ejemplo.cl"}),
            (
                {"name": "Ana Soto", "email": "ana@ejemplo.cl", "date_of_birth": "1984-03-25"},
                {"name": "Ana Soto", "email": "ana@ejemplo.cl", "date_of_birth": "1951-11-02"},
            ),
        ],
        ids=["no name", "a phone that father and son may use", "another name", "another birth date"],
    )
    def test_probabilistic_suggests_what_is_in_doubt(
        self, scoped: Account, web: Channel, one: dict[str, str], other: dict[str, str]
    ) -> None:
        choose(scoped, matching_policy=MatchingPolicy.PROBABILISTIC)
        assert_kept_apart(writes(web, "visitor-1", **one), writes(web, "visitor-2", 1, **other), "policy")

    def test_probabilistic_looks_at_every_profile_of_the_contact(
        self, scoped: Account, web: Channel, mail: Channel, supervisor: Membership
    ) -> None:
        choose(scoped, matching_policy=MatchingPolicy.PROBABILISTIC)
        letter = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
        elder = writes(web, "visitor-1", 1, name="Ana Soto", date_of_birth="1951-11-02")
        merge(contacts=[letter.contact, elder.contact], by=person(supervisor))
        form = writes(web, "visitor-2", 2, name="Ana Soto", email="ana@ejemplo.cl", date_of_birth="1984-03-25")
        assert (form.outcome, form.is_new_contact) == (Outcome.SUGGESTED, True)

    def test_the_other_policies_do_not_weigh_what_keys_decide(self, web: Channel, mail: Channel) -> None:
        letter = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
        form = writes(web, "visitor-1", 1, email="ana@ejemplo.cl")
        assert form.contact.pk == letter.contact.pk
        assert "scores" not in decision_of(form.profile).evidence

    def test_hybrid_suggests_what_gmail_takes_for_one_mailbox(self, web: Channel, mail: Channel) -> None:
        letter = writes(mail, "anasoto@gmail.com", name="Ana")
        form = writes(web, "visitor-1", 1, name="Ana", email="ana.soto+compras@googlemail.com")
        assert_kept_apart(letter, form, "similar_email")

    def test_deterministic_asks_about_equal_keys_only(self, scoped: Account, web: Channel, mail: Channel) -> None:
        choose(scoped, matching_policy=MatchingPolicy.DETERMINISTIC)
        writes(mail, "anasoto@gmail.com", name="Ana")
        form = writes(web, "visitor-1", 1, name="Ana", email="ana.soto@gmail.com")
        assert form.outcome == Outcome.CREATED
        assert not MergeSuggestion.scoped().exists()

    def test_what_may_be_an_argentine_land_line_is_suggested(self, web: Channel) -> None:
        mobile = writes(web, "visitor-1", phone="+54 9 11 2345 6789")
        land = writes(web, "visitor-2", 1, phone="+54 11 2345 6789")
        assert_kept_apart(mobile, land, "maybe_two_lines")


class TestLimits:
    def test_a_contact_that_gathers_too_many_sources_takes_no_more_by_itself(self, scoped: Account, web: Channel) -> None:
        choose(scoped, max_profiles_per_contact=3)
        first, *_rest = [writes(web, f"visitor-{n}", n, email="uno@ejemplo.cl") for n in range(3)]
        assert len(grouping()) == 1

        fourth = writes(web, "visitor-3", 3, email="uno@ejemplo.cl")

        assert_kept_apart(first, fourth, "too_many_profiles")
        review = IdentityReview.scoped().get()
        assert (review.kind, review.profile_id) == ("full_contact", first.profile.pk)
        # Nor does it grow from within: the profiles of another contact count as well.
        fifth = writes(web, "visitor-4", 4, email="uno@ejemplo.cl")
        assert fifth.contact.pk == fourth.contact.pk

    def test_a_merge_storm_stops_itself_and_calls_a_person(self, scoped: Account, web: Channel, mail: Channel) -> None:
        choose(scoped, max_merges_per_hour=2)
        letters = [writes(mail, f"p{n}@ejemplo.cl", n) for n in range(4)]
        visitors = [writes(web, f"visitor-{n}", 10 + n) for n in range(4)]

        told = [tells(visitor.profile, 20 + n, email=f"p{n}@ejemplo.cl") for n, visitor in enumerate(visitors)]

        assert [each.outcome for each in told] == [Outcome.MERGED, Outcome.MERGED, Outcome.SUGGESTED, Outcome.SUGGESTED]
        assert MergeEvent.scoped().count() == 2
        assert_kept_apart(letters[2], told[2], "merge_storm")
        assert IdentityReview.scoped().get().kind == "merge_storm"
        # A new source may still join one contact: that is no merge.
        assert writes(web, "visitor-9", 30, email="p3@ejemplo.cl").contact.pk == letters[3].contact.pk


class TestRecycledNumbers:
    def test_another_name_after_the_accounts_silence_is_another_person(self, whatsapp: Channel, web: Channel) -> None:
        ana = writes(whatsapp, "56981234567", name="Ana Soto")

        raul = writes(whatsapp, "56981234567", 200 * DAY, name="Raúl Gómez")

        assert (raul.rule, raul.is_new_contact, raul.profile.former_id) == ("recycled", True, ana.profile.pk)
        assert_kept_apart(ana, raul, "recycled")
        ended = Identifier.scoped().filter(profile=ana.profile).values_list("kind", "valid_to", "end_reason")
        assert set(ended) == {("phone", at(200 * DAY), EndReason.RECYCLED), ("whatsapp", at(200 * DAY), EndReason.RECYCLED)}
        # What follows is the new person's, on any channel.
        assert writes(whatsapp, "56981234567", 201 * DAY).profile.pk == raul.profile.pk
        assert writes(web, "visitor-1", 202 * DAY, phone="981234567").contact.pk == raul.contact.pk

    @pytest.mark.parametrize(("days", "name"), [(170, "Raúl Gómez"), (200, "Anita"), (200, "")])
    def test_less_than_both_is_the_same_person(self, whatsapp: Channel, days: int, name: str) -> None:
        ana = writes(whatsapp, "56981234567", name="Ana Soto")
        assert writes(whatsapp, "56981234567", days * DAY, name=name).profile.pk == ana.profile.pk

    def test_a_number_in_use_elsewhere_is_not_silent(self, whatsapp: Channel, web: Channel) -> None:
        ana = writes(whatsapp, "56981234567", name="Ana Soto")
        writes(web, "visitor-1", 100 * DAY, name="Ana", phone="981234567")
        assert writes(whatsapp, "56981234567", 200 * DAY, name="Raúl").profile.pk == ana.profile.pk

    def test_a_typed_number_that_was_silent_is_suggested_and_stays_its_owners(self, whatsapp: Channel, web: Channel) -> None:
        ana = writes(whatsapp, "56981234567", name="Ana Soto")
        raul = writes(web, "visitor-1", 200 * DAY, name="Raúl Gómez", phone="981234567")
        assert_kept_apart(ana, raul, "recycled")
        assert not Identifier.scoped().exclude(valid_to=None).exists()

    def test_the_period_is_the_accounts(self, scoped: Account, whatsapp: Channel) -> None:
        choose(scoped, recycled_after_days=365)
        ana = writes(whatsapp, "56981234567", name="Ana Soto")
        assert writes(whatsapp, "56981234567", 200 * DAY, name="Raúl Gómez").profile.pk == ana.profile.pk

    def test_the_providers_notice_is_enough(self, scoped: Account, whatsapp: Channel) -> None:
        ana = writes(whatsapp, "56981234567", name="Ana Soto")

        former = note_identity_change(
            channel=whatsapp, address=Address("whatsapp", "56981234567"), occurred_at=at(1), region=scoped.default_region
        )
        after = writes(whatsapp, "56981234567", 2, name="Ana Soto")

        assert former == ana.profile
        assert (after.rule, after.is_new_contact) == ("recycled", True)
        assert_kept_apart(ana, after, "recycled")

    def test_a_notice_about_nobody_is_nothing(self, scoped: Account, whatsapp: Channel) -> None:
        gone = note_identity_change(channel=whatsapp, address=Address("whatsapp", "56981234567"), occurred_at=at(1), region="CL")
        assert gone is None


def test_a_shared_value_is_suggested(web: Channel, whatsapp: Channel) -> None:
    chat = writes(whatsapp, "56981234567", name="Ana")
    ValueMark.objects.create(kind="phone", key="+56981234567", mark="shared")
    assert_kept_apart(chat, writes(web, "visitor-1", 1, name="Ana", phone="981234567"), "shared")


def test_a_pair_marked_as_different_people_is_not_asked_about_again(web: Channel, mail: Channel, supervisor: Membership) -> None:
    form = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl")
    letter = writes(mail, "ana@ejemplo.cl", 1)
    unmerge(contact=form.contact, profiles=[letter.profile], by=person(supervisor))
    tells(form.profile, 2, phone="981234567", email="ana@ejemplo.cl")
    writes(mail, "ana@ejemplo.cl", 3, phone="981234567")
    assert len(grouping()) == 2
    assert not MergeSuggestion.scoped().exists()


def test_what_is_blocked_is_ignored_and_nobody_is_asked(web: Channel) -> None:
    writes(web, "visitor-1", name="Ana", email="info@empresa.cl")
    writes(web, "visitor-2", 1, name="Eva", email="info@empresa.cl")
    assert len(grouping()) == 2
    assert not MergeSuggestion.scoped().exists()
