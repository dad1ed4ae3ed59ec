"""A customer changes the address, in the business's own app or in the portal, while an agent talks with them.

Within seconds it is in the CRM, on the agent's open card and in the outgoing webhook: with a real worker, a real Tryton and a real
receiver. Where the time limit is generous, the measured seconds are printed (``pytest -s``).
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from standardwebhooks import Webhook

from accounts.actors import SYSTEM
from accounts.models import Account, Membership
from accounts.scope import account_scope
from integrations.cdp.sources import create_source, make_secret
from integrations.models import CustomerDataSource, ExternalRecord
from integrations.syncing.connecting import connect
from tests.browser.conftest import LiveServer, wait_until
from tests.browser.portal import letter_to
from tests.browser.workspace import hear, open_inbox
from tests.conftest import make_channel
from tests.integrations.crm.conftest import tryton_server
from tests.integrations.crm.peers import PASSWORD, Tryton
from tests.integrations.crm.steps import fill
from tests.integrations.provider import Answer, Provider, playing_provider
from tests.integrations.webhooks.receiver import subscribe_to, verified

__all__ = ["tryton_server"]

pytestmark = pytest.mark.browser
EMAIL = "ana@ejemplo.pe"
# Everything that is asked for happens within so many seconds, on a machine that does much else.
PATIENCE = 60


@dataclass
class Elsewhere:
    """The business's other systems: its app with a secret, its CRM, and the program that receives webhooks."""

    source: CustomerDataSource
    secret: str
    tryton: Tryton
    party: int
    receiver: Provider
    receiver_secret: str

    def tell(self, server: LiveServer, traits: dict[str, Any]) -> httpx.Response:
        raw = json.dumps({"userId": "u-17", "traits": traits}).encode()
        now = timezone.now()
        headers = {
            "webhook-id": f"msg_{now.timestamp()}",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(f"msg_{now.timestamp()}", now, raw.decode()),
        }
        address = f"{server.url}/hooks/identify/{self.source.account_id}-{self.source.key}"
        return httpx.post(address, content=raw, headers=headers, trust_env=False)

    def street_in_tryton(self) -> str:
        rows = self.tryton.call("model.party.address.search_read", [["party", "=", self.party]], 0, None, None, ["street"])
        return rows[0]["street"] if rows else ""

    def streets_heard(self) -> list[str]:
        """Of every ``contact.updated`` that arrived with a right signature, in order."""
        events = [verified(asked, self.receiver_secret) for asked in list(self.receiver.asked)]
        contacts = [event["data"]["contact"] for event in events if event["type"] == "contact.updated"]
        return [contact["fields"]["address"]["value"] for contact in contacts if "address" in contact["fields"]]


@pytest.fixture
def elsewhere(account: Account, tryton_server: Tryton, settings: Any) -> Iterator[Elsewhere]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    tryton_server.empty()
    mechanisms = [["create", [{"type": "email", "value": EMAIL}]]]
    row = {"name": "Ana Rojas", "addresses": [["create", [{"street": "Jr. Viejo 1"}]]], "contact_mechanisms": mechanisms}
    party = tryton_server.call("model.party.party.create", [row])[0]
    with playing_provider() as receiver, account_scope(account):
        receiver.otherwise = lambda _asked: Answer(200, {"ok": True})
        made, _key = create_source(name="App", by=SYSTEM)
        made, secret = make_secret(source=made, by=SYSTEM)
        _subscription, receiver_secret = subscribe_to(receiver, ["contact.updated"])
        reached = {"url": tryton_server.url, "database": "crm", "user": "admin", "password": PASSWORD}
        fill(connect(kind="tryton", name="Tryton", settings=reached, by=SYSTEM))
        assert ExternalRecord.scoped().filter(external_id=str(party)).exists()
        yield Elsewhere(made, secret, tryton_server, party, receiver, receiver_secret)


def seconds_until(begun: float, what: Callable[[], object]) -> float:
    wait_until(what, seconds=PATIENCE)
    return time.monotonic() - begun


def test_a_changed_address_is_everywhere_within_seconds(
    live_server_asgi: LiveServer,
    browser: Browser,
    page: Page,
    account: Account,
    agent: Membership,
    elsewhere: Elsewhere,
    complaints: list[str],
) -> None:
    conversation = hear(make_channel(account, "email", "Ventas"), EMAIL, "¿Me mandan el pedido?", name="Ana Rojas")
    open_inbox(page, live_server_asgi, agent, account, f"{conversation.pk}/")
    card = page.locator("#person-pane")
    expect(card).to_contain_text("Jr. Viejo 1")
    page.evaluate("window.sameDocument = true")
    page.locator("#composer-body").fill("Ya te digo")

    def arrives(street: str, begun: float) -> dict[str, float]:
        expect(card).to_contain_text(street, timeout=PATIENCE * 1000)
        on_card = time.monotonic() - begun
        heard = seconds_until(begun, lambda: street in elsewhere.streets_heard())
        return {"card": on_card, "webhook": heard, "Tryton": seconds_until(begun, lambda: elsewhere.street_in_tryton() == street)}

    begun = time.monotonic()
    answer = elsewhere.tell(live_server_asgi, {"email": EMAIL, "address": {"street": "Av. Grau 120"}})
    assert answer.status_code == 200, answer.text
    by_app = arrives("Av. Grau 120", begun)

    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="es-CL").new_page()
    phone.goto(letter_to(EMAIL, account=account, server=live_server_asgi))
    phone.locator("main button").click()
    phone.goto(live_server_asgi.url + reverse("portal:data", args=[account.slug]))
    assert phone.get_by_label("Dirección").input_value() == "Av. Grau 120"
    phone.get_by_label("Dirección").fill("Calle Lima 455")
    begun = time.monotonic()
    phone.get_by_role("button", name="Guardar").click()
    by_portal = arrives("Calle Lima 455", begun)
    phone.context.close()

    # The agent went on with what they were doing: nothing was loaded anew, and what they had begun to write is there.
    assert page.evaluate("window.sameDocument") is True
    expect(page.locator("#composer-body")).to_have_value("Ya te digo")
    assert complaints == []
    for where, measured in (("app", by_app), ("portal", by_portal)):
        times = ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in measured.items())
        sys.stdout.write(f"\nchanged in the {where}: {times}\n")
