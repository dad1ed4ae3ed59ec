"""What every answer carries, who reads the metrics, and pages that are not offered."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Account


def test_answers_carry_a_strict_policy(db: None) -> None:
    response = Client().get("/login/")

    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert "microphone=()" in response["Permissions-Policy"]


def test_pages_of_an_account_are_kept_by_no_cache(admin_client: Client, account: Account) -> None:
    assert admin_client.get(f"/a/{account.slug}/settings/account/")["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("token", "behind_proxy", "headers", "remote", "expected"),
    [
        ("", False, {}, "127.0.0.1", 200),
        ("", False, {}, "::1", 200),
        ("", False, {}, "10.0.0.7", 404),
        ("", True, {}, "127.0.0.1", 404),
        ("", False, {"X-Forwarded-For": "10.0.0.7"}, "127.0.0.1", 404),
        ("geheim", False, {}, "127.0.0.1", 404),
        ("geheim", True, {"Authorization": "Bearer geheim"}, "10.0.0.7", 200),
        ("geheim", True, {"Authorization": "Bearer otra"}, "127.0.0.1", 404),
        ("geheim", True, {"Authorization": "Bearer ñ"}, "127.0.0.1", 404),
    ],
)
def test_metrics_are_for_the_operator(
    db: None, settings: Any, token: str, behind_proxy: bool, headers: dict[str, str], remote: str, expected: int
) -> None:
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = token, behind_proxy

    response = Client().get("/metrics", headers=headers, REMOTE_ADDR=remote)

    assert response.status_code == expected
    assert (b"django_http_requests_total" in response.content) == (expected == 200)


def test_an_address_is_not_changed_by_its_owner(agent_client: Client) -> None:
    assert agent_client.get("/email/").status_code == 404
    assert agent_client.post("/email/", {"action_add": "", "email": "otra@ejemplo.cl"}).status_code == 404


@pytest.mark.parametrize(("answer", "counted"), [("yes", "9.9.9.9"), ("no", "10.0.0.1")])
def test_sign_ins_are_counted_by_the_caller_behind_a_proxy(answer: str, counted: str) -> None:
    """By the proxy's address, anybody could lock everybody out."""
    code = """
import django
django.setup()
from allauth.core.internal.httpkit import get_client_ip
from django.test import RequestFactory
print(get_client_ip(RequestFactory().get("/", headers={"X-Forwarded-For": "1.1.1.1, 9.9.9.9"}, REMOTE_ADDR="10.0.0.1")))
"""
    environment = {**os.environ, "HILO_BEHIND_PROXY": answer, "DJANGO_SETTINGS_MODULE": "config.settings"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120)

    assert ran.stdout.strip().splitlines()[-1:] == [counted], ran.stderr
