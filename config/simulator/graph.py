"""The providers' API as Hilo calls it: sending, media, profiles. It refuses what the providers refuse, with their codes."""

import hashlib
from datetime import timedelta
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.simulator.configuration import SimulatedChannel
from config.simulator.knocking import Knocker, new_id
from config.simulator.world import Entry, Person, World

WINDOW = timedelta(hours=24)
HUMAN_WINDOW = timedelta(days=7)


class Refusal(Exception):
    """An error as the Graph API gives it."""

    def __init__(self, message: str, *, code: int, status: int = 400, subcode: int | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.status, self.subcode = message, code, status, subcode

    def answer(self) -> JSONResponse:
        error: dict[str, Any] = {"message": self.message, "type": "OAuthException", "code": self.code, "fbtrace_id": new_id()}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return JSONResponse({"error": error}, status_code=self.status)


class GraphApi:
    """Answers for every WhatsApp number and Instagram account of the demo, below ``/graph``."""

    def __init__(self, world: World, knocker: Knocker) -> None:
        self.world, self.knocker = world, knocker

    def routes(self) -> list[Route]:
        return [
            Route("/graph/{owner}/messages", self.send, methods=["POST"]),
            Route("/graph/{owner}/media", self.upload, methods=["POST"]),
            Route("/graph/{object_id}", self.look_up, methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        try:
            channel = self._authorised(request, owner=request.path_params["owner"])
            body: dict[str, Any] = await request.json()
            if channel.kind == "whatsapp":
                return self._send_whatsapp(channel, body)
            return self._send_instagram(channel, body)
        except Refusal as refusal:
            return refusal.answer()

    def _send_whatsapp(self, channel: SimulatedChannel, body: dict[str, Any]) -> Response:
        if body.get("status") == "read" or "typing_indicator" in body:
            return JSONResponse({"success": True})
        address = str(body.get("to") or body.get("recipient") or "").lstrip("+")
        kind = body.get("type", "text")
        if not address or kind not in body:
            raise Refusal("(#100) Invalid parameter", code=100)
        last = self.world.last_written(channel=channel, address=address)
        if kind != "template" and (last is None or self.world.now() - last >= WINDOW):
            raise Refusal("(#131047) Re-engagement message", code=131047)
        person = self.world.person_at(kind="whatsapp", address=address, account=channel.account)
        entry = self.world.add(self._received(channel, person, new_id("wamid."), kind, body[kind], body.get("context", {})))
        answer = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": address, "wa_id": address}],
            "messages": [{"id": entry.id}],
        }
        return JSONResponse(answer, background=BackgroundTask(self._report, channel, person, entry))

    def _send_instagram(self, channel: SimulatedChannel, body: dict[str, Any]) -> Response:
        recipient = str(body.get("recipient", {}).get("id", ""))
        if "message" not in body:
            return JSONResponse({"recipient_id": recipient})
        last = self.world.last_written(channel=channel, address=recipient)
        window = HUMAN_WINDOW if body.get("tag") == "HUMAN_AGENT" else WINDOW
        if last is None or self.world.now() - last >= window:
            raise Refusal("(#10) This message is sent outside of allowed window.", code=10, subcode=2534022)
        person = self.world.person_at(kind="instagram", address=recipient, account=channel.account)
        message = body["message"]
        attachment = message.get("attachment", {})
        block = {"body": message.get("text", ""), "link": attachment.get("payload", {}).get("url", "")}
        entry = self.world.add(self._received(channel, person, new_id("aWdf"), attachment.get("type", "text"), block, {}))
        answer = {"recipient_id": recipient, "message_id": entry.id}
        return JSONResponse(answer, background=BackgroundTask(self._report, channel, person, entry))

    def _received(
        self, channel: SimulatedChannel, person: Person, entry_id: str, kind: str, block: dict[str, Any], context: dict[str, Any]
    ) -> Entry:
        text = block.get("body", "") or block.get("caption", "")
        if kind == "template":
            parameters = [p.get("text", "") for c in block.get("components", []) for p in c.get("parameters", [])]
            text = f"[{block.get('name', '')}] " + " · ".join(parameters)
        media = str(block.get("id", ""))
        content = self.world.media.get(media, (b"", "", ""))
        return Entry(
            id=entry_id,
            channel=channel.key,
            person=person.id,
            mine=False,
            at=self.world.now().isoformat(),
            kind=kind,
            text=text,
            media=media,
            media_type=content[1],
            media_name=block.get("filename", "") or content[2],
            answers=context.get("message_id", ""),
            extra={"link": block["link"]} if block.get("link") else {},
            status="sent",
        )

    async def _report(self, channel: SimulatedChannel, person: Person, entry: Entry) -> None:
        """The statuses that follow by themselves; ``read`` comes when somebody looks at the phone."""
        if person.unreachable:
            error = {"code": 131026, "title": "Message undeliverable", "error_data": {"details": "Message Undeliverable."}}
            await self.knocker.status(channel, person, entry, "failed", error)
            return
        await self.knocker.status(channel, person, entry, "sent")
        await self.knocker.status(channel, person, entry, "delivered")

    async def upload(self, request: Request) -> Response:
        try:
            self._authorised(request, owner=request.path_params["owner"])
        except Refusal as refusal:
            return refusal.answer()
        async with request.form(max_part_size=30 * 1024 * 1024) as form:
            file = form["file"]
            if isinstance(file, str):
                return Refusal("(#100) Param file must be a file", code=100).answer()
            media_id = self.world.keep_media(await file.read(), file.content_type or "application/octet-stream", file.filename or "")
        return JSONResponse({"id": media_id})

    async def look_up(self, request: Request) -> Response:
        """A media id gives its address; an Instagram id gives the profile."""
        object_id = request.path_params["object_id"]
        try:
            self._authorised(request)
        except Refusal as refusal:
            return refusal.answer()
        if object_id in self.world.media:
            content, content_type, _name = self.world.media[object_id]
            return JSONResponse(
                {
                    "id": object_id,
                    "messaging_product": "whatsapp",
                    "url": f"{self.knocker.own_url}/media/{object_id}",
                    "mime_type": content_type,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "file_size": len(content),
                }
            )
        for person in self.world.people.values():
            if person.instagram == object_id:
                return JSONResponse({"id": object_id, "name": person.name, "username": person.username})
        return Refusal("Unsupported get request. Object does not exist", code=100, status=404, subcode=33).answer()

    def _authorised(self, request: Request, *, owner: str | None = None) -> SimulatedChannel:
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or request.query_params.get("access_token", "")
        for channel in self.world.configuration.channels:
            if channel.secrets.get("access_token") == token and owner in {None, channel.address}:
                return channel
        raise Refusal("Invalid OAuth access token.", code=190, status=401)
