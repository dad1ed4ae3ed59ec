"""The visitor's socket. Every message is acknowledged after its commit; whoever comes back resumes after the last number seen.

Frames are JSON objects with a ``type``. From the widget: ``hello`` (visitor, token, after, user, signature, language), ``message``
(id, text, page), ``form`` (name, email, phone), ``received`` and ``read`` (up_to), ``typing``, ``older`` (before), ``ping``. To the
widget: ``welcome``, ``ack``, ``refused``, ``lines``, ``older``, ``form_saved``, ``form_refused``, ``typing``, ``team_read``, ``pong``.
Closing codes: 4404 no such chat, 4403 not on this site, 4401 only for signed-in people, 4429 too many connections, 4400 not understood.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.exceptions import ValidationError
from django.utils.translation import override

from accounts.entrances import account_id_by_channel_key
from accounts.models import Channel, Membership
from accounts.scope import account_scope
from inbox.live_updates import conversation_group, tell_account
from inbox.storable import storable
from integrations.channels.webchat import limits, lines, reading, visitors, writing
from integrations.channels.webchat.groups import visitor_group
from integrations.channels.webchat.options import LANGUAGES, Options
from integrations.models import Visitor

log = structlog.get_logger("hilo.webchat")
LARGEST_FRAME = 32_000  # characters
SECONDS_TO_SAY_HELLO = 20
MOST_MISTAKES = 10
Value = TypeVar("Value")


class NotUnderstood(Exception):
    """A frame that no widget of ours sends."""


def open_channel(key: str) -> Channel | None:
    """The active web chat with this key. Enters no scope of the caller's."""
    account_id = account_id_by_channel_key(key)
    if account_id is None:
        return None
    with account_scope(account_id):
        return Channel.scoped().select_related("account").filter(key=key, kind="webchat", is_active=True).first()


