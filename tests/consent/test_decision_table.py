"""The decision table, row by row, as sentences."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from accounts.scope import account_scope
from consent.gate import decide, decide_many, keep, replay
from consent.models import ContactPoint, Decision, GatePolicy, NoticeVersion, Preference, Purpose
from consent.purposes import DEFAULTS
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.models import Profile
from tests.conftest import make_account, make_channel
from tests.consent.people import (
    MAIL,
    PHONE,
    TUESDAY,
    agree,
    answered,
    ask,
    make_person,
    point,
    question,
    say,
    with_postal_address,
    with_registry,
)

pytestmark = pytest.mark.usefixtures("scoped")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


def reply(profile: Profile, **fields: Any) -> Any:
    """An agent's answer to what the person wrote an hour ago."""
    wrote = fields.get("at", TUESDAY) - HOUR
    by_default = {"purpose": "service", "reply_to_at": wrote, "inbound_known": True, "last_inbound_at": wrote}
    return ask(profile, **{**by_default, **fields})


def suppressed(profile: Profile, reason: str, **fields: Any) -> None:
    by_default = {"at": timezone.now() - HOUR, "key": reason, "origin": Origin.SYSTEM}
    suppress(ref=point(profile), reason=SuppressionReason(reason), **{**by_default, **fields})


def reasons(ruling: Any) -> set[str]:
    return {str(reason) for reason in ruling.reasons}


class TestRow1:
    def test_a_purpose_that_nobody_knows_is_a_no(self, ana: Profile) -> None:
        agree(ana, purpose="")
        assert answered(ask(ana, purpose="novedades")) == ("deny", "gate_unavailable")

    def test_and_so_is_one_that_is_switched_off(self, ana: Profile) -> None:
        agree(ana)
        Purpose.objects.filter(key="marketing").update(is_active=False)
        assert answered(ask(ana)) == ("deny", "gate_unavailable")

    def test_an_error_is_a_no_even_to_an_answer(self, ana: Profile, monkeypatch: Any) -> None:
        monkeypatch.setattr("consent.gate.gather_facts", lambda questions: 1 / 0)
        assert answered(reply(ana)) == ("deny", "gate_unavailable")

    def test_and_an_error_of_one_question_is_not_the_others_trouble(self, ana: Profile, monkeypatch: Any) -> None:
        from consent import gate

        judged = gate.judge
        monkeypatch.setattr(gate, "judge", lambda q, *known: 1 / 0 if q.channel == "sms" else judged(q, *known))
        agree(ana)
        rulings = decide_many([question(ana, channel="sms"), question(ana)])
        assert [answered(ruling) for ruling in rulings] == [("deny", "gate_unavailable"), ("allow", "allowed")]

    def test_a_country_without_rules_is_a_no_to_promotions_and_lets_answers_through(self, scoped: Account) -> None:
        abroad = make_person(("phone", "+81312345678"))
        agree(abroad)
        assert answered(ask(abroad)) == ("deny", "gate_unavailable")
        assert answered(reply(abroad)) == ("allow", "service_reply")


class TestRow2:
    @pytest.mark.parametrize("reason", ["erased", "complaint", "wrong_person", "hard_bounce", "blocked"])
    def test_nothing_goes_to_a_suppressed_address_not_even_an_answer(self, ana: Profile, reason: str) -> None:
        suppressed(ana, reason, at=timezone.now())
        long_ago = timezone.now() - 2 * DAY
        for ruling in (ask(ana), ask(ana, purpose="utility"), reply(ana, last_inbound_at=long_ago)):
            assert (ruling.verdict.value, "suppressed" in reasons(ruling)) == ("deny", True)

    def test_but_what_the_law_demands(self, ana: Profile) -> None:
        suppressed(ana, "erased")
        assert answered(ask(ana, purpose="legal", template="utility")) == ("allow", "allowed")

    def test_a_proven_opt_in_afterwards_lifts_it_and_an_import_does_not(self, ana: Profile) -> None:
        suppressed(ana, "erased", at=timezone.now() - 2 * DAY)
        say(ana, Action.GRANT, origin=Origin.IMPORT, proof={"list": "feria"})
        assert answered(ask(ana)) == ("deny", "suppressed")
        agree(ana)
        assert answered(ask(ana)) == ("allow", "allowed")

    def test_a_bounce_is_over_when_the_mailbox_writes(self, ana: Profile) -> None:
        bounced_at = timezone.now() - DAY
        suppress(ref=point(ana, "email"), reason=SuppressionReason.HARD_BOUNCE, at=bounced_at, key="b", origin=Origin.BOUNCE, scope="email")
        asked: dict[str, Any] = {"kind": "email", "channel": "email"}
        assert answered(reply(ana, last_inbound_at=bounced_at - HOUR, **asked)) == ("deny", "suppressed")
        assert answered(reply(ana, last_inbound_at=bounced_at + HOUR, **asked)) == ("allow", "service_reply")


