"""At least once, signed, in order for each key, for three days; and nothing more to who does not answer."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry, Membership
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEvent, WebhookSubscription
from integrations.webhooks import delivering
from integrations.webhooks.delivering import deliver, due, forget_old
from integrations.webhooks.pausing import note_failure, tell_owner
from integrations.webhooks.recording import tell
from integrations.webhooks.replaying import replay, replay_range
from integrations.webhooks.schedule import FAILS_FOR, KEPT, LEASE, MOST_ATTEMPTS, WAITS, wait_after
from integrations.webhooks.subscribing import pause, prepare_test, resume, rotate
from tests.integrations.provider import Answer, Provider
from tests.integrations.webhooks.receiver import deliver_all, heard, states, subscribe_to, types, verified

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scoped")]


def happens(key: str = "contact:1", number: int = 1) -> WebhookEvent:
    """Something that can be told of without any person."""
    detail = {"contact": {"id": number}, "aliases": [], "profiles": [], "is_whole": True}
    event = tell("contact.erased", order_key=key, profile_id=None, subject_id=number, **detail)
    assert event is not None
    return event


def numbers(provider: Provider) -> list[int]:
    return [asked.json["data"]["contact"]["id"] for asked in provider.asked]


def later() -> None:
    """As if the wait of everything that failed were over."""
    WebhookDelivery.scoped().filter(state="pending").update(next_attempt_at=timezone.now())


def test_it_is_signed_as_the_library_verifies_it(receiver: Provider) -> None:
    _subscription, secret = subscribe_to(receiver)
    event = happens()

    deliver_all()

    (asked,) = receiver.asked
    body = verified(asked, secret)
    assert asked.headers["webhook-id"] == body["id"] == f"evt_{event.uid.hex}"
    assert abs(int(asked.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 43).verify(asked.body, asked.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(asked.body.replace(b'"version":1', b'"version":2'), asked.headers)
    assert states() == ["delivered"]


def test_three_days_of_attempts_at_growing_intervals() -> None:
    waits = [wait_after(attempt) for attempt in range(1, MOST_ATTEMPTS)]
    assert waits == sorted(waits)  # type: ignore[type-var]
    assert timedelta(days=2, hours=23) < sum(WAITS, timedelta()) <= timedelta(days=3)
    assert wait_after(MOST_ATTEMPTS) is None


def test_the_times_of_a_delivery_that_never_works(receiver: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe_to(receiver)
    receiver.otherwise = lambda _asked: Answer(500)
    happens()
    delivery = WebhookDelivery.scoped().get()
    clock = start = datetime(2027, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock)
    WebhookDelivery.scoped().update(next_attempt_at=clock)

    tried = []
    while due().exists():
        tried.append(clock - start)
        deliver(delivery_id=delivery.pk)
        deliver(delivery_id=delivery.pk)  # not due: nothing happens
        delivery.refresh_from_db()
        clock = delivery.next_attempt_at

    assert tried == [sum(WAITS[:attempt], timedelta()) for attempt in range(MOST_ATTEMPTS)]
    assert (delivery.state, delivery.attempts) == ("failed", MOST_ATTEMPTS)
    assert len({asked.headers["webhook-id"] for asked in receiver.asked}) == 1
    assert WebhookAttempt.scoped().count() == MOST_ATTEMPTS


def test_one_key_keeps_its_order_and_holds_back_nobody_else(receiver: Provider) -> None:
    subscribe_to(receiver)
    refuse = {1}
    receiver.otherwise = lambda asked: Answer(503 if asked.json["data"]["contact"]["id"] in refuse else 200)
    for key, number in (("contact:1", 1), ("contact:2", 2), ("contact:1", 3), ("contact:2", 4)):
        happens(key, number)

    deliver_all()
    assert numbers(receiver) == [1, 2, 4]

    third = WebhookDelivery.scoped().get(event__subject_id=3)
    deliver(delivery_id=third.pk)  # asked for out of its turn
    assert numbers(receiver) == [1, 2, 4]

    refuse.clear()
    later()
    deliver_all()
    assert numbers(receiver) == [1, 2, 4, 1, 3]


def test_what_is_given_up_lets_the_next_one_through(receiver: Provider) -> None:
    subscribe_to(receiver)
    receiver.otherwise = lambda asked: Answer(500 if asked.json["data"]["contact"]["id"] == 1 else 200)
    happens(number=1)
    happens(number=2)
    WebhookDelivery.scoped().filter(event__subject_id=1).update(attempts=MOST_ATTEMPTS - 1)

    deliver_all()

    assert states() == ["failed", "delivered"]


@pytest.mark.parametrize(("answer", "error"), [(Answer(302, headers={"Location": "/elsewhere"}), ""), (Answer(cut=True), "127.0.0.1")])
def test_only_a_2xx_is_a_success(receiver: Provider, answer: Answer, error: str) -> None:
    subscribe_to(receiver)
    receiver.otherwise = lambda _asked: answer
    happens()

    deliver_all()

    assert len(receiver.asked) == 1
    assert states() == ["pending"]
    assert error in WebhookAttempt.scoped().get().error


def test_a_receiver_that_asks_for_time_gets_it(receiver: Provider) -> None:
    subscribe_to(receiver)
    receiver.answer(429, headers={"Retry-After": "600"})
    happens()

    deliver_all()

    wait = WebhookDelivery.scoped().get().next_attempt_at - timezone.now()
    assert timedelta(minutes=9) < wait < timedelta(minutes=11)


def test_a_private_address_is_not_spoken_to(receiver: Provider, settings: Any) -> None:
    subscribe_to(receiver)
    settings.OUTGOING_HTTP_ALLOW = []
    happens()

    deliver_all()

    assert receiver.asked == []
    assert "HILO_OUTGOING_HTTP_ALLOW" in WebhookAttempt.scoped().get().error
    assert states() == ["pending"]


def test_a_crash_between_send_and_record_sends_again_under_the_same_id(receiver: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe_to(receiver)
    happens()
    delivery = WebhookDelivery.scoped().get()
    with monkeypatch.context() as crash:

        def dies(*_args: object, **_kwargs: object) -> None:
            raise SystemExit

        crash.setattr(delivering, "_record", dies)
        with pytest.raises(SystemExit):
            deliver(delivery_id=delivery.pk)
    assert states() == ["pending"]
    deliver_all()
    assert len(receiver.asked) == 1  # leased: nobody takes it meanwhile

    delivery.refresh_from_db()
    assert timedelta(0) < delivery.next_attempt_at - timezone.now() <= LEASE
    later()
    deliver_all()

    first, second = receiver.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert states() == ["delivered"]


def test_both_secrets_sign_until_the_overlap_is_over(receiver: Provider, admin: Membership) -> None:
    subscription, old = subscribe_to(receiver)
    subscription, new = rotate(subscription=subscription, by=SYSTEM, overlap=timedelta(hours=1))
    happens()
    deliver_all()
    assert heard(receiver, old) == heard(receiver, new)
    assert len(receiver.asked[0].headers["webhook-signature"].split(" ")) == 2

    WebhookSubscription.scoped().update(previous_until=timezone.now())
    happens(number=2)
    deliver_all()

    verified(receiver.asked[1], new)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.asked[1], old)


def test_the_log_shows_request_and_answer_without_secrets_and_cut_to_size(receiver: Provider) -> None:
    subscription, secret = subscribe_to(receiver, path="/hook?key=geheim")
    receiver.answer(200, b"x" * 10_000, headers={"Set-Cookie": "sid=1", "X-Request-Id": "r1"})
    happens()

    deliver_all()

    attempt = WebhookAttempt.scoped().get()
    assert attempt.request["url"] == f"{receiver.url}/hook?…"
    assert attempt.request["headers"]["webhook-signature"] == "•••"
    assert '"contact.erased"' in attempt.request["body"]
    assert attempt.answer == {"headers": {"x-request-id": "r1"}, "body": "x" * 4000} | {
        "headers": {**attempt.answer["headers"], "x-request-id": "r1"}
    }
    assert "set-cookie" not in attempt.answer["headers"]
    kept = str([attempt.request, attempt.answer, WebhookSubscription.history.values()])
    assert secret not in kept
    assert not re.search(r"v1,[A-Za-z0-9+/]{20}", kept)
    assert attempt.milliseconds is not None
    assert subscription.secrets == {"current": secret}


def test_one_replay_and_a_range_send_the_same_ids_again(receiver: Provider, admin: Membership) -> None:
    subscription, secret = subscribe_to(receiver)
    for number in (1, 2, 3):
        happens(number=number)
    deliver_all()
    first = heard(receiver, secret)

    replay(delivery=WebhookDelivery.scoped().get(event__subject_id=2), by=SYSTEM)
    deliver_all()
    assert heard(receiver, secret)[3:] == [first[1]]

    now = timezone.now()
    assert replay_range(subscription=subscription, since=now - timedelta(hours=1), until=now + timedelta(hours=1), by=SYSTEM) == 3
    deliver_all()
    assert heard(receiver, secret)[4:] == first
    assert replay_range(subscription=subscription, since=now - timedelta(hours=2), until=now - timedelta(hours=1), by=SYSTEM) == 0


def test_while_it_is_paused_everything_waits_and_then_goes_in_order(receiver: Provider) -> None:
    subscription, _secret = subscribe_to(receiver)
    pause(subscription=subscription, by=SYSTEM)
    happens(number=1)
    happens(number=2)
    deliver_all()
    for delivery in WebhookDelivery.scoped():
        deliver(delivery_id=delivery.pk)
    assert receiver.asked == []

    resume(subscription=subscription, by=SYSTEM)
    deliver_all()

    assert numbers(receiver) == [1, 2]


def test_after_days_of_failures_it_is_paused_and_its_owner_told(receiver: Provider, admin: Membership, scoped: Account) -> None:
    subscription, _secret = subscribe_to(receiver)
    now = timezone.now()

    note_failure(subscription, at=now - FAILS_FOR + timedelta(minutes=1), is_gone=False)
    note_failure(subscription, at=now, is_gone=False)
    subscription.refresh_from_db()
    assert subscription.state == "active"
    note_failure(subscription, at=now + timedelta(minutes=1), is_gone=False)
    note_failure(subscription, at=now + timedelta(minutes=2), is_gone=False)

    subscription.refresh_from_db()
    assert subscription.state == "failing"
    assert AuditEntry.scoped().filter(action="webhook.pause").count() == 1
    tell_owner(subscription_id=subscription.pk)
    (letter,) = mail.outbox
    assert letter.to == [admin.user.email]
    assert f"/a/{scoped.slug}/settings/webhooks/{subscription.pk}/" in letter.body


def test_a_success_between_forgives(receiver: Provider) -> None:
    subscription, _secret = subscribe_to(receiver)
    WebhookSubscription.scoped().update(failing_since=timezone.now() - FAILS_FOR)
    happens()

    deliver_all()

    subscription.refresh_from_db()
    assert (subscription.failing_since, subscription.state) == (None, "active")
    assert subscription.last_success_at is not None


def test_who_says_gone_is_paused_at_once(receiver: Provider) -> None:
    subscription, _secret = subscribe_to(receiver)
    receiver.answer(410)
    happens()

    deliver_all()

    subscription.refresh_from_db()
    assert subscription.state == "failing"


def test_a_test_goes_to_one_subscription_only(receiver: Provider) -> None:
    subscription, secret = subscribe_to(receiver)
    subscribe_to(receiver, path="/other")

    deliver(delivery_id=prepare_test(subscription=subscription, by=SYSTEM).pk)

    (body,) = heard(receiver, secret)
    assert (body["type"], receiver.asked[0].path) == ("webhook.test", "/hook")


def test_old_events_are_forgotten_and_what_still_waits_is_not(receiver: Provider) -> None:
    subscribe_to(receiver)
    happens(number=1)
    deliver_all()
    happens(number=2)
    WebhookEvent.scoped().update(occurred_at=timezone.now() - KEPT - timedelta(days=1))
    happens(number=3)

    assert forget_old(timezone.now() - KEPT) == 1

    assert list(WebhookEvent.scoped().order_by("pk").values_list("subject_id", flat=True)) == [2, 3]
    assert not WebhookAttempt.scoped().exists()


def test_two_receivers_each_get_their_own(receiver: Provider) -> None:
    subscribe_to(receiver, ["contact.erased"], path="/one")
    subscribe_to(receiver, ["contact.merged"], path="/two")
    receiver.answer(500)
    happens()

    deliver_all()

    assert [asked.path for asked in receiver.asked] == ["/one"]
    assert types(receiver) == ["contact.erased"]
