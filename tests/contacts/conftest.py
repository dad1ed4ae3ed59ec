"""One channel of each kind in the account of the test."""

import pytest

from accounts.models import Account, Channel
from tests.conftest import make_channel


@pytest.fixture
def mail(scoped: Account) -> Channel:
    return make_channel(scoped, "email", "Correo")


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp")


@pytest.fixture
def instagram(scoped: Account) -> Channel:
    return make_channel(scoped, "instagram")


@pytest.fixture
def web(scoped: Account) -> Channel:
    return make_channel(scoped, "webchat", "Sitio")