class TestRow3:
    def test_stop_by_sms_stops_everything_by_sms_and_voice(self, ana: Profile) -> None:
        agree(ana, occurred_at=timezone.now() - DAY)
        say(ana, Action.STOP, channel="sms", origin=Origin.MESSAGE)
        assert answered(reply(ana, channel="sms")) == ("deny", "stopped")
        assert answered(reply(ana, channel="voice")) == ("deny", "stopped")
        assert answered(ask(ana, channel="sms", purpose="authentication", asked_now=True)) == ("deny", "stopped")
        assert answered(ask(ana)) == ("deny", "withdrawn")
        assert answered(reply(ana)) == ("allow", "service_reply")

    def test_but_one_confirmation(self, ana: Profile) -> None:
        say(ana, Action.STOP, channel="sms", origin=Origin.MESSAGE)
        confirmation: dict[str, Any] = {"channel": "sms", "category": "stop_confirmation"}
        first = reply(ana, subject="message:1", at=timezone.now(), **confirmation)
        assert first.allowed
        keep(first, stage="accepted")
        assert reply(ana, subject="message:1", at=timezone.now(), **confirmation).allowed
        assert answered(reply(ana, subject="message:2", at=timezone.now(), **confirmation)) == ("deny", "stopped")

    def test_start_takes_it_back(self, ana: Profile) -> None:
        say(ana, Action.STOP, channel="sms", origin=Origin.MESSAGE, occurred_at=timezone.now() - DAY)
        agree(ana, purpose="", channel="sms")
        assert reply(ana, channel="sms").allowed


class TestRow4:
    @pytest.mark.parametrize(
        "about", [{}, {"purpose": "marketing"}, {"channel": "whatsapp"}, {"purpose": "marketing", "channel": "whatsapp"}]
    )
    @pytest.mark.parametrize("action", [Action.WITHDRAW, Action.OBJECT])
    def test_no_promotion_after_a_withdrawal_of_purpose_channel_or_all(self, ana: Profile, action: Action, about: dict[str, str]) -> None:
        agree(ana, occurred_at=timezone.now() - DAY)
        say(ana, action, **about)
        assert answered(ask(ana)) == ("deny", "withdrawn")
        assert answered(ask(ana, purpose="utility", template="utility")) == ("allow", "allowed")

    def test_a_withdrawal_on_another_channel_or_for_another_purpose_is_not_this_one(self, ana: Profile) -> None:
        agree(ana, occurred_at=timezone.now() - DAY)
        say(ana, Action.WITHDRAW, channel="sms")
        say(ana, Action.WITHDRAW, purpose="utility")
        assert answered(ask(ana)) == ("allow", "allowed")


class TestRow5:
    def test_no_promotion_after_the_person_stopped_them_on_the_platform(self, ana: Profile) -> None:
        agree(ana)
        say(ana, Action.PLATFORM_STOP, channel="whatsapp")
        assert answered(ask(ana)) == ("deny", "platform_opt_out")
        assert answered(ask(ana, purpose="utility", template="utility")) == ("allow", "allowed")

    def test_until_they_resume_there(self, ana: Profile) -> None:
        agree(ana)
        say(ana, Action.PLATFORM_STOP, channel="whatsapp", occurred_at=timezone.now() - 2 * HOUR)
        agree(ana)
        assert answered(ask(ana)) == ("deny", "platform_opt_out")
        say(ana, Action.PLATFORM_RESUME, channel="whatsapp")
        assert answered(ask(ana)) == ("allow", "allowed")

    def test_nor_where_the_platform_delivers_none(self, scoped: Account) -> None:
        american = make_person(("phone", "+12125550123"))
        agree(american)
        ruling = ask(american, at=TUESDAY + 4 * HOUR)
        assert (answered(ruling), ruling.detail) == (("deny", "platform_opt_out"), "country")


