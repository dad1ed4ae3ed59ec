"""The cases that others get wrong, each as the sentence that says what must not happen."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Channel, Membership
from consent.fingerprints import point_of
from consent.ledger import NotProven, record
from consent.models import ConsentEvent, Suppression
from consent.one_click import token_for
from consent.opting_in import TooMany, ask_to_confirm, confirm
from consent.preferences import pause, preferences_of_person, set_preferences
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.merging import merge
from contacts.models import Identifier, Profile
from inbox.delivery import deliver
from inbox.models import Message, OutboundMessage
from inbox.sending import send_message
from tests.conftest import make_channel
from tests.consent.people import (
    MAIL,
    PHONE,
    TUESDAY,
    add_address,
    address_of,
    agree,
    answered,
    ask,
    hear,
    make_person,
    point,
    say,
    with_postal_address,
    with_registry,
)

pytestmark = pytest.mark.usefixtures("scoped")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    settings = {
        "phone_number_id": "1",
        "api_base": "http://127.0.0.1:1",
        "templates": [{"name": "oferta", "language": "es", "category": "marketing", "body": "Oferta"}],
    }
    return make_channel(scoped, "whatsapp", settings=settings, secrets={"access_token": "t", "app_secret": "s"})


def promote(channel: Channel, sender: str, by: Actor) -> Message:
    """An agent sends the offer in the open conversation of somebody who wrote."""
    message = hear(channel, sender, "Hola")
    return send_message(
        conversation=message.strand.conversation,
        channel=channel,
        identifier=message.identifier,
        body="Oferta",
        by=by,
        template={"name": "oferta", "language": "es"},
    )


def at_noon(monkeypatch: Any, now: Any = TUESDAY) -> None:
    """Nothing keeps a message back at this hour."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)


def test_no_opt_out_is_lost_by_a_merge(ana: Profile) -> None:
    """One suite deletes it with the record that is merged away, another drops the flag."""
    double = make_person(("phone", PHONE), name="Ana P.")
    agree(ana, occurred_at=timezone.now() - DAY)
    say(double, Action.WITHDRAW)
    suppress(ref=point(ana, "email"), reason=SuppressionReason.COMPLAINT, at=timezone.now(), key="x", origin=Origin.SYSTEM)
    merge(contacts=[ana.contact, double.contact], by=SYSTEM)
    with_postal_address()
    assert (answered(ask(ana)), answered(ask(double))) == (("deny", "withdrawn"), ("deny", "withdrawn"))
    assert ask(ana, kind="email", channel="email").reason == "suppressed"


def test_somebody_who_subscribed_again_is_not_unsubscribed_by_the_older_record(ana: Profile) -> None:
    double = make_person(("phone", PHONE), name="Ana P.")
    say(double, Action.WITHDRAW, occurred_at=timezone.now() - DAY)
    agree(ana)
    merge(contacts=[ana.contact, double.contact], by=SYSTEM)
    assert ask(ana).allowed
    assert ask(double).allowed


@pytest.mark.parametrize("proof", [None, {"list": "feria 2026"}])
def test_no_import_revives_the_unsubscribed(ana: Profile, proof: Any) -> None:
    agree(ana, occurred_at=timezone.now() - DAY)
    say(ana, Action.WITHDRAW)
    say(ana, Action.GRANT, origin=Origin.IMPORT, purpose="", proof=proof, occurred_at=timezone.now())
    assert answered(ask(ana)) == ("deny", "withdrawn")


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_no_scanner_unsubscribes_anybody(ana: Profile, method: str) -> None:
    token = token_for(ref=point(ana, "email"), profile=ana, purpose="marketing")
    response = getattr(Client(enforce_csrf_checks=True), method)(f"/u/{token}")
    assert response.status_code == (405 if method == "options" else 200)
    assert not ConsentEvent.objects.exists()


