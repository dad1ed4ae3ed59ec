"""Channels whose rows are committed, as the intake sees them, and payloads as the providers send them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.models import Account, Channel
from accounts.scope import account_scope
from inbox.models import InboundEvent
from integrations.intake import Intake
from integrations.signatures import hub_signature
from tests.conftest import make_account, make_channel

PAYLOADS = Path(__file__).parent / "channels"
APP_SECRET = "el-secreto-de-la-app"
VERIFY_TOKEN = "mi palabra: ñandú"


def payload(kind: str, name: str) -> bytes:
    """The raw bytes of a recorded body."""
    return (PAYLOADS / kind / "payloads" / f"{name}.json").read_bytes()


def load_payload(kind: str, name: str) -> Any:
    return json.loads(payload(kind, name))


@dataclass
class Announced:
    """Stands where the broker is spoken to, for tests that are not about the broker."""

    events: list[tuple[int, int]] = field(default_factory=list)

    def announce(self, *, account_id: int, event_id: int) -> None:
        self.events.append((account_id, event_id))

    def close(self) -> None:
        """Nothing waits."""


@dataclass
class Hooks:
    """The intake in front of one channel."""

    account: Account
    channel: Channel
    announced: Announced = field(default_factory=Announced)

    @property
    def path(self) -> str:
        return f"/hooks/{self.channel.kind}/{self.channel.key}/"

    def run(self, talk: Callable[[httpx.AsyncClient, Intake], Awaitable[Any]]) -> Any:
        """Talk to one intake, from its first request to its end."""

        async def session() -> Any:
            intake = Intake(announcer=self.announced)  # type: ignore[arg-type]
            transport = httpx.ASGITransport(app=intake, raise_app_exceptions=True)
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://hilo.test") as client:
                    return await talk(client, intake)
            finally:
                await intake.close()

        return asyncio.run(session())

    def ask(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        return self.run(lambda client, _intake: client.request(method, path or self.path, **options))

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        return self.ask("POST", content=body, headers=headers or signed(body))

    def events(self) -> list[InboundEvent]:
        with account_scope(self.account):
            return list(InboundEvent.objects.filter(channel=self.channel).order_by("id"))

    def refresh(self) -> Channel:
        with account_scope(self.account):
            self.channel.refresh_from_db()
        return self.channel


def signed(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": hub_signature(secret=secret, body=body), "Content-Type": "application/json"}


@pytest.fixture
def hooks(django_db_setup: None, django_db_blocker: Any) -> Iterator[Hooks]:
    """A WhatsApp channel of a fresh account, committed: the intake has connections of its own."""
    with django_db_blocker.unblock():
        account = make_account("ganchos")
        channel = make_channel(
            account,
            "whatsapp",
            settings={"phone_number_id": "106540352242922", "verify_token": VERIFY_TOKEN},
            secrets={"app_secret": APP_SECRET, "access_token": "x"},
        )
        yield Hooks(account, channel)