class TestRow6:
    def test_no_promotion_to_somebody_who_was_never_asked(self, ana: Profile) -> None:
        ruling = ask(ana)
        assert (answered(ruling), ruling.detail) == (("deny", "no_consent"), "never_asked")

    def test_nor_while_the_confirmation_is_pending(self, ana: Profile) -> None:
        say(ana, Action.REQUEST, origin=Origin.FORM, purpose="marketing")
        ruling = ask(ana)
        assert (answered(ruling), ruling.detail) == (("deny", "no_consent"), "pending")

    def test_nor_on_a_grant_that_was_to_be_confirmed_and_was_not(self, ana: Profile) -> None:
        say(ana, Action.GRANT, origin=Origin.AGENT, purpose="marketing", proof={"said": "sí"})
        assert ask(ana).detail == "unconfirmed"

    def test_nor_after_it_expired(self, ana: Profile) -> None:
        agree(ana, occurred_at=timezone.now() - 731 * DAY)
        ruling = ask(ana)
        assert (answered(ruling), ruling.detail) == (("deny", "no_consent"), "expired")

    def test_nor_on_an_older_material_notice(self, ana: Profile) -> None:
        marketing = Purpose.objects.get(key="marketing")
        first, second, third = (
            NoticeVersion.objects.create(purpose=marketing, language="es", number=number, text="…", sha256="x", is_material=material)
            for number, material in ((1, True), (2, False), (3, True))
        )
        agree(ana, notice=first)
        assert ask(ana).detail == "older_notice"
        agree(ana, notice=third)
        assert answered(ask(ana)) == ("allow", "allowed")
        assert second.number == 2

    def test_nor_on_an_import_without_proof(self, ana: Profile) -> None:
        Purpose.objects.filter(key="marketing").update(double_opt_in=False)
        say(ana, Action.GRANT, origin=Origin.IMPORT, purpose="marketing")
        assert ask(ana).detail == "without_proof"
        say(ana, Action.GRANT, origin=Origin.IMPORT, purpose="marketing", proof={"list": "feria 2026"})
        assert answered(ask(ana)) == ("allow", "allowed")

    def test_nor_on_a_number_that_has_another_owner_since(self, ana: Profile) -> None:
        agree(ana, occurred_at=timezone.now() - 10 * DAY)
        ana.identifiers.filter(kind="phone").update(valid_to=timezone.now() - DAY, end_reason="recycled")
        ruling = ask(ana, kind="phone")
        assert (answered(ruling), ruling.detail) == (("deny", "no_consent"), "recycled")

    def test_a_grant_holds_at_its_own_address(self, ana: Profile) -> None:
        with_postal_address()
        agree(ana, kind="phone")
        assert ask(ana).allowed
        assert answered(ask(ana, kind="email", channel="email")) == ("deny", "no_consent")


class TestRow7:
    def test_a_customer_is_written_to_about_something_similar_where_the_country_permits(self, scoped: Account) -> None:
        with_postal_address()
        spaniard = make_person(("email", MAIL))
        ContactPoint.objects.create(kind="email", lookup_hmac=point(spaniard).lookup, match_hmac=point(spaniard).match, country="ES")
        with_registry("ES", TUESDAY - DAY)
        say(spaniard, Action.SOFT_OPT_IN, origin=Origin.API, proof={"invoice": "F-991"})
        assert answered(ask(spaniard, channel="email", similar_product=True)) == ("allow", "soft_opt_in")
        assert answered(ask(spaniard, channel="email")) == ("deny", "no_consent")
        say(spaniard, Action.WITHDRAW)
        assert answered(ask(spaniard, channel="email", similar_product=True)) == ("deny", "withdrawn")

    def test_not_where_it_does_not_and_not_without_evidence(self, ana: Profile) -> None:
        with_postal_address()
        say(ana, Action.SOFT_OPT_IN, kind="email", origin=Origin.API, proof={"invoice": "F-991"})
        assert answered(ask(ana, kind="email", channel="email", similar_product=True)) == ("deny", "no_consent")
        colombian = make_person(("phone", "+573001234567"))
        say(colombian, Action.SOFT_OPT_IN, origin=Origin.API)
        assert not ask(colombian, similar_product=True).allowed


