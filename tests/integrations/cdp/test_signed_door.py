"""The business's own server says what changed, and proves that it is the one who says it."""

import html
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Membership
from contacts.models import Contact, Identifier
from integrations.cdp import limiting
from integrations.cdp.receiving import process
from integrations.cdp.sources import create_source, make_secret, revoke_source
from integrations.limits import Limit
from integrations.models import CustomerDataMessage, CustomerDataSource
from tests.integrations.cdp.test_receiving import post
from tests.integrations.provider import Asked, Provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scoped")]

HOME = {"street": "Av. Grau 120", "city": "Piura", "postalCode": "20001"}
MOVED = {"userId": "u-17", "traits": {"address": HOME, "phone": "+51733501010"}}


@pytest.fixture
def source() -> tuple[CustomerDataSource, str]:
    made, _key = create_source(name="App", by=SYSTEM)
    return make_secret(source=made, by=SYSTEM)


def address_of(source: CustomerDataSource) -> str:
    return f"/hooks/identify/{source.account_id}-{source.key}/"


def headers_for(secret: str, raw: bytes, *, message_id: str = "msg_1", ahead: int = 0) -> dict[str, str]:
    at = timezone.now() + timedelta(seconds=ahead)
    signature = Webhook(secret).sign(message_id, at, raw.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def tell(source: CustomerDataSource, secret: str, body: Any = None, *, raw: bytes | None = None, **how: Any) -> Any:
    raw = json.dumps(MOVED if body is None else body).encode() if raw is None else raw
    headers = {**headers_for(secret, raw, **how)}
    return Client().generic("POST", address_of(source), raw, "application/json", headers=headers)


def take_all() -> None:
    for pk in CustomerDataMessage.scoped().filter(state="pending").order_by("pk").values_list("pk", flat=True):
        process(message_id=pk)


def nothing_changed() -> bool:
    return not CustomerDataMessage.scoped().exists() and not Contact.scoped().exists()


def test_what_the_server_signs_is_what_the_contact_shows(source: tuple[CustomerDataSource, str]) -> None:
    answer = tell(*source, {**MOVED, "timestamp": timezone.now().isoformat()})

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    take_all()
    contact = Contact.scoped().get()
    shown = {name: entry["value"] for name, entry in contact.fields.items()}
    assert shown == {"address": "Av. Grau 120", "city": "Piura", "postal_code": "20001"}
    assert Identifier.scoped().get(kind="phone").value == "+51733501010"
    assert Identifier.scoped().get(kind="app_user").raw == "u-17"


def test_a_second_attempt_with_one_id_changes_nothing(source: tuple[CustomerDataSource, str]) -> None:
    assert tell(*source, {"userId": "u", "traits": {"city": "Piura"}}).status_code == 200
    assert tell(*source, {"userId": "u", "traits": {"city": "Lima"}}).status_code == 200
    take_all()

    assert CustomerDataMessage.scoped().count() == 1
    assert Contact.scoped().get().fields["city"]["value"] == "Piura"
    assert tell(*source, {"userId": "u", "traits": {"city": "Lima"}}, message_id="msg_2").status_code == 200
    take_all()
    assert Contact.scoped().get().fields["city"]["value"] == "Lima"


def test_whoever_has_the_write_key_uses_up_no_id_of_the_server() -> None:
    made, key = create_source(name="App", by=SYSTEM)
    _made, secret = make_secret(source=made, by=SYSTEM)
    assert post("identify", {"userId": "x", "messageId": "signed:msg_1"}, key).status_code == 200

    assert tell(made, secret, message_id="msg_1").status_code == 200
    take_all()
    assert list(CustomerDataMessage.scoped().values_list("state", flat=True)) == ["done", "done"]


def forged(secret: str, raw: bytes) -> dict[str, str]:
    return headers_for("whsec_" + "A" * 44, raw)


REFUSED = {
    "no headers": (lambda _secret, _raw: {}, 401, "webhook-signature"),
    "another secret": (forged, 401, "none of this secret"),
    "other bytes": (lambda secret, _raw: headers_for(secret, b"{}"), 401, "none of this secret"),
    "old": (lambda secret, raw: headers_for(secret, raw, ahead=-301), 401, "too old"),
    "future": (lambda secret, raw: headers_for(secret, raw, ahead=302), 401, "too far ahead"),
    "no time": (lambda secret, raw: {**headers_for(secret, raw), "webhook-timestamp": "ayer"}, 401, "in seconds"),
    "no signature at all": (lambda secret, raw: {**headers_for(secret, raw), "webhook-signature": "v1 ñ ,, v2,x"}, 401, "none of"),
    "an endless id": (lambda secret, raw: headers_for(secret, raw, message_id="x" * 194), 400, "webhook-id"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_proven_changes_nothing(source: tuple[CustomerDataSource, str], case: str) -> None:
    made, secret = source
    headers, status, why = REFUSED[case]
    raw = json.dumps(MOVED).encode()

    sent = {name: value.encode().decode("latin-1") for name, value in headers(secret, raw).items()}  # type: ignore[no-untyped-call]
    answer = Client().generic("POST", address_of(made), raw, "application/json", headers=sent)

    assert (answer.status_code, why in answer.json()["message"]) == (status, True), answer.json()
    assert nothing_changed()


@pytest.mark.parametrize(
    ("raw", "status", "why"),
    [
        (b"{", 400, "JSON"),
        (b"[" * 30_000, 400, "JSON"),
        (b"[]", 400, "object"),
        (b'{"traits": {}}', 422, "userId"),
        (b'{"anonymousId": "a-1"}', 422, "userId"),
        (b'{"userId": "u", "traits": []}', 422, "traits"),
        (b'{"userId": "' + b"x" * 10_000_000 + b'"}', 413, "32 KB"),
    ],
    ids=["broken", "deep", "list", "nobody", "visitor", "traits", "10 MB"],
)
def test_a_body_that_says_nothing_is_answered_why(source: tuple[CustomerDataSource, str], raw: bytes, status: int, why: str) -> None:
    answer = tell(*source, raw=raw)

    assert (answer.status_code, why in answer.json()["message"]) == (status, True), answer.json()
    assert nothing_changed()


def test_an_address_that_is_none_and_one_that_was_revoked_are_not_found(source: tuple[CustomerDataSource, str]) -> None:
    made, secret = source
    unknown = CustomerDataSource(account_id=made.account_id, key="nada")
    elsewhere = CustomerDataSource(account_id=10**17, key=made.key)
    assert [tell(each, secret).status_code for each in (unknown, elsewhere)] == [404, 404]
    assert Client().get(address_of(made)).status_code == 405
    revoke_source(source=made, by=SYSTEM)
    assert tell(made, secret).status_code == 404
    assert nothing_changed()


def test_without_a_secret_nothing_is_signed() -> None:
    made, _key = create_source(name="App", by=SYSTEM)
    answer = tell(made, "whsec_" + "A" * 44)
    assert (answer.status_code, "No signing secret" in answer.json()["message"]) == (401, True)
    assert nothing_changed()


def test_a_former_secret_holds_for_a_week(source: tuple[CustomerDataSource, str]) -> None:
    made, old = source
    made, new = make_secret(source=made, by=SYSTEM)
    assert [tell(made, each, message_id=each).status_code for each in (old, new)] == [200, 200]
    CustomerDataSource.scoped().update(previous_secret_until=timezone.now())
    assert [tell(made, each, message_id=f"{each}-2").status_code for each in (old, new)] == [401, 200]
    kept = str([list(CustomerDataSource.scoped().values("name", "hint", "digest")), list(CustomerDataSource.history.values())])
    assert old not in kept
    assert new not in kept


def test_who_may_make_a_secret(supervisor: Membership, source: tuple[CustomerDataSource, str]) -> None:
    made, secret = source
    with pytest.raises(PermissionDenied):
        make_secret(source=made, by=Actor.person(supervisor))
    revoke_source(source=made, by=SYSTEM)
    with pytest.raises(ValidationError):
        make_secret(source=made, by=SYSTEM)
    assert CustomerDataSource.scoped().get().secrets == {"current": secret}


def test_too_many_calls_are_asked_to_wait(source: tuple[CustomerDataSource, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "OF_ADDRESS", Limit(f"test-{time.time()}", 1, 3600))
    assert tell(*source).status_code == 200

    answer = tell(*source, message_id="msg_2")

    assert (answer.status_code, 0 < int(answer["Retry-After"]) <= 3600) == (429, True)
    assert CustomerDataMessage.scoped().count() == 1


def test_whoever_guesses_is_asked_to_wait_and_others_are_not(
    source: tuple[CustomerDataSource, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, secret = source
    monkeypatch.setattr(limiting, "REFUSED_OF_ADDRESS", Limit(f"test-{time.time()}", 1, 3600))
    wrong = "whsec_" + "A" * 44
    assert [tell(made, wrong).status_code, tell(made, wrong).status_code] == [401, 429]
    assert tell(made, secret).status_code == 200


def test_the_page_shows_the_secret_once_and_its_examples_work(
    admin_client: Client, scoped: Account, receiver: Provider, tmp_path: Any
) -> None:
    made, _key = create_source(name="App", by=SYSTEM)
    page = f"/a/{scoped.slug}/settings/customer-data/{made.pk}/"
    shown = admin_client.post(f"{page}secret/").content.decode()
    secret = shown.split('data-copies="whsec_')[1].split('"')[0]
    again = admin_client.get(page).content.decode()
    assert secret not in again

    python, curl = (html.unescape(part.split("</code>")[0]) for part in again.split('"><code>')[-2:])
    address = again.split('<code class="code-box">')[1].split("<")[0]
    assert f"{address}/".endswith(address_of(made))
    for number, (command, code) in enumerate((([sys.executable, "-c"], python), (["bash", "-ec"], curl))):
        surroundings = {**os.environ, "HILO_SIGNING_SECRET": f"whsec_{secret}", "no_proxy": "*"}
        assert code.count(address) == 1
        code = code.replace(address, receiver.url + address_of(made))
        subprocess.run([*command, code], env=surroundings, check=True, capture_output=True, timeout=60, cwd=tmp_path)
        (asked,) = receiver.asked[number:]
        assert _passed_on(asked).json() == {"success": True}
    take_all()
    assert Contact.scoped().get().fields["address"]["value"] == "Av. Grau 120"
    assert CustomerDataMessage.scoped().filter(state="done").count() == 2


def _passed_on(asked: Asked) -> Any:
    headers = {name: value for name, value in asked.headers.items() if name.startswith("webhook-")}
    return Client().generic("POST", asked.path, asked.body, asked.headers["content-type"], headers=headers)
