"""Tokens, errors, limits and repeated writes: what holds for every door of the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.api.throttling import parse_rate
from accounts.models import Account, ApiToken, AuditEntry, IdempotentRequest, Membership
from accounts.scope import account_scope
from accounts.tokens import revoke_token
from tests.api.conftest import ApiClient, token_of
from tests.conftest import make_account, make_channel, make_member
from tests.inbox.people import make_profile
from tests.threads import at_once

SETTINGS = "account/"


def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    assert response.json().keys() == {"error"}
    assert response.json()["error"].keys() >= {"code", "message", "fields"}
    return response.json()["error"]


def hours(account: Account) -> int:
    with account_scope(account):
        return Account.objects.get(pk=account.pk).new_contact_after_hours


def test_a_token_opens_its_own_account(api: ApiClient, account: Account) -> None:
    response = api.get(SETTINGS)

    assert response.status_code == 200
    assert response.json()["slug"] == account.slug
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nope", "Basic YTpi", "Bearer a b", "Bearer \u00f1\u00f1"])
def test_without_a_valid_token_it_is_401(account: Account, header: str) -> None:
    response = ApiClient().get(SETTINGS, **({"Authorization": header} if header else {}))

    assert error_of(response, 401)["code"] == "unauthenticated"
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_is_not_a_token(admin_client: Any) -> None:
    error_of(admin_client.get("/api/v1/account/"), 401)


def test_a_revoked_token_is_401(admin: Membership) -> None:
    api = ApiClient(token_of(admin))
    with account_scope(admin.account_id):
        revoke_token(token=ApiToken.objects.get(), by=SYSTEM)

    error_of(api.get(SETTINGS), 401)


@pytest.mark.parametrize("switched_off", ["membership", "user"])
def test_a_token_dies_with_its_member(api: ApiClient, admin: Membership, switched_off: str) -> None:
    with account_scope(admin.account_id):
        row = admin if switched_off == "membership" else admin.user
        row.is_active = False
        row.save()

    error_of(api.get(SETTINGS), 401)


def test_use_is_noted_once_a_minute(api: ApiClient, account: Account) -> None:
    api.get(SETTINGS)
    with account_scope(account):
        first = ApiToken.objects.get().last_used_at
        api.get(SETTINGS)
        assert ApiToken.objects.get().last_used_at == first
        ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
        api.get(SETTINGS)
        assert ApiToken.objects.get().last_used_at >= first


def test_too_low_a_role_is_403_and_changes_nothing(agent_api: ApiClient, account: Account) -> None:
    assert error_of(agent_api.patch(SETTINGS, {"new_contact_after_hours": 5}), 403)["code"] == "forbidden"
    assert hours(account) == 24


def test_what_does_not_exist_is_404_in_json(api: ApiClient) -> None:
    assert error_of(api.get("nothing/here/"), 404)["code"] == "not_found"


def test_a_method_that_is_not_there_is_405(api: ApiClient) -> None:
    assert error_of(api.request("DELETE", SETTINGS), 405)["code"] == "method_not_allowed"


def test_broken_json_says_what_to_do(api: ApiClient, account: Account) -> None:
    error = error_of(api.request("PATCH", SETTINGS, raw=b'{"new_contact_after_hours": '), 400)

    assert error["code"] == "broken_json"
    assert "application/json" in error["message"]
    assert hours(account) == 24


@pytest.mark.parametrize("raw", [b"[1]", b'"x"', b"null", b"1"])
def test_json_that_is_no_object_is_400(api: ApiClient, raw: bytes) -> None:
    assert error_of(api.request("PATCH", SETTINGS, raw=raw), 400)["code"] == "invalid"


def test_broken_utf8_is_400(api: ApiClient) -> None:
    error_of(api.request("PATCH", SETTINGS, raw=b'{"name": "\xff"}'), 400)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 50_000, b'{"name": ' + b"9" * 5_000 + b"}"])
def test_json_that_no_reader_bears_is_400(api: ApiClient, account: Account, raw: bytes) -> None:
    error_of(api.request("PATCH", SETTINGS, raw=raw), 400)


@pytest.mark.parametrize(
    ("method", "path", "raw"),
    [
        ("PATCH", SETTINGS, rb'{"timezone": "\ud800"}'),
        ("PATCH", SETTINGS, rb'{"name": "a\u0000b"}'),
        ("POST", "channels/", rb'{"kind": "\udfff", "name": "x"}'),
        ("POST", "channels/", rb'{"kind": "whatsapp", "name": "x", "settings": {"templates": [{"body": "\u0000"}]}}'),
        ("POST", "contacts/merge/", rb'{"template": {"parameters": [{"a\u0000": "b"}]}}'),
    ],
)
def test_text_that_cannot_be_kept_is_400(api: ApiClient, account: Account, method: str, path: str, raw: bytes) -> None:
    assert "NUL" in str(error_of(api.request(method, path, raw=raw), 400)["fields"])

    assert hours(account) == 24


def test_who_meets_a_crowd_is_told_to_come_back(api: ApiClient, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that were never won: nothing was changed, and the same request may work in a moment."""
    with account_scope(account):
        channel = make_channel(account, "whatsapp")
        one, other = (make_profile(channel, address).contact_id for address in ("56987654321", "56987654322"))
    monkeypatch.setattr("contacts.locks.ATTEMPTS", 0)
    wanted = {"winner": one, "losers": [other]}

    response = api.post("contacts/merge/", wanted, **{"Idempotency-Key": "k"})

    assert error_of(response, 409)["code"] == "busy"
    assert response["Retry-After"] == "1"
    monkeypatch.undo()
    assert api.post("contacts/merge/", wanted, **{"Idempotency-Key": "k"}).status_code == 200


