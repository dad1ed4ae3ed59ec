"""The simulator's pages and their actions. One page; every device is drawn from the same state."""

import asyncio
import contextlib
import email
import email.policy
import gettext
import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from config.simulator.configuration import SimulatedChannel
from config.simulator.graph import GraphApi
from config.simulator.knocking import DoorClosed, Knocker, new_id
from config.simulator.mailserver import MailServer, OutgoingMail
from config.simulator.words import words
from config.simulator.world import Entry, Person, World

PAGES = Path(__file__).parent / "pages"
LOCALE = Path(__file__).resolve().parents[2] / "locale"
MAX_FILE = 16 * 1024 * 1024


class Refused(Exception):
    """The page asked for something that cannot be; the text is shown."""


class Simulator:
    """Actions of the page: each changes the world by knocking at Hilo's doors, and answers with what came of it."""

    def __init__(self, world: World, knocker: Knocker, mail: MailServer) -> None:
        self.world, self.knocker, self.mail = world, knocker, mail
        mail.on_outgoing = self.take_mail

    def routes(self) -> list[Route]:
        return [
            Route("/", self.page),
            Route("/healthz", self.healthz),
            Route("/words.json", self.words),
            Route("/state", self.state),
            Route("/changes", self.changes),
            Route("/write", self.write, methods=["POST"]),
            Route("/seen", self.seen, methods=["POST"]),
            Route("/react", self.react, methods=["POST"]),
            Route("/prefer", self.prefer, methods=["POST"]),
            Route("/people", self.add_person, methods=["POST"]),
            Route("/reach", self.reach, methods=["POST"]),
            Route("/clock", self.clock, methods=["POST"]),
            Route("/media/{media_id}", self.media),
            Route("/shop/{key}", self.shop),
        ]

    async def page(self, request: Request) -> Response:
        return FileResponse(PAGES / "index.html")

    async def healthz(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def words(self, request: Request) -> Response:
        accepted = request.query_params.get("language") or request.headers.get("accept-language", "es")
        language = "en" if accepted.lower().startswith("en") else "es"
        translation = gettext.translation("django", LOCALE, [language], fallback=True)
        return JSONResponse({"language": language, "words": words(translation.gettext)})

    async def state(self, request: Request) -> Response:
        """Everything the page draws."""
        configuration = self.world.configuration
        return JSONResponse(
            {
                "version": self.world.version,
                "hilo": self.knocker.hilo,
                "now": self.world.now().isoformat(),
                "offset_hours": round(self.world.offset.total_seconds() / 3600, 2),
                "channels": [
                    {"key": c.key, "kind": c.kind, "name": c.name, "account": c.account, "address": c.address}
                    for c in configuration.channels
                ],
                "people": [asdict(person) for person in self.world.people.values()],
                "entries": [asdict(entry) for entry in self.world.entries],
            }
        )

    async def changes(self, request: Request) -> Response:
        """Answers as soon as the version differs from ``?version=``, after 25 seconds at the latest."""
        version = await self.world.changed_after(int(request.query_params.get("version", "0")), timeout=25)
        return JSONResponse({"version": version})

    async def write(self, request: Request) -> Response:
        async with request.form(max_part_size=MAX_FILE) as form:
            channel, person = self._who(dict(form))
            if not person.address_on(channel.kind):
                raise Refused("no_address")
            upload = form.get("file")
            media = content_type = name = ""
            if upload is not None and not isinstance(upload, str) and upload.filename:
                content_type, name = upload.content_type or "application/octet-stream", upload.filename
                media = self.world.keep_media(await upload.read(), content_type, name)
            text = str(form.get("text", "")).strip()
            if not text and not media and form.get("kind") != "location":
                raise Refused("nothing_written")
            entry = Entry(
                id={"whatsapp": new_id("wamid."), "instagram": new_id("aWdf")}.get(channel.kind)
                or f"<{secrets.token_hex(12)}@casilla.example>",
                channel=channel.key,
                person=person.id,
                mine=True,
                at=self.world.now().isoformat(),
                kind=str(form.get("kind") or _kind_of(content_type, channel.kind)),
                text=text,
                subject=str(form.get("subject", "")),
                media=media,
                media_type=content_type,
                media_name=name,
                answers=str(form.get("answers", "")),
                extra={"latitude": -33.4372, "longitude": -70.6506, "name": "Plaza de Armas"} if form.get("kind") == "location" else {},
                status="sending",
            )
        return JSONResponse(asdict(await self.knocker.write(channel, person, entry)))

    async def seen(self, request: Request) -> Response:
        """Somebody looks at the device: what arrived is read now."""
        channel, person = self._who(await request.json())
        for entry in self.world.between(channel=channel.key, person=person.id):
            if not entry.mine and entry.status == "delivered":
                await self.knocker.status(channel, person, entry, "read")
        return JSONResponse({})

    async def react(self, request: Request) -> Response:
        body = await request.json()
        channel, person = self._who(body)
        for entry in self.world.between(channel=channel.key, person=person.id):
            if entry.id == body["entry"]:
                await self.knocker.react(channel, person, entry, "" if entry.reaction else "❤️")
        return JSONResponse({})

    async def prefer(self, request: Request) -> Response:
        body = await request.json()
        await self.knocker.prefer(*self._who(body), wants=bool(body["wants"]))
        return JSONResponse({})

    async def add_person(self, request: Request) -> Response:
        body = await request.json()
        name = str(body.get("name", "")).strip()
        if not name:
            raise Refused("name_missing")
        values = {field: str(body.get(field, "")).strip() for field in ("email", "username", "account")}
        wa_id = "".join(c for c in str(body.get("wa_id", "")) if c.isdigit())
        return JSONResponse(asdict(self.world.add_person(name=name, wa_id=wa_id, **values)))

    async def reach(self, request: Request) -> Response:
        body = await request.json()
        self.world.people[body["person"]].unreachable = not body["reachable"]
        self.world.announce()
        return JSONResponse({})

    async def clock(self, request: Request) -> Response:
        body = await request.json()
        self.world.move_clock(hours=None if body.get("reset") else float(body["hours"]))
        return JSONResponse({})

    async def media(self, request: Request) -> Response:
        content, content_type, _name = self.world.media.get(request.path_params["media_id"], (b"", "", ""))
        if not content:
            return Response(status_code=404)
        shown = content_type if content_type.startswith(("image/", "audio/", "video/")) and "svg" not in content_type else "text/plain"
        return Response(content, media_type=shown, headers={"X-Content-Type-Options": "nosniff"})

    async def shop(self, request: Request) -> Response:
        """A web page of the business with the widget on it, under a strict policy of its own."""
        channel = self.world.configuration.channel(request.path_params["key"])
        page = (PAGES / "shop.html").read_text(encoding="utf-8")
        page = page.replace("{{script}}", f"{self.knocker.hilo}/widget/{channel.key}.js").replace("{{name}}", channel.account.capitalize())
        socket = self.knocker.hilo.replace("http", "ws", 1)
        policy = (
            f"default-src 'none'; script-src {self.knocker.hilo}; connect-src {self.knocker.hilo} {socket};"
            f" img-src 'self' {self.knocker.hilo} data: blob:; style-src 'self'; base-uri 'none'; form-action 'none'"
        )
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})

    def take_mail(self, mail: OutgoingMail) -> None:
        """A mail that Hilo sent to a customer."""
        message = email.message_from_bytes(mail.raw, policy=email.policy.default)
        channels = [c for c in self.world.configuration.channels if c.kind == "email" and c.address == mail.sender]
        body = message.get_body(preferencelist=("plain", "html"))
        for channel in channels:
            for recipient in mail.recipients:
                person = self.world.person_at(kind="email", address=recipient, account=channel.account)
                names = [part.get_filename() or "" for part in message.iter_attachments()]
                self.world.add(
                    Entry(
                        id=str(message["Message-ID"] or new_id("<")),
                        channel=channel.key,
                        person=person.id,
                        mine=False,
                        at=self.world.now().isoformat(),
                        text=body.get_content() if body is not None else "",
                        subject=str(message["Subject"] or ""),
                        answers=str(message["In-Reply-To"] or ""),
                        media_name=", ".join(filter(None, names)),
                        status="delivered",
                    )
                )

    def _who(self, values: dict[str, Any]) -> tuple[SimulatedChannel, Person]:
        try:
            return self.world.configuration.channel(str(values["channel"])), self.world.people[str(values["person"])]
        except KeyError as missing:
            raise Refused("unknown") from missing


