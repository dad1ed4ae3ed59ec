"""Tokens of the cast, and a client that speaks JSON."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.actors import SYSTEM
from accounts.models import Membership
from accounts.scope import account_scope
from accounts.tokens import create_token


class ApiClient:
    """Django's test client with a bearer token; bodies are JSON."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.client = Client(raise_request_exception=False)

    def request(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Any:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        content_type = headers.pop("content_type", "application/json")
        return self.client.generic(method, f"/api/v1/{path}", content, content_type, headers=headers)

    def get(self, path: str, **headers: str) -> Any:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.request("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.request("PATCH", path, body, **headers)


def token_of(membership: Membership, name: str = "prueba") -> str:
    with account_scope(membership.account_id):
        return create_token(membership=membership, name=name, by=SYSTEM)[1]


@pytest.fixture
def api(admin: Membership) -> ApiClient:
    """An administrator's token."""
    return ApiClient(token_of(admin))


@pytest.fixture
def agent_api(agent: Membership) -> ApiClient:
    return ApiClient(token_of(agent))


@pytest.fixture
def outsider_api(outsider: Membership) -> ApiClient:
    """A token of another account's administrator."""
    return ApiClient(token_of(outsider))