def test_another_media_type_is_415(api: ApiClient) -> None:
    error_of(api.request("PATCH", SETTINGS, raw=b"name=x", content_type="application/x-www-form-urlencoded"), 415)


@pytest.mark.parametrize("size", [1, 100])
def test_a_body_over_the_limit_is_413(api: ApiClient, account: Account, settings: Any, size: int) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    body = b'{"name": "' + b"x" * (size + 100) + b'"}'

    error_of(api.request("PATCH", SETTINGS, raw=body), 413)

    with account_scope(account):
        assert Account.objects.get(pk=account.pk).name == account.name


def test_values_that_are_not_valid_are_named(api: ApiClient, account: Account) -> None:
    error = error_of(api.patch(SETTINGS, {"new_contact_after_hours": 0, "timezone": "Marte/Olimpo", "winner": 1}), 400)

    assert error["code"] == "invalid"
    assert error["fields"].keys() == {"winner"}
    error = error_of(api.patch(SETTINGS, {"new_contact_after_hours": 0, "timezone": "Marte/Olimpo"}), 400)
    assert error["fields"].keys() == {"new_contact_after_hours", "timezone"}
    assert hours(account) == 24


def test_messages_follow_the_callers_language(api: ApiClient) -> None:
    english = error_of(api.get("nothing/", **{"Accept-Language": "en"}), 404)["message"]

    assert english == "There is nothing here, or it is not yours."


def test_too_many_requests_are_429_with_the_wait(api: ApiClient, other_account: Account, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"token": "2/hour"}}
    other = ApiClient(token_of(make_member(other_account, "admin", "eva")))

    answers = [api.get(SETTINGS) for _ in range(4)]

    assert [answer.status_code for answer in answers][:2] == [200, 200]
    assert error_of(answers[3], 429)["code"] == "throttled"
    assert 1 <= int(answers[3]["Retry-After"]) <= 3600
    assert other.get(SETTINGS).status_code == 200


def test_a_dead_cache_does_not_close_the_api(api: ApiClient, settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}

    assert api.get(SETTINGS).status_code == 200


def test_rates_are_read() -> None:
    assert parse_rate("1200/min") == (1200, 60)


def test_the_same_key_gives_the_same_answer_and_acts_once(api: ApiClient, account: Account) -> None:
    first = api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "a1"})
    api.patch(SETTINGS, {"new_contact_after_hours": 40})
    again = api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "a1"})

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert hours(account) == 40
    with account_scope(account):
        assert AuditEntry.objects.filter(action="account.change").count() == 2


def test_the_same_key_with_another_body_is_422(api: ApiClient, account: Account) -> None:
    api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "a1"})

    error = error_of(api.patch(SETTINGS, {"new_contact_after_hours": 31}, **{"Idempotency-Key": "a1"}), 422)

    assert error["code"] == "key_reused"
    assert hours(account) == 30


def test_keys_belong_to_their_token(api: ApiClient, admin: Membership, account: Account) -> None:
    api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "a1"})

    other = ApiClient(token_of(admin, "otro")).patch(SETTINGS, {"new_contact_after_hours": 31}, **{"Idempotency-Key": "a1"})

    assert other.status_code == 200
    assert hours(account) == 31


def test_a_refused_write_leaves_its_key_free(api: ApiClient, account: Account) -> None:
    error_of(api.patch(SETTINGS, {"new_contact_after_hours": 0}, **{"Idempotency-Key": "a1"}), 400)

    assert api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "a1"}).status_code == 200


def test_a_key_is_free_again_after_a_day(api: ApiClient, account: Account) -> None:
    api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "a1"})
    with account_scope(account):
        IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))

    assert api.patch(SETTINGS, {"new_contact_after_hours": 31}, **{"Idempotency-Key": "a1"}).status_code == 200
    assert hours(account) == 31


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_of_another_length_is_refused(api: ApiClient, account: Account, key: str) -> None:
    error_of(api.patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": key}), 400)

    assert hours(account) == 24


def test_duplicates_at_the_same_instant_act_once(committed_db: None) -> None:
    admin = make_member(make_account("paralela"), "admin", "ana")
    token = token_of(admin)

    answers = at_once([lambda: ApiClient(token).patch(SETTINGS, {"new_contact_after_hours": 30}, **{"Idempotency-Key": "same"})] * 4)

    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted(answer.get("Idempotency-Replayed", "") for answer in answers) == ["", "true", "true", "true"]
    with account_scope(admin.account_id):
        assert AuditEntry.objects.filter(action="account.change").count() == 1


def test_a_defect_of_ours_is_500_in_json(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.api.account.AccountSerializer", None)

    assert error_of(api.get(SETTINGS), 500)["code"] == "server_error"