class TestRow8:
    def test_no_promotion_by_sms_without_a_fresh_copy_of_the_registry(self, scoped: Account) -> None:
        argentine = make_person(("phone", "+5491123456789"))
        agree(argentine)
        ruling = ask(argentine, channel="sms")
        assert (answered(ruling), ruling.detail) == (("deny", "registry"), "list_too_old")
        with_registry("AR", TUESDAY - 31 * DAY)
        assert ask(argentine, channel="sms").detail == "list_too_old"
        with_registry("AR", TUESDAY - 29 * DAY)
        assert answered(ask(argentine, channel="sms")) == ("allow", "allowed")

    def test_a_copy_of_another_country_is_none(self, scoped: Account) -> None:
        argentine = make_person(("phone", "+5491123456789"))
        agree(argentine)
        with_registry("CO", TUESDAY - DAY)
        assert ask(argentine, channel="sms").detail == "list_too_old"

    def test_nor_to_a_number_on_it(self, scoped: Account) -> None:
        argentine = make_person(("phone", "+5491123456789"))
        agree(argentine)
        with_registry("AR", TUESDAY - DAY)
        suppress(ref=point(argentine), reason=SuppressionReason.REGISTRY, at=TUESDAY - DAY, key="list", origin=Origin.SYSTEM)
        ruling = ask(argentine, channel="sms")
        assert ("registry", "listed") in {(finding.reason.value, finding.detail) for finding in ruling.findings}
        assert reply(argentine, channel="sms").allowed


class TestRow9:
    def test_free_text_by_whatsapp_within_24_hours_and_a_template_after(self, ana: Profile) -> None:
        assert reply(ana, last_inbound_at=TUESDAY - 24 * HOUR + timedelta(seconds=1)).allowed
        assert answered(reply(ana, last_inbound_at=TUESDAY - 24 * HOUR)) == ("convert", "template_required")
        assert answered(reply(ana, last_inbound_at=None)) == ("convert", "template_required")
        assert reply(ana, last_inbound_at=TUESDAY - 24 * HOUR, template="utility").allowed


class TestRow10:
    @pytest.mark.parametrize(
        ("actor", "hours", "verdict"),
        [
            ("human", 23, ("allow", "service_reply")),
            ("bot", 23, ("allow", "service_reply")),
            ("human", 24, ("allow", "human_agent_tag")),
            ("human", 24 * 7 - 1, ("allow", "human_agent_tag")),
            ("human", 24 * 7, ("deny", "window_closed")),
            ("bot", 24, ("deny", "window_closed")),
        ],
    )
    @pytest.mark.parametrize("channel", ["instagram", "messenger"])
    def test_people_have_seven_days_and_bots_one(
        self, scoped: Account, channel: str, actor: str, hours: int, verdict: tuple[str, str]
    ) -> None:
        somebody = make_person((channel, "17841"))
        wrote = TUESDAY - hours * HOUR
        ruling = reply(somebody, channel=channel, actor=actor, last_inbound_at=wrote, reply_to_at=wrote)
        assert answered(ruling) == verdict
        assert ("human_agent_tag" in ruling.obligations) == (verdict[1] == "human_agent_tag")

    def test_nobody_writes_first(self, scoped: Account) -> None:
        somebody = make_person(("instagram", "17841"))
        assert answered(reply(somebody, channel="instagram", last_inbound_at=None)) == ("deny", "never_wrote")


class TestRow11:
    @pytest.mark.parametrize("purpose", ["utility", "service"])
    def test_a_promotion_does_not_travel_as_a_notice(self, ana: Profile, purpose: str) -> None:
        agree(ana, purpose="")
        assert answered(ask(ana, purpose=purpose, category="promotional", template="utility")) == ("deny", "category_mismatch")
        assert answered(ask(ana, purpose=purpose, template="marketing")) == ("deny", "category_mismatch")
        assert answered(reply(ana, category="promotional")) == ("deny", "category_mismatch")