def _kind_of(content_type: str, channel_kind: str) -> str:
    family = content_type.partition("/")[0]
    if family in {"image", "audio", "video"}:
        return family
    return ("file" if channel_kind == "instagram" else "document") if content_type else "text"


async def strict_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """The simulator's own pages load nothing from elsewhere, but frame the shop."""
    response = await call_next(request)
    policy = "; ".join(f"{kind}-src 'self'" for kind in ("script", "style", "media", "connect", "frame", "img"))
    response.headers.setdefault("Content-Security-Policy", f"default-src 'none'; {policy}")
    response.headers["Cache-Control"] = "no-store"
    return response


def make_app(world: World, knocker: Knocker, mail: MailServer) -> Starlette:
    """The ASGI application; the mail server is started and stopped with it."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        world.listen_on(asyncio.get_running_loop())
        await asyncio.to_thread(mail.start)
        yield
        await asyncio.to_thread(mail.stop)

    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=400)

    async def closed(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": "door_closed", "answer": str(error)}, status_code=502)

    simulator = Simulator(world, knocker, mail)
    return Starlette(
        routes=[
            *simulator.routes(),
            *GraphApi(world, knocker).routes(),
            Mount("/pages", StaticFiles(directory=PAGES)),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=strict_headers)],
        exception_handlers={Refused: refused, DoorClosed: closed},
        lifespan=lifespan,
    )
