"""One situation for every way in which the gate answers: whom it is about, and what is asked."""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

from django.utils import timezone

from consent.gate import Question, keep
from consent.models import ContactPoint, Preference, Purpose
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.models import ValueMark
from tests.consent.people import MAIL, PHONE, TUESDAY, agree, ask, make_person, point, question, say, with_postal_address, with_registry

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHT = TUESDAY.replace(hour=6)


def _ana() -> Any:
    return make_person(("phone", PHONE), ("email", MAIL))


def marketing_mail() -> Question:
    with_postal_address()
    ana = _ana()
    agree(ana, kind="email")
    return question(ana, kind="email", channel="email")


def marketing_mail_without_the_address_of_the_sender() -> Question:
    ana = _ana()
    agree(ana, kind="email")
    return question(ana, kind="email", channel="email", has_unsubscribe=False)


def whatsapp_outside_the_window() -> Question:
    wrote = TUESDAY - 25 * HOUR
    return question(_ana(), purpose="service", reply_to_at=wrote, inbound_known=True, last_inbound_at=wrote)


def an_answer() -> Question:
    wrote = NIGHT - HOUR
    return question(_ana(), purpose="service", at=NIGHT, reply_to_at=wrote, inbound_known=True, last_inbound_at=wrote)


def instagram_by_a_person_after_a_day() -> Question:
    wrote = TUESDAY - 30 * HOUR
    somebody = make_person(("instagram", "17841"))
    return question(somebody, channel="instagram", purpose="service", reply_to_at=wrote, inbound_known=True, last_inbound_at=wrote)


def instagram_to_somebody_who_never_wrote() -> Question:
    return question(make_person(("instagram", "17841")), channel="instagram", purpose="service", inbound_known=True)


def a_shared_number() -> Question:
    mother, son = (make_person(("phone", PHONE), name=name) for name in ("Ana", "Luis"))
    ValueMark.objects.create(kind="phone", key=PHONE, mark="shared")
    agree(mother)
    return question(son)


def a_person_with_many_profiles() -> Question:
    ana = _ana()
    for number in range(5):
        other = make_person(("email", f"ana{number}@ejemplo.cl"), contact=ana.contact)
        wishes: dict[str, Any] = {"cap_count": number + 1, "cap_days": 7, "quiet_from": time(2), "quiet_to": time(3)}
        Preference.objects.create(profile=other, updated_at=timezone.now(), **wishes)
        keep(ask(other, channel="email", purpose="utility", subject=f"message:{number}", at=TUESDAY - DAY), stage="leaving")
    agree(ana)
    return question(ana)


def somebody_suppressed_who_stopped_and_withdrew() -> Question:
    ana = _ana()
    suppress(ref=point(ana), reason=SuppressionReason.COMPLAINT, at=timezone.now() - HOUR, key="c", origin=Origin.SYSTEM)
    say(ana, Action.STOP, channel="sms", origin=Origin.MESSAGE)
    say(ana, Action.PLATFORM_STOP, channel="whatsapp")
    return question(ana, channel="sms", category="promotional", purpose="utility")


def somebody_who_never_agreed() -> Question:
    return question(_ana())


def somebody_whose_number_changed_hands() -> Question:
    ana = _ana()
    agree(ana, occurred_at=timezone.now() - 10 * DAY)
    say(ana, Action.RECYCLE, origin=Origin.API)
    return question(ana)


def a_customer_in_spain() -> Question:
    with_postal_address()
    with_registry("ES", TUESDAY - DAY)
    customer = make_person(("email", MAIL))
    say(customer, Action.SOFT_OPT_IN, origin=Origin.API, proof={"invoice": "F-991"})
    found = question(customer, channel="email", similar_product=True)
    ContactPoint.objects.filter(lookup_hmac=found.ref.lookup).update(country="ES")
    return found


def argentina_without_a_copy_of_the_registry() -> Question:
    somebody = make_person(("phone", "+5491123456789"))
    agree(somebody)
    return question(somebody, channel="sms")


def at_night_in_a_pause() -> Question:
    ana = _ana()
    agree(ana)
    hours: dict[str, Any] = {"quiet_from": time(1), "quiet_to": time(2), "timezone": "America/Santiago"}
    Preference.objects.create(profile=ana, paused_until=TUESDAY + DAY, updated_at=timezone.now(), **hours)
    return question(ana, at=NIGHT)


def a_code_that_was_asked_for() -> Question:
    return question(_ana(), purpose="authentication", template="authentication", at=NIGHT, asked_now=True)


def a_country_without_rules() -> Question:
    abroad = make_person(("phone", "+81312345678"))
    agree(abroad)
    return question(abroad)


def a_purpose_that_is_off() -> Question:
    Purpose.objects.filter(key="marketing").update(is_active=False)
    return question(_ana())


# Each with what the gate says: (verdict, deciding reason).
SITUATIONS: dict[Callable[[], Question], tuple[str, str]] = {
    marketing_mail: ("allow", "allowed"),
    marketing_mail_without_the_address_of_the_sender: ("deny", "obligation"),
    whatsapp_outside_the_window: ("convert", "template_required"),
    an_answer: ("allow", "service_reply"),
    instagram_by_a_person_after_a_day: ("allow", "human_agent_tag"),
    instagram_to_somebody_who_never_wrote: ("deny", "never_wrote"),
    a_shared_number: ("deny", "no_consent"),
    a_person_with_many_profiles: ("defer", "cap"),
    somebody_suppressed_who_stopped_and_withdrew: ("deny", "suppressed"),
    somebody_who_never_agreed: ("deny", "no_consent"),
    somebody_whose_number_changed_hands: ("deny", "no_consent"),
    a_customer_in_spain: ("allow", "soft_opt_in"),
    argentina_without_a_copy_of_the_registry: ("deny", "registry"),
    at_night_in_a_pause: ("defer", "paused"),
    a_code_that_was_asked_for: ("allow", "code_asked_for"),
    a_country_without_rules: ("deny", "gate_unavailable"),
    a_purpose_that_is_off: ("deny", "gate_unavailable"),
}
