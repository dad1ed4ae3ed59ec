"""Subscriptions by page and by API: the secret is shown once, refusals change nothing."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, IdempotentRequest, Membership
from accounts.tokens import create_token
from integrations.models import WebhookDelivery, WebhookSubscription
from integrations.webhooks.subscribing import rotate, subscribe, unsubscribe
from tests.integrations.provider import Provider
from tests.integrations.webhooks.receiver import subscribe_to, verified

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scoped")]
GOOD: dict[str, Any] = {"name": "Bodega", "url": "https://bodega.example.com/hilo", "events": ["contact.created", "contact.merged"]}


@pytest.fixture
def api(admin: Membership) -> Client:
    token = create_token(membership=admin, name="prueba", by=SYSTEM)[1]
    return Client(headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"url": "ftp://bodega.example.com"}, "url"),
        ({"url": "http://bodega.example.com"}, "url"),
        ({"url": "https://ana:clave@bodega.example.com"}, "url"),
        ({"url": "https://10.0.0.7/hilo"}, "url"),
        ({"url": "https://[::1]/hilo"}, "url"),
        ({"url": "https://"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["contact.sneezed"]}, "events"),
        ({"kind": "segment"}, "key"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_made(admin: Membership, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        subscribe(**{**GOOD, **wrong}, by=Actor.person(admin))

    assert set(refused.value.error_dict) == {field}
    assert not WebhookSubscription.scoped().exists()
    assert not AuditEntry.scoped().filter(action__startswith="webhook.").exists()


def test_who_may_not_manage_the_account_changes_nothing(supervisor: Membership) -> None:
    made, secret = subscribe(**GOOD, by=SYSTEM)
    by = Actor.person(supervisor)

    for attempt in (
        lambda: subscribe(**GOOD, by=by),
        lambda: rotate(subscription=made, by=by),
        lambda: unsubscribe(subscription=made, by=by),
    ):
        with pytest.raises(PermissionDenied):
            attempt()

    assert WebhookSubscription.scoped().get().secrets == {"current": secret}


def test_the_page_shows_the_secret_once(admin_client: Client, scoped: Account) -> None:
    base = f"/a/{scoped.slug}/settings/webhooks/"

    made = admin_client.post(f"{base}new/", GOOD)

    subscription = WebhookSubscription.scoped().get()
    kept: Any = subscription.secrets
    assert kept["current"] in made.content.decode()
    page = f"{base}{subscription.pk}/"
    assert kept["current"] not in admin_client.get(page).content.decode()
    assert "Bodega" in admin_client.get(base).content.decode()
    rotated = admin_client.post(f"{page}rotate/", {"overlap_hours": "2"}).content.decode()
    after: Any = WebhookSubscription.scoped().get().secrets
    assert after["previous"] == kept["current"]
    assert after["current"] in rotated
    assert kept["current"] not in rotated


def test_a_form_with_errors_says_so_and_keeps_what_was_written(admin_client: Client, scoped: Account) -> None:
    answer = admin_client.post(f"/a/{scoped.slug}/settings/webhooks/new/", {**GOOD, "url": "https://10.0.0.7/"})

    assert answer.status_code == 422
    assert "red privada" in answer.content.decode()
    assert 'value="contact.merged" checked' in " ".join(answer.content.decode().replace(' id="id_events_2"', "").split())
    assert not WebhookSubscription.scoped().exists()


def test_test_log_detail_and_replay_by_page(receiver: Provider, admin_client: Client, scoped: Account) -> None:
    subscription, secret = subscribe_to(receiver)
    page = f"/a/{scoped.slug}/settings/webhooks/{subscription.pk}/"

    assert admin_client.post(f"{page}test/").status_code == 302

    assert verified(receiver.asked[0], secret)["type"] == "webhook.test"
    delivery = WebhookDelivery.scoped().get()
    assert "webhook.test" in admin_client.get(page).content.decode()
    detail = f"/a/{scoped.slug}/settings/webhooks/deliveries/{delivery.pk}/"
    shown = admin_client.get(detail).content.decode()
    assert "webhook-signature: •••" in shown
    assert "&quot;ok&quot;: true" in shown
    assert admin_client.post(f"{detail}replay/").status_code == 302
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("pending", 0)
    assert admin_client.get(f"{page}?state=nothing").status_code == 404
    assert admin_client.get(f"{page}?before=x").status_code == 404


def test_the_log_costs_the_same_with_many_lines(
    receiver: Provider, admin_client: Client, scoped: Account, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.integrations.webhooks.test_delivering import happens

    subscription, _secret = subscribe_to(receiver)
    page = f"/a/{scoped.slug}/settings/webhooks/{subscription.pk}/"
    counts = []
    for more in (2, 18):
        for number in range(more):
            happens(number=number)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            admin_client.get(page)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_api_makes_changes_rotates_tests_and_deletes(receiver: Provider, api: Client) -> None:
    body = {"name": "Bodega", "url": f"{receiver.url}/api", "events": ["contact.erased"]}
    key = {"Idempotency-Key": "uno"}

    made = api.post("/api/v1/webhooks/", body, "application/json", headers=key)
    again = api.post("/api/v1/webhooks/", body, "application/json", headers=key)

    assert (made.status_code, again.status_code) == (201, 201)
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    assert again.json()["secret"] is None
    assert secret not in str(list(IdempotentRequest.scoped().values()))
    where = made["Location"]
    assert "secret" not in api.get(where).json()
    changed = api.patch(where, {"name": "Otra", "is_active": False}, "application/json").json()
    assert (changed["name"], changed["state"]) == ("Otra", "paused")
    assert api.patch(where, {"is_active": True}, "application/json").json()["state"] == "active"
    assert api.patch(where, {"url": "https://10.1.1.1/"}, "application/json").status_code == 400
    rotated = api.post(f"{where}rotate/", {"overlap_hours": 1}, "application/json").json()
    assert rotated["secret"] not in (secret, None)
    assert api.get(f"{where}deliveries/").json()["results"] == []
    assert api.delete(where).status_code == 204
    assert api.get(where).status_code == 404


def test_the_api_shows_a_delivery_and_sends_it_again(
    receiver: Provider, api: Client, scoped: Account, django_capture_on_commit_callbacks: Any
) -> None:
    subscription, _secret = subscribe_to(receiver)
    with django_capture_on_commit_callbacks(execute=True):
        sent = api.post(f"/api/v1/webhooks/{subscription.pk}/test/", {}, "application/json")
    pk = sent.json()["id"]

    shown = api.get(f"/api/v1/webhooks/deliveries/{pk}/").json()
    assert (shown["state"], shown["tries"][0]["status"], shown["type"]) == ("delivered", 200, "webhook.test")
    again = api.post(f"/api/v1/webhooks/deliveries/{pk}/replay/", {}, "application/json").json()
    assert again["state"] == "pending"
    since = {"since": "2020-01-01T00:00:00Z", "until": "2019-01-01T00:00:00Z"}
    assert api.post(f"/api/v1/webhooks/{subscription.pk}/replay/", since, "application/json").status_code == 400
