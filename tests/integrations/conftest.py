"""Channels whose rows are committed, as the intake sees them, and payloads as the providers send them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.base import ContentFile

from accounts.models import Account, Channel
from accounts.scope import account_scope
from contacts.models import Identifier, Profile
from inbox.models import Attachment, InboundEvent, Message, OutboundMessage
from integrations.intake import Intake
from integrations.signatures import hub_signature
from tests.conftest import make_account, make_channel
from tests.inbox.people import make_conversation, make_profile, say
from tests.integrations.provider import Provider, playing_provider

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


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """The provider's API on the loop-back interface, which this installation may reach."""
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with playing_provider() as playing:
        yield playing


def make_outgoing(
    channel: Channel,
    body: str = "",
    *,
    address: str = "56987654321",
    kind: str = "text",
    identifier_kind: str = "",
    files: tuple[tuple[str, str, bytes], ...] = (),
    verdict: dict[str, Any] | None = None,
    **fields: Any,
) -> Message:
    """An accepted message to one address, with its outbox row, as the delivery gives it to the adapter."""
    profile = Profile.objects.filter(channel=channel, address=address).first() or make_profile(channel, address)
    if identifier_kind:
        Identifier.objects.filter(profile=profile).update(kind=identifier_kind)
    conversation = make_conversation(profile)
    message = say(conversation, body, direction="out", kind=kind, provider_id="", **fields)
    for name, content_type, content in files:
        attachment = Attachment(message=message, state="stored", name=name, content_type=content_type, size=len(content))
        attachment.file.save(name, ContentFile(content))
    OutboundMessage.objects.create(message=message, verdict=verdict or {})
    return Message.objects.select_related("channel", "identifier", "reply_to", "outbound").get(pk=message.pk)