def test_a_pause_reaches_what_is_in_the_queue_already(
    whatsapp: Channel, agent: Membership, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    at_noon(monkeypatch)
    laura = Actor.person(agent)
    opt_in(whatsapp)
    message = promote(whatsapp, "56981234567", laura)
    assert OutboundMessage.objects.get(message=message).verdict["accepted"]["verdict"] == "allow"
    pause(profile=Profile.objects.get(channel=whatsapp), days=30, by=laura)
    monkeypatch.setattr("inbox.delivery.adapter_for", nobody_may_call)

    deliver(message_id=message.pk)

    outbound = OutboundMessage.objects.get(message=message)
    assert (outbound.state, outbound.attempts, outbound.verdict["left"]["reason"]) == ("queued", 0, "paused")
    assert outbound.next_attempt_at >= TUESDAY + 30 * DAY
    message.refresh_from_db()
    assert (message.status, message.problem["code"]) == ("queued", "paused")


def opt_in(channel: Channel) -> None:
    message = hear(channel, "56981234567", "Hola")
    profile = message.strand.profile
    identifier = Identifier.objects.get(profile=profile, kind="whatsapp")
    token = ask_to_confirm(
        profile=profile,
        identifier=identifier,
        purpose="marketing",
        channel="whatsapp",
        origin=Origin.FORM,
        occurred_at=timezone.now() - HOUR,
    )
    assert token is not None
    assert confirm(token, occurred_at=timezone.now() - timedelta(minutes=30)) is not None


def nobody_may_call(kind: str) -> Any:
    raise AssertionError(f"the adapter of {kind} was reached")


def test_a_withdrawal_stops_what_waits_for_its_hour(whatsapp: Channel, agent: Membership, monkeypatch: Any) -> None:
    night = TUESDAY.replace(hour=6)
    at_noon(monkeypatch, night)
    opt_in(whatsapp)
    message = promote(whatsapp, "56981234567", Actor.person(agent))
    outbound = OutboundMessage.objects.get(message=message)
    # Nine in the morning on Easter Island, the last of the country's zones.
    assert (outbound.state, outbound.next_attempt_at) == ("queued", TUESDAY.replace(hour=14))
    monkeypatch.setattr("inbox.delivery.adapter_for", nobody_may_call)

    hear(whatsapp, "56981234567", "BAJA", ago=timedelta(seconds=1))
    outbound.refresh_from_db()
    assert outbound.next_attempt_at == night
    deliver(message_id=message.pk)

    message.refresh_from_db()
    assert (message.status, message.problem["code"]) == ("failed", "withdrawn")


def test_what_waited_for_its_hour_leaves_by_itself(whatsapp: Channel, agent: Membership, monkeypatch: Any) -> None:
    from inbox.tasks import sweep_outbound_messages

    at_noon(monkeypatch, TUESDAY.replace(hour=6))
    opt_in(whatsapp)
    message = promote(whatsapp, "56981234567", Actor.person(agent))
    asked: list[int] = []
    monkeypatch.setattr("accounts.queueing.publish", lambda task, **ids: asked.append(ids.get("message_id")) or True)
    monkeypatch.setattr("inbox.tasks.publish", lambda task, **ids: asked.append(ids.get("message_id")) or True, raising=False)
    sweep_outbound_messages()
    assert message.pk not in asked
    at_noon(monkeypatch, TUESDAY.replace(hour=14, minute=1))
    sweep_outbound_messages()
    assert message.pk in asked


def test_nobody_is_written_to_at_night_because_their_zone_is_unknown(scoped: Account) -> None:
    with_registry("US", TUESDAY)
    american = make_person(("phone", "+12125550123"))
    agree(american)
    hours = [hour for hour in range(24) if ask(american, channel="sms", at=TUESDAY.replace(hour=hour)).allowed]
    # From eight in Honolulu to nine at night in New York, which is the next day in UTC.
    assert hours == [0, 1, 18, 19, 20, 21, 22, 23]


def test_a_form_does_not_remove_an_opt_out(ana: Profile) -> None:
    say(ana, Action.WITHDRAW)
    identifier = address_of(ana, "email")
    with pytest.raises(NotProven):
        record(
            ref=point(ana, "email"), action=Action.GRANT, origin=Origin.FORM, occurred_at=timezone.now(), key="form", profile=ana, by=SYSTEM
        )
    say(ana, Action.WITHDRAW, kind="email")
    with_postal_address()
    token = ask_to_confirm(
        profile=ana, identifier=identifier, purpose="marketing", channel="email", origin=Origin.FORM, occurred_at=timezone.now()
    )
    assert ask(ana, kind="email", channel="email").reason == "withdrawn"
    assert token is not None
    assert confirm(token, occurred_at=timezone.now()) is not None
    assert ask(ana, kind="email", channel="email").allowed
    # And at no other address.
    assert ask(ana).reason == "withdrawn"


def test_an_opt_out_does_not_stop_one_time_codes(ana: Profile) -> None:
    say(ana, Action.WITHDRAW)
    say(ana, Action.OBJECT)
    assert ask(ana, purpose="authentication", template="authentication", asked_now=True).allowed


def test_an_erasure_does_not_forget_the_suppression(ana: Profile) -> None:
    """The number comes back by an import, written another way, under another profile."""
    add_address(ana, "phone", "+5491123456789")
    agree(ana)
    for identifier in ana.identifiers.all():
        ref = point_of(identifier)
        suppress(ref=ref, reason=SuppressionReason.ERASED, at=timezone.now(), key="erased", origin=Origin.SYSTEM, profile=ana)
    ana.identifiers.all().delete()
    assert not Suppression.objects.filter(hmac__contains="981234567").exists()

    for value in (PHONE, "+541123456789", "+5491123456789"):
        again = make_person(("phone", value))
        say(again, Action.GRANT, origin=Origin.IMPORT, proof={"list": "antigua"}, purpose="")
        for purpose in ("marketing", "utility", "service"):
            assert ask(again, purpose=purpose, template="utility").reason == "suppressed", (value, purpose)
    agree(again, occurred_at=timezone.now())
    assert ask(again).allowed


def test_nobody_is_silenced_by_somebody_who_types_their_address(ana: Profile) -> None:
    agree(ana, kind="email")
    with_postal_address()
    identifier = address_of(ana, "email")
    for action in (Action.WITHDRAW, Action.OBJECT, Action.STOP):
        with pytest.raises(NotProven):
            record(ref=point(ana, "email"), action=action, origin=Origin.PORTAL, occurred_at=timezone.now(), key="typed", profile=ana)
    asked: dict[str, Any] = {"profile": ana, "identifier": identifier, "origin": Origin.FORM, "occurred_at": timezone.now()}
    assert ask_to_confirm(purpose="marketing", channel="email", **asked) is None
    assert ask(ana, kind="email", channel="email").allowed


def test_nobody_is_pestered_with_confirmations(ana: Profile) -> None:
    asked: dict[str, Any] = {"profile": ana, "identifier": address_of(ana), "origin": Origin.FORM, "occurred_at": timezone.now()}
    tokens = {ask_to_confirm(purpose="marketing", channel="whatsapp", **asked) for _ in range(3)}
    with pytest.raises(TooMany):
        ask_to_confirm(purpose="marketing", channel="whatsapp", **asked)
    assert len(tokens) == 3
    events = {confirm(token, occurred_at=timezone.now()) for token in [*tokens, *tokens] if token}
    assert len(events) == 3
    assert confirm("12-nada", occurred_at=timezone.now()) is None
    assert confirm("nada", occurred_at=timezone.now()) is None


def test_of_a_persons_profiles_the_strictest_wishes_rule(ana: Profile, agent: Membership) -> None:
    laura = Actor.person(agent)
    other = make_person(("phone", "+56987654321"), contact=ana.contact)
    set_preferences(profile=ana, by=laura, language="es", cap_count=5, cap_days=7)
    pause(profile=ana, days=30, by=laura)
    set_preferences(profile=other, by=laura, language="pt", cap_count=2, cap_days=7)
    found = preferences_of_person(other)
    assert (found.language, sorted(found.caps), found.paused_until is not None) == ("pt", [(2, 7), (5, 7)], True)
    agree(other)
    assert answered(ask(other)) == ("defer", "paused")
    pause(profile=ana, days=0, by=laura)
    assert ask(other).allowed
