import pytest
from django.test import Client

from accounts.languages import COOKIE
from accounts.models import Membership
from tests.conftest import client_for


@pytest.fixture
def agent_client(agent: Membership) -> Client:
    """The agent's client, in English."""
    agent.user.language = "en"
    agent.user.save()
    client = client_for(agent)
    client.cookies[COOKIE] = "en"
    return client