class VisitorConsumer(AsyncWebsocketConsumer):
    channel: Channel | None = None
    visitor: Visitor | None = None
    language = "es"
    followed: int | None = None  # the conversation whose group it listens to
    sent = 0  # number of the last line that went out on this socket
    mistakes = 0
    waiting_for_hello: asyncio.TimerHandle | None = None

    async def connect(self) -> None:
        await self.accept()
        headers = dict(self.scope["headers"])
        self.address = limits.address_of(client=self.scope.get("client"), forwarded=headers.get(b"x-forwarded-for", b""))
        self.origin = headers.get(b"origin", b"").decode("latin-1").lower()
        channel = await database_sync_to_async(open_channel, thread_sensitive=False)(self.scope["url_route"]["kwargs"]["key"])
        if channel is None:
            return await self.close(4404)
        if not Options.of(channel).allows(self.origin):
            return await self.close(4403)
        self.channel = channel
        self.language = channel.account.language
        if await self.run(lambda: limits.seconds_to_wait(limits.CONNECTIONS_OF_ADDRESS, (channel.pk, self.address))):
            return await self.close(4429)
        loop = asyncio.get_running_loop()
        self.waiting_for_hello = loop.call_later(SECONDS_TO_SAY_HELLO, lambda: loop.create_task(self._give_up()))

    async def disconnect(self, code: int) -> None:
        if self.waiting_for_hello is not None:
            self.waiting_for_hello.cancel()
        if self.visitor is not None:
            await self.channel_layer.group_discard(visitor_group(self.visitor.pk), self.channel_name)
        if self.followed is not None:
            await self.channel_layer.group_discard(conversation_group(self.followed), self.channel_name)

    async def _give_up(self) -> None:
        if self.visitor is None:
            await self.close(4400)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            frame, answer = self._understand(text_data)
            await answer(frame)
        except NotUnderstood:
            self.mistakes += 1
            log.info("frame_not_understood", origin=self.origin)
            if self.mistakes > MOST_MISTAKES or self.visitor is None:
                return await self.close(4400)
            await self.tell("refused", code="not_understood")

    def _understand(self, text: str | None) -> tuple[dict[str, Any], Callable[[dict[str, Any]], Awaitable[None]]]:
        answers = {
            "hello": self.hello,
            "message": self.message,
            "form": self.form,
            "received": self.received,
            "read": self.read,
            "typing": self.typing,
            "older": self.older,
            "ping": self.ping,
        }
        if text is None or len(text) > LARGEST_FRAME:
            raise NotUnderstood
        try:
            frame = storable(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise NotUnderstood from error
        answer = answers.get(str(frame.get("type"))) if isinstance(frame, dict) else None
        if answer is None or self.channel is None or (self.visitor is None) != (frame["type"] == "hello"):
            raise NotUnderstood
        return frame, answer

    # What the widget says

    async def hello(self, frame: dict[str, Any]) -> None:
        language = _text(frame, "language", 5)
        self.language = language if language in LANGUAGES[1:] else self._chat().account.language
        opened = await self.run(self._open, frame)
        if isinstance(opened, float):
            return await self.tell("refused", code="too_many", wait=opened)
        if opened is None:
            await self.tell("refused", code="identity_required")
            return await self.close(4401)
        await self._enter(opened, after=_number(frame, "after"))

    def _open(self, frame: dict[str, Any]) -> visitors.Opened | float | None:
        identity = visitors.check_identity(
            channel=self._chat(),
            payload=_text(frame, "user", 2_000),
            signature=_text(frame, "signature", 200),
            origin=self.origin,
        )
        if identity is None and Options.of(self._chat()).identity_required:
            return None
        known = visitors.visitor_by_token(channel=self._chat(), visitor_id=_text(frame, "visitor", 40), token=_text(frame, "token", 100))
        if known is None and (wait := limits.seconds_to_wait(limits.NEW_VISITORS_OF_ADDRESS, (self._chat().pk, self.address))):
            return wait
        return visitors.open_visitor(channel=self._chat(), known=known, identity=identity, language=self.language)

    async def _enter(self, opened: visitors.Opened, *, after: int = 0) -> None:
        """Listen first and read then: what is written in between is told twice rather than never."""
        if self.visitor is not None and self.visitor.pk != opened.visitor.pk:
            await self.channel_layer.group_discard(visitor_group(self.visitor.pk), self.channel_name)
        self.visitor = opened.visitor
        await self.channel_layer.group_add(visitor_group(opened.visitor.pk), self.channel_name)
        page, fields = await self.run(self._state, opened, after)
        await self._send_page("welcome", page, **fields)
        await self._follow()

    def _state(self, opened: visitors.Opened, after: int) -> tuple[lines.Page, dict[str, Any]]:
        visitor = opened.visitor
        visitor.refresh_from_db(fields=["last_sequence", "read_sequence"])
        # A number that this visitor never had belongs to another line.
        resumed = lines.after(visitor=visitor, sequence=after) if 0 < after <= visitor.last_sequence and opened.token is None else None
        page = resumed or lines.latest(visitor=visitor)
        fields = {
            "visitor": str(visitor.visitor_id),
            "token": opened.token,
            "resumed": resumed is not None,
            "read": visitor.read_sequence,
            "identified": bool(visitor.external_id),
            "known": visitors.left_a_datum(visitor),
            "team_read": _iso(lines.read_by_team(visitor=visitor)),
        }
        return page, fields

    async def message(self, frame: dict[str, Any]) -> None:
        try:
            message_id = uuid.UUID(_text(frame, "id", 36))
        except ValueError as error:
            raise NotUnderstood from error
        try:
            done = await self.run(self._write, message_id, _text(frame, "text", LARGEST_FRAME), _text(frame, "page", 500))
        except writing.MessageRefused as refused:
            return await self.tell("refused", id=str(message_id), code=refused.code)
        if isinstance(done, float):
            return await self.tell("refused", id=str(message_id), code="too_many", wait=done)
        await self.tell("ack", id=str(message_id), sequence=done.sequence, at=done.message.occurred_at.isoformat())

    def _write(self, message_id: uuid.UUID, text: str, page: str) -> writing.Written | float:
        visitor = self._me()
        wait = limits.seconds_to_wait(limits.MESSAGES_OF_VISITOR, visitor.pk) or limits.seconds_to_wait(
            limits.MESSAGES_OF_ADDRESS, (self._chat().pk, self.address)
        )
        return wait or writing.write(visitor=visitor, message_id=message_id, text=text, page=page)

    async def form(self, frame: dict[str, Any]) -> None:
        try:
            done = await self.run(self._submit, frame)
        except ValidationError as error:
            return await self.tell("form_refused", errors={field: texts[0] for field, texts in error.message_dict.items()})
        if isinstance(done, float):
            return await self.tell("form_refused", errors={}, wait=done)
        if done.token is not None:
            await self._enter(done)
        await self.tell("form_saved")

    def _submit(self, frame: dict[str, Any]) -> visitors.Opened | float:
        visitor = self._me()
        if wait := limits.seconds_to_wait(limits.FORMS_OF_VISITOR, visitor.pk):
            return wait
        values = {name: _text(frame, name, 400) for name in ("name", "email", "phone")}
        return writing.submit_form(visitor=visitor, form=writing.ContactForm.read(channel=self._chat(), **values))

    async def received(self, frame: dict[str, Any]) -> None:
        await self.run(self._signal, lambda visitor: reading.note_received(visitor=visitor, up_to=_number(frame, "up_to")))

    async def read(self, frame: dict[str, Any]) -> None:
        await self.run(self._signal, lambda visitor: reading.note_read(visitor=visitor, up_to=_number(frame, "up_to")))

    async def typing(self, frame: dict[str, Any]) -> None:
        await self.run(self._signal, self._tell_typing)

    def _tell_typing(self, visitor: Visitor) -> None:
        if (conversation := visitors.conversation_of(visitor)) is not None:
            tell_account(self._chat().account_id, "typing", conversation=conversation, who="contact")

    async def older(self, frame: dict[str, Any]) -> None:
        page = await self.run(self._older, _number(frame, "before"))
        if isinstance(page, float):
            return await self.tell("refused", code="too_many", wait=page)
        await self.tell("older", messages=page.messages, more=page.more)

    def _older(self, before: int) -> lines.Page | float:
        visitor = self._me()
        return limits.seconds_to_wait(limits.PAGES_OF_VISITOR, visitor.pk) or lines.latest(visitor=visitor, before=before)

    async def ping(self, frame: dict[str, Any]) -> None:
        await self.tell("pong")

    # What the house says

    async def visitor_update(self, event: dict[str, Any]) -> None:
        """From the visitor's group: kinds only, the content is read here."""
        if self.visitor is None:
            return
        page = await self.run(lambda: lines.after(visitor=self._me(), sequence=self.sent) or lines.latest(visitor=self._me()))
        await self._send_page("lines", page)
        await self._follow()

    async def conversation_update(self, event: dict[str, Any]) -> None:
        """From the conversation's group: somebody of the team is writing, or has read."""
        if self.visitor is None:
            return
        if event["kind"] == "typing":
            if name := await self.run(_first_name, event["membership"]):
                await self.tell("typing", name=name)
        elif event["kind"] == "read":
            await self.tell("team_read", at=_iso(await self.run(lambda: lines.read_by_team(visitor=self._me()))))

    async def _follow(self) -> None:
        """Listen to the conversation that the visitor takes part in now; a reply may have opened another one."""
        now = await self.run(lambda: visitors.conversation_of(self._me()))
        if now == self.followed:
            return
        if self.followed is not None:
            await self.channel_layer.group_discard(conversation_group(self.followed), self.channel_name)
        self.followed = now
        if now is not None:
            await self.channel_layer.group_add(conversation_group(now), self.channel_name)

    # Plumbing

    async def _send_page(self, kind: str, page: lines.Page, **fields: Any) -> None:
        if page.messages:
            self.sent = page.messages[-1]["sequence"]
        elif kind == "welcome":
            self.sent = 0
        if page.messages or kind == "welcome":
            await self.tell(kind, messages=page.messages, more=page.more, **fields)

    def _chat(self) -> Channel:
        if self.channel is None:
            raise NotUnderstood
        return self.channel

    def _me(self) -> Visitor:
        if self.visitor is None:
            raise NotUnderstood
        return self.visitor

    def _signal(self, note: Callable[[Visitor], object]) -> None:
        """Receipts and typing: what comes too often is dropped, the next one says it all again."""
        visitor = self._me()
        if not limits.seconds_to_wait(limits.SIGNALS_OF_VISITOR, visitor.pk):
            note(visitor)

    async def run(self, function: Callable[..., Value], *args: Any) -> Value:
        """Run synchronous code in a thread of its own, in the account's scope and in the visitor's language."""
        return await database_sync_to_async(self._scoped, thread_sensitive=False)(function, *args)

    def _scoped(self, function: Callable[..., Value], *args: Any) -> Value:
        with account_scope(self._chat().account_id), override(self.language):
            return function(*args)

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.send(text_data=json.dumps({"type": kind, **fields}))


def _first_name(membership_id: int) -> str:
    member = Membership.scoped().select_related("user").filter(pk=membership_id, is_active=True).first()
    return member.user.get_short_name() if member else ""


def _iso(at: Any) -> str | None:
    return at.isoformat() if at else None


def _text(frame: dict[str, Any], name: str, longest: int) -> str:
    value = frame.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise NotUnderstood
    return value


def _number(frame: dict[str, Any], name: str) -> int:
    value = frame.get(name) or 0
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise NotUnderstood
    return value
