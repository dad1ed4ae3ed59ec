"""A mailbox on loop-back, and a channel that reads and writes it."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Account, Channel
from config.simulator.mailserver import MailServer
from tests.conftest import make_channel
from tests.integrations.channels.email.reading import HOUSE

WORD = "clave de la casa"


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with MailServer({HOUSE: WORD}) as running:
        yield running


def mailbox_settings(server: MailServer, **changes: Any) -> dict[str, Any]:
    """What an admin would fill in, secrets included."""
    return {
        "address": HOUSE,
        "from_name": "Tienda Andes",
        "imap_host": server.host,
        "imap_port": server.imap_port,
        "imap_security": "none",
        "imap_password": WORD,
        "smtp_host": server.host,
        "smtp_port": server.smtp_port,
        "smtp_security": "none",
        "authserv_id": "mx.andes.test",
        **changes,
    }


def channel_on(server: MailServer, account: Account, **changes: Any) -> Channel:
    values = mailbox_settings(server, **changes)
    secrets = {name: values.pop(name) for name in ("imap_password", "smtp_password") if name in values}
    return make_channel(account, "email", "Correo", settings=values, secrets=secrets)


@pytest.fixture
def channel(server: MailServer, account: Account) -> Channel:
    return channel_on(server, account)
