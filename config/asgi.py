"""The ASGI application: webhooks go to the thin intake, sockets to Channels, everything else to Django."""

import os
from typing import Any

from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django = get_asgi_application()

# These need the apps that the line above has loaded.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from inbox import websocket_urls as inbox_sockets  # noqa: E402
from integrations.channels.webchat import websocket_urls as visitor_sockets  # noqa: E402
from integrations.intake import Intake  # noqa: E402


async def refuse(scope: Any, receive: Any, send: Any) -> Any:
    """Close a socket that nobody answers."""
    await send({"type": "websocket.close", "code": 4404})


sockets = URLRouter([*inbox_sockets.urlpatterns, *visitor_sockets.urlpatterns, re_path("", refuse)])

application = Intake(ProtocolTypeRouter({"http": django, "websocket": sockets}))