class TestRow12:
    def test_it_waits_for_the_end_of_the_pause(self, ana: Profile) -> None:
        agree(ana)
        Preference.objects.create(profile=ana, paused_until=TUESDAY + 7 * DAY, updated_at=timezone.now())
        ruling = ask(ana)
        assert (answered(ruling), ruling.not_before) == (("defer", "paused"), TUESDAY + 7 * DAY)

    def test_it_waits_for_the_morning(self, scoped: Account) -> None:
        # Peru has one zone, five hours behind; at night in Lima it is the next day in UTC.
        peruvian = make_person(("phone", "+51987654321"))
        agree(peruvian)
        ruling = ask(peruvian, at=TUESDAY.replace(hour=3))
        assert (answered(ruling), ruling.not_before) == (("defer", "quiet_hours"), TUESDAY.replace(hour=14))

    def test_it_waits_until_after_the_holiday_and_the_sunday(self, scoped: Account) -> None:
        peruvian = make_person(("phone", "+51987654321"))
        agree(peruvian)
        # Tuesday and Wednesday, 8 and 9 December 2026.
        ruling = ask(peruvian, at=TUESDAY + 14 * DAY)
        assert (answered(ruling), ruling.not_before) == (("defer", "holiday"), (TUESDAY + 16 * DAY).replace(hour=14))

    def test_where_the_zone_is_unknown_it_waits_for_the_last_of_the_countrys_zones(self, scoped: Account) -> None:
        american = make_person(("phone", "+12125550123"))
        with_registry("US", TUESDAY)
        agree(american)
        # Nine in New York, four in Honolulu.
        ruling = ask(american, channel="sms", at=TUESDAY.replace(hour=14))
        assert (answered(ruling), ruling.not_before) == (("defer", "quiet_hours"), TUESDAY.replace(hour=18))
        Preference.objects.create(profile=american, timezone="America/New_York", updated_at=timezone.now())
        assert ask(american, channel="sms", at=TUESDAY.replace(hour=14)).allowed

    def test_a_zone_that_is_none_counts_as_unknown(self, scoped: Account) -> None:
        american = make_person(("phone", "+12125550123"))
        with_registry("US", TUESDAY)
        agree(american)
        Preference.objects.create(profile=american, timezone="America/Nowhere", updated_at=timezone.now())
        assert ask(american, channel="sms", at=TUESDAY.replace(hour=14)).deferred

    def test_the_persons_own_hours_count_too(self, ana: Profile) -> None:
        agree(ana)
        Preference.objects.create(
            profile=ana, timezone="America/Santiago", quiet_from=time(11), quiet_to=time(14), updated_at=timezone.now()
        )
        # Noon in Santiago.
        ruling = ask(ana)
        assert (answered(ruling), ruling.not_before) == (("defer", "quiet_hours"), TUESDAY.replace(hour=17))


class TestRow13:
    def test_after_so_many_messages_it_waits_for_the_oldest_to_be_long_ago(self, ana: Profile) -> None:
        agree(ana)
        for number in range(4):
            keep(ask(ana, subject=f"message:{number}", at=TUESDAY - DAY + number * timedelta(minutes=10)), stage="leaving")
        ruling = ask(ana, subject="message:9")
        assert answered(ruling) == ("defer", "cap")
        assert ruling.not_before == TUESDAY + 6 * DAY

    def test_the_cap_counts_per_person_over_all_profiles(self, ana: Profile) -> None:
        other = make_person(("phone", "+56987654321"), contact=ana.contact)
        Preference.objects.create(profile=other, cap_count=1, cap_days=30, updated_at=timezone.now())
        agree(ana)
        agree(other)
        assert ask(ana).allowed
        keep(ask(other, subject="message:1", at=TUESDAY - DAY), stage="leaving")
        assert answered(ask(ana)) == ("defer", "cap")

    def test_one_message_that_is_tried_twice_counts_once_and_not_against_itself(self, ana: Profile) -> None:
        agree(ana)
        GatePolicy.objects.create(cap_count=1)
        for _attempt in range(2):
            keep(ask(ana, subject="message:1", at=TUESDAY - HOUR), stage="leaving")
        assert ask(ana, subject="message:1").allowed
        assert answered(ask(ana, subject="message:2")) == ("defer", "cap")


class TestRow14:
    def test_no_bulk_email_without_its_way_out_and_the_senders_address(self, ana: Profile) -> None:
        agree(ana, kind="email")
        mail: dict[str, Any] = {"kind": "email", "channel": "email"}
        assert answered(ask(ana, **mail)) == ("deny", "obligation")
        with_postal_address()
        assert answered(ask(ana, has_unsubscribe=False, **mail)) == ("deny", "obligation")
        ruling = ask(ana, **mail)
        assert (ruling.allowed, ruling.obligations) == (True, ("list_unsubscribe", "postal_address"))


class TestRow15:
    def test_an_answer_passes_withdrawals_hours_pauses_and_caps(self, ana: Profile) -> None:
        say(ana, Action.WITHDRAW)
        say(ana, Action.PLATFORM_STOP, channel="whatsapp")
        Preference.objects.create(profile=ana, paused_until=TUESDAY + DAY, cap_count=1, cap_days=7, updated_at=timezone.now())
        night = TUESDAY.replace(hour=6)
        ruling = reply(ana, at=night)
        assert answered(ruling) == ("allow", "service_reply")
        assert {finding.reason.value for finding in ruling.excused} == {"paused", "quiet_hours"}

    def test_what_answers_nothing_waits_like_the_rest(self, ana: Profile) -> None:
        assert answered(ask(ana, purpose="service", template="utility", at=TUESDAY.replace(hour=6))) == ("defer", "quiet_hours")

    def test_a_promotion_is_no_answer(self, ana: Profile) -> None:
        assert not reply(ana, purpose="marketing").allowed


