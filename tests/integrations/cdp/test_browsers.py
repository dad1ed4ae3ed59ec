"""Segment's library for browsers writes from any page: it asks first, shortens the addresses and sends plain text."""

import json
import time
from typing import Any

import pytest
from django.test import Client

from accounts.actors import SYSTEM
from integrations.cdp import limiting
from integrations.cdp.sources import create_source
from integrations.limits import Limit
from integrations.models import CustomerDataMessage
from tests.integrations.cdp.test_receiving import post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scoped")]
DOORS = ("identify", "track", "page", "screen", "alias", "batch", "import", "i", "t", "p", "s", "a", "b")


@pytest.fixture
def key() -> str:
    return create_source(name="Sitio", by=SYSTEM)[1]


@pytest.mark.parametrize("door", DOORS)
def test_the_question_before_is_answered_and_changes_nothing(door: str) -> None:
    asks = {"Origin": "https://tienda.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = Client().options(f"/v1/{door}", headers=asks)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "content-type" in answer["Access-Control-Allow-Headers"]
    assert answer["Access-Control-Allow-Methods"] == "POST"
    assert "Access-Control-Allow-Credentials" not in answer
    assert answer.cookies == {}
    assert not CustomerDataMessage.scoped().exists()


def test_what_the_library_sends_is_taken_and_the_page_may_read_the_answer(key: str) -> None:
    def send(door: str, body: Any) -> Any:
        return Client().generic(
            "POST", f"/v1/{door}", json.dumps(body).encode(), "text/plain", headers={"Origin": "https://tienda.example"}
        )

    for door in "itpsa":
        body = {"userId": "u1", "previousId": "a1", "event": "Compra", "name": "Inicio", "writeKey": key}
        answer = send(door, body)
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    assert send("b", {"writeKey": key, "batch": [{"type": "track", "event": "Otra", "userId": "u1"}]}).status_code == 200

    kinds = list(CustomerDataMessage.scoped().order_by("pk").values_list("kind", flat=True))
    assert kinds == ["identify", "track", "page", "screen", "alias", "track"]
    assert send("t", {"event": "x"})["Access-Control-Allow-Origin"] == "*"


def test_too_many_requests_of_one_address_or_source_wait(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"userId": "u1", "event": "Compra"}
    for name in ("OF_ADDRESS", "OF_SOURCE"):
        with monkeypatch.context() as narrow:
            narrow.setattr(limiting, name, Limit(f"test-{name}-{time.time()}", 1, 3600))
            assert post("track", body, key).status_code == 200
            answer = post("track", body, key)
            assert (answer.status_code, 0 < int(answer["Retry-After"]) <= 3600) == (429, True)
            assert answer["Access-Control-Expose-Headers"] == "retry-after"
    assert CustomerDataMessage.scoped().count() == 2


def test_whoever_tries_keys_is_asked_to_wait(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "REFUSED_OF_ADDRESS", Limit(f"test-{time.time()}", 2, 3600))
    body = {"userId": "u1", "event": "Compra"}
    assert [post("track", body, wrong).status_code for wrong in ("", "wk_1_x", "wk_1_y")] == [401, 401, 429]
    assert post("track", body, key).status_code == 200
