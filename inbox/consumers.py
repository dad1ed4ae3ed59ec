"""The socket of an agent's screen: it hears ids of what changed, and says what the screen shows."""

import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import structlog
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from accounts.entrances import account_id_by_slug
from accounts.models import Membership
from accounts.scope import account_scope
from inbox import presence
from inbox.live_updates import account_group
from inbox.models import Conversation

log = structlog.get_logger("hilo.live")

# Close codes: the screen tries again after neither.
NOT_ALLOWED = 4403
LONGEST_FRAME = 2000


def same_origin(headers: dict[bytes, bytes]) -> bool:
    """Whether the page that opens the socket is ours. Browsers always name it, and cookies alone would let any page in."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(origin) and (urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS)


class AgentConsumer(AsyncJsonWebsocketConsumer):
    """``ws/a/<slug>/``. To the screen: ``{"kind": …, ids}`` as ``inbox.live_updates`` tells them.

    From the screen: ``{"kind": "viewing" | "typing", "conversation": id}``, again every half minute while it holds, and
    ``{"kind": "left"}``. The answer to the first is ``{"kind": "present", "conversation": id, "members": {id: state}}``.
    """

    account_id = 0
    membership_id = 0
    # The conversation that the screen shows.
    shown: int | None = None

    async def connect(self) -> None:
        self.screen = uuid.uuid4().hex[:12]
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not same_origin(dict(self.scope["headers"])):
            await self.close(code=NOT_ALLOWED)
            return
        found = await database_sync_to_async(_find_membership)(user.pk, self.scope["url_route"]["kwargs"]["account_slug"])
        if found is None:
            await self.close(code=NOT_ALLOWED)
            return
        self.account_id, self.membership_id = found
        await self.channel_layer.group_add(account_group(self.account_id), self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.account_id:
            await self.channel_layer.group_discard(account_group(self.account_id), self.channel_name)
            await self._leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Anything but a small JSON object is passed over."""
        if text_data is None or len(text_data) > LONGEST_FRAME:
            return
        try:
            said = json.loads(text_data)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict):
            await self.receive_json(said)

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        kind, conversation_id = str(content.get("kind")), content.get("conversation")
        if kind == "left":
            await self._leave()
        elif kind in presence.STATES and isinstance(conversation_id, int) and await self._may_see(conversation_id):
            if self.shown != conversation_id:
                await self._leave()
            self.shown = conversation_id
            await sync_to_async(presence.enter, thread_sensitive=False)(**self._here(conversation_id), state=kind)
            if kind == "viewing":
                members = await sync_to_async(presence.present, thread_sensitive=False)(
                    account_id=self.account_id, conversation_id=conversation_id
                )
                await self.send_json({"kind": "present", "conversation": conversation_id, "members": members})

    async def live_update(self, event: dict[str, Any]) -> None:
        """Pass on what changed, if the member still belongs to the account."""
        if not await database_sync_to_async(_is_member)(self.account_id, self.membership_id):
            await self.close(code=NOT_ALLOWED)
            return
        if event["kind"] == "presence" and event["membership"] == self.membership_id:
            return
        await self.send_json({name: value for name, value in event.items() if name != "type"})

    async def _may_see(self, conversation_id: int) -> bool:
        return await database_sync_to_async(_may_see)(self.account_id, self.membership_id, conversation_id)

    async def _leave(self) -> None:
        if self.shown is not None:
            conversation_id, self.shown = self.shown, None
            await sync_to_async(presence.leave, thread_sensitive=False)(**self._here(conversation_id))

    def _here(self, conversation_id: int) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "conversation_id": conversation_id,
            "membership_id": self.membership_id,
            "screen": self.screen,
        }


def _find_membership(user_id: int, slug: str) -> tuple[int, int] | None:
    account_id = account_id_by_slug(slug)
    if account_id is None:
        return None
    with account_scope(account_id):
        membership = Membership.scoped().filter(user=user_id, user__is_active=True, is_active=True).first()
        return (account_id, membership.pk) if membership else None


def _is_member(account_id: int, membership_id: int) -> bool:
    with account_scope(account_id):
        return Membership.scoped().filter(pk=membership_id, is_active=True, user__is_active=True).exists()


def _may_see(account_id: int, membership_id: int, conversation_id: int) -> bool:
    with account_scope(account_id):
        return _is_member(account_id, membership_id) and Conversation.scoped().filter(pk=conversation_id).exists()