class TestRow16:
    def test_a_code_asked_for_now_passes_hours_and_pauses(self, ana: Profile) -> None:
        say(ana, Action.WITHDRAW)
        Preference.objects.create(profile=ana, paused_until=TUESDAY + DAY, updated_at=timezone.now())
        code: dict[str, Any] = {"purpose": "authentication", "template": "authentication", "at": TUESDAY.replace(hour=6)}
        assert answered(ask(ana, asked_now=True, **code)) == ("allow", "code_asked_for")
        assert ask(ana, **code).deferred


class TestTogether:
    def test_every_reason_is_kept_and_a_no_beats_a_template_beats_later(self, ana: Profile) -> None:
        say(ana, Action.WITHDRAW)
        ruling = ask(ana, template="", at=TUESDAY.replace(hour=6))
        assert answered(ruling) == ("deny", "withdrawn")
        assert reasons(ruling) == {"withdrawn", "no_consent", "template_required", "quiet_hours"}
        assert answered(ask(ana, purpose="utility", at=TUESDAY.replace(hour=6))) == ("convert", "template_required")

    def test_a_deferred_message_may_leave_when_it_says(self, ana: Profile) -> None:
        agree(ana)
        Preference.objects.create(profile=ana, paused_until=TUESDAY.replace(hour=6) + 3 * DAY, updated_at=timezone.now())
        ruling = ask(ana, at=TUESDAY.replace(hour=6))
        assert ruling.not_before is not None
        assert ask(ana, at=ruling.not_before).allowed
        assert not ask(ana, at=ruling.not_before - timedelta(minutes=1)).allowed

    @pytest.mark.parametrize("count", [1, 30])
    def test_it_takes_two_queries_however_many_there_are(self, ana: Profile, count: int, django_assert_num_queries: Any) -> None:
        agree(ana)
        questions = [question(ana)] * count
        with django_assert_num_queries(2):
            rulings = decide_many(questions)
        assert all(ruling.allowed for ruling in rulings)

    def test_one_message_takes_two_queries_too(self, ana: Profile, django_assert_num_queries: Any) -> None:
        agree(ana)
        asked: dict[str, Any] = {"point": point(ana), "channel": "whatsapp", "purpose": "marketing", "template": "marketing"}
        with django_assert_num_queries(2):
            ruling = decide(profile_id=ana.pk, at=TUESDAY, **asked)
        assert ruling.allowed

    def test_a_stored_decision_is_drawn_again_from_what_it_was_drawn_from(self, ana: Profile, scoped: Account) -> None:
        channel = make_channel(scoped, "whatsapp")
        event = agree(ana, occurred_at=timezone.now() - DAY)
        Preference.objects.create(profile=ana, quiet_from=time(1), quiet_to=time(2), updated_at=timezone.now())
        allowed = keep(ask(ana, subject="message:1", sender_id=channel.pk), stage="leaving")
        say(ana, Action.WITHDRAW)
        denied = keep(ask(ana, subject="message:2"), stage="accepted")
        Purpose.objects.update(is_active=False)
        for decision, verdict in ((allowed, "allow"), (denied, "deny")):
            stored = Decision.objects.get(pk=decision.pk)
            again = replay(stored)
            assert (stored.verdict, again.verdict.value) == (verdict, verdict)
            assert [{"row": f.row, "reason": f.reason.value, "detail": f.detail} for f in again.findings] == stored.reasons
        assert allowed.state_sequence == event.pk
        assert PHONE not in str((stored.question, stored.facts))

    def test_another_account_knows_nothing_of_it(self, ana: Profile, other_account: Account) -> None:
        agree(ana)
        lookup = point(ana).lookup
        with account_scope(other_account):
            stranger = make_person(("phone", PHONE))
            assert answered(ask(stranger)) == ("deny", "no_consent")
            assert point(stranger).lookup != lookup


def test_every_account_begins_with_the_five_purposes(db: None) -> None:
    account = make_account("nueva")
    with account_scope(account):
        assert list(Purpose.objects.order_by("position").values_list("key", flat=True)) == [str(row[0]) for row in DEFAULTS]
