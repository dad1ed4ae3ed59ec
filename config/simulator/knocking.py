"""What a customer does, carried to Hilo's doors: signed webhooks, mail by SMTP."""

import asyncio
import secrets
from typing import Any

import httpx

from config.simulator import wire
from config.simulator.configuration import SimulatedChannel
from config.simulator.mailserver import MailServer
from config.simulator.world import Entry, Person, World


class DoorClosed(Exception):
    """Hilo did not take it; the text says what it answered."""


class Knocker:
    """Speaks for every customer. Webhooks are tried three times, as providers do, then shown as not delivered."""

    def __init__(self, world: World, mail: MailServer, *, hilo: str, own_url: str) -> None:
        self.world, self.mail, self.hilo, self.own_url = world, mail, hilo, own_url
        self._client = httpx.AsyncClient(timeout=10, trust_env=False)

    async def write(self, channel: SimulatedChannel, person: Person, entry: Entry) -> Entry:
        """Send what the person wrote. Raises ``DoorClosed``; the entry then says so too."""
        self.world.add(entry)
        try:
            if channel.kind == "whatsapp":
                await self._knock(channel, self._whatsapp(channel, person, entry))
            elif channel.kind == "instagram":
                await self._knock(channel, self._instagram(channel, person, entry))
            else:
                await asyncio.to_thread(self._mail, channel, person, entry)
        except DoorClosed as refusal:
            self.world.change(entry.id, status="failed", problem=str(refusal))
            raise
        return self.world.change(entry.id, status="delivered") or entry

    async def status(
        self, channel: SimulatedChannel, person: Person, entry: Entry, status: str, error: dict[str, Any] | None = None
    ) -> None:
        """Tell Hilo what became of a message it sent, and show it on the device."""
        if channel.kind == "whatsapp":
            errors = [error] if error else []
            payload = wire.whatsapp_status(
                phone_number_id=channel.address, wamid=entry.id, wa_id=person.wa_id, status=status, at=self.world.now(), errors=errors
            )
            await self._knock(channel, payload)
        elif channel.kind == "instagram" and status == "read":
            at = self.world.now()
            await self._knock(channel, wire.instagram_read(account_id=channel.address, sender=person.instagram, mid=entry.id, at=at))
        self.world.change(entry.id, status=status)

    async def react(self, channel: SimulatedChannel, person: Person, entry: Entry, emoji: str) -> None:
        at = self.world.now()
        if channel.kind == "whatsapp":
            content = {"type": "reaction", "reaction": {"message_id": entry.id, "emoji": emoji}}
            payload = wire.whatsapp_message(
                phone_number_id=channel.address, wamid=new_id("wamid."), wa_id=person.wa_id, name=person.name, at=at, content=content
            )
        else:
            payload = wire.instagram_reaction(account_id=channel.address, sender=person.instagram, mid=entry.id, emoji=emoji, at=at)
        await self._knock(channel, payload)
        self.world.change(entry.id, reaction=emoji)

    async def prefer(self, channel: SimulatedChannel, person: Person, *, wants: bool) -> None:
        """WhatsApp's own switch for promotions."""
        payload = wire.whatsapp_preference(phone_number_id=channel.address, wa_id=person.wa_id, wants=wants, at=self.world.now())
        await self._knock(channel, payload)

    async def _knock(self, channel: SimulatedChannel, payload: dict[str, Any]) -> None:
        body = wire.as_body(payload)
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": wire.signature(channel.secrets["app_secret"], body)}
        answer = ""
        for wait in (0.4, 1.5, 0):
            try:
                response = await self._client.post(f"{self.hilo}/hooks/{channel.kind}/{channel.key}/", content=body, headers=headers)
            except httpx.HTTPError as error:
                answer = type(error).__name__
            else:
                if response.status_code == 200:
                    return
                answer = f"HTTP {response.status_code}"
            await asyncio.sleep(wait)
        raise DoorClosed(answer)

    def _whatsapp(self, channel: SimulatedChannel, person: Person, entry: Entry) -> dict[str, Any]:
        content: dict[str, Any] = wire.whatsapp_text(entry.text)
        if entry.kind == "location":
            content = {"type": "location", "location": entry.extra}
        elif entry.media:
            media = {"id": entry.media, "mime_type": entry.media_type, "sha256": ""}
            if entry.text:
                media["caption"] = entry.text
            if entry.kind == "document":
                media["filename"] = entry.media_name
            content = {"type": entry.kind, entry.kind: media}
        return wire.whatsapp_message(
            phone_number_id=channel.address,
            wamid=entry.id,
            wa_id=person.wa_id,
            name=person.name,
            at=self.world.now(),
            content=content,
            answers=entry.answers,
        )

    def _instagram(self, channel: SimulatedChannel, person: Person, entry: Entry) -> dict[str, Any]:
        message: dict[str, Any] = {"text": entry.text} if entry.text else {}
        if entry.media:
            message["attachments"] = [{"type": entry.kind, "payload": {"url": f"{self.own_url}/media/{entry.media}"}}]
        if entry.kind == "story_reply":
            message["reply_to"] = {"story": {"id": "17900000000000001", "url": f"{self.own_url}/story.svg"}}
        elif entry.answers:
            message["reply_to"] = {"mid": entry.answers}
        return wire.instagram_message(
            account_id=channel.address, sender=person.instagram, mid=entry.id, at=self.world.now(), message=message
        )

    def _mail(self, channel: SimulatedChannel, person: Person, entry: Entry) -> None:
        files = [self.world.media[entry.media]] if entry.media else []
        thread = [e.id for e in self.world.between(channel=channel.key, person=person.id) if e.subject_of() == entry.subject_of()]
        mail = wire.email_message(
            sender=person.email,
            sender_name=person.name,
            recipient=channel.address,
            subject=entry.subject,
            text=entry.text,
            at=self.world.now(),
            message_id=entry.id,
            answers=[message_id for message_id in thread if message_id != entry.id] if entry.answers else [],
            files=[(name, content_type, content) for content, content_type, name in files],
        )
        try:
            self.mail.send(mail, sender=person.email, to=channel.address)
        except OSError as error:
            raise DoorClosed(str(error)) from error


def new_id(prefix: str = "") -> str:
    """An id as the providers make them: opaque and unique."""
    return prefix + secrets.token_urlsafe(24)
