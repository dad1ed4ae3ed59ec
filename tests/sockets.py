"""A websocket client that speaks to an ASGI application directly, without a server."""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """One socket. ``connected`` and ``code`` tell how opening it went."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        super().__init__(
            application, {"type": "websocket", "path": path, "query_string": b"", "headers": headers or [], "subprotocols": []}
        )
        self.connected = False
        self.code: int | None = None

    async def open(self) -> "Socket":
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(10)
        self.connected = answer["type"] == "websocket.accept"
        self.code = answer.get("code")
        return self

    async def say(self, frame: Any) -> None:
        """Send a text frame; anything but text is sent as JSON."""
        await self.send_input({"type": "websocket.receive", "text": frame if isinstance(frame, str) else json.dumps(frame)})

    async def hear(self) -> Any:
        """The next frame, read as JSON; an assertion error when the socket was closed instead."""
        answer = await self.receive_output(10)
        assert answer["type"] == "websocket.send", answer
        return json.loads(answer["text"])

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(10)
