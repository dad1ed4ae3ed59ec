from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Account, Channel
from tests.conftest import make_channel
from tests.inbox.wire import SECRETS, SETTINGS
from tests.integrations.provider import Answer, Provider, playing_provider


@pytest.fixture
def receiver(settings: Any) -> Iterator[Provider]:
    """Somebody's server on the loop-back interface, which takes everything."""
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with playing_provider() as playing:
        playing.otherwise = lambda _asked: Answer(200, {"ok": True})
        yield playing


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp", "WhatsApp", settings=SETTINGS, secrets=SECRETS)
