"""The cast of the portal's tests: an account with a mailbox and a WhatsApp number, people who wrote, and a carrier of letters."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Channel
from accounts.scope import account_scope
from consent.models import NoticeVersion, PortalSignIn, Purpose
from consent.portal.signing_in import answer
from contacts import code_senders
from contacts.models import Identifier, Profile
from tests.conftest import make_channel
from tests.contacts.stories import writes

MARKETING = "marketing"


@dataclass
class Letter:
    """What the carrier was given."""

    to: str
    code: str
    link: str
    language: str


@dataclass
class Carrier:
    """Takes the place of the mailbox and of WhatsApp, and keeps what it was given."""

    name: str = "email"
    label: str = "por paloma"
    reaches: frozenset[str] = frozenset({"email", "phone"})
    letters: list[Letter] = field(default_factory=list)

    def is_ready(self) -> bool:
        return True

    def send(self, *, identifier: Identifier, code: str, minutes: int, link: str = "", language: str = "") -> None:
        self.letters.append(Letter(identifier.value, code, link, language))


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    carrier = Carrier()
    monkeypatch.setattr(code_senders, "_senders", {carrier.name: carrier})
    return carrier


@pytest.fixture
def mailbox(account: Account) -> Channel:
    return make_channel(account, "email", "Ventas")


@pytest.fixture
def whatsapp(account: Account) -> Channel:
    return make_channel(account, "whatsapp", "Tienda")


@pytest.fixture
def web(account: Account) -> Channel:
    return make_channel(account, "webchat", "Sitio")


@pytest.fixture
def ana(account: Account, mailbox: Channel) -> Profile:
    """Somebody who wrote from ana@ejemplo.cl."""
    with account_scope(account):
        return writes(mailbox, "ana@ejemplo.cl", name="Ana Rojas", city="Valdivia").profile


@pytest.fixture
def notice(account: Account) -> NoticeVersion:
    with account_scope(account):
        return publish(1, "Te escribiremos con ofertas, dos veces al mes.")


def publish(number: int, text: str, *, language: str = "es") -> NoticeVersion:
    purpose = Purpose.scoped().get(key=MARKETING)
    return NoticeVersion.objects.create(purpose=purpose, language=language, number=number, text=text, sha256="0" * 64)


@dataclass
class Visitor:
    """Somebody with a browser in front of an account's portal."""

    account: Account
    carrier: Carrier
    client: Client = field(default_factory=lambda: Client(headers={"Accept-Language": "es"}))

    def url(self, name: str, **kwargs: Any) -> str:
        return reverse(f"portal:{name}", kwargs={"portal": self.account.slug, **kwargs})

    def get(self, name: str, query: str = "", **kwargs: Any) -> HttpResponse:
        return self.client.get(self.url(name, **kwargs) + query)

    def post(self, name: str, data: dict[str, Any] | None = None, **kwargs: Any) -> HttpResponse:
        return self.client.post(self.url(name, **kwargs), data or {})

    def asks(self, address: str) -> HttpResponse:
        """Types the address; the worker does what there is to do."""
        response = self.post("sign_in", {"address": address})
        self.work()
        return response

    def work(self) -> None:
        with account_scope(self.account):
            for pk in PortalSignIn.scoped().filter(handled_at=None).values_list("pk", flat=True):
                answer(sign_in_id=pk)

    def comes_in(self, address: str) -> "Visitor":
        """By the code of the letter."""
        self.asks(address)
        response = self.post("code", {"code": self.carrier.letters[-1].code})
        assert response.status_code == 303, response.content.decode()
        return self

    def shows_also(self, address: str) -> None:
        """Shows another address in the same visit."""
        self.post("points", {"address": address})
        self.work()
        assert self.post("code", {"code": self.carrier.letters[-1].code}).status_code == 303

    @property
    def is_in(self) -> bool:
        return self.get("home").status_code == 200


@pytest.fixture
def visitor(account: Account, carrier: Carrier) -> Visitor:
    return Visitor(account, carrier)


@pytest.fixture
def scope(account: Account) -> Iterator[Account]:
    with account_scope(account):
        yield account
