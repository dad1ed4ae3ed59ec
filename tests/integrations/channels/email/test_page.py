"""The administrator's page of a mailbox: its steps, and the test of the connection."""

from typing import Any

from django.test import Client

from accounts.models import Account, Channel
from config.simulator.mailserver import MailServer
from inbox.models import InboundEvent
from tests.conftest import make_channel
from tests.integrations.channels.email.conftest import channel_on
from tests.integrations.channels.email.reading import HOUSE, mail


def press(client: Client, account: Account, channel: Channel) -> Any:
    return client.post(f"/a/{account.slug}/settings/channels/{channel.pk}/check/", follow=True)


def test_it_works_and_touches_nothing(server: MailServer, channel: Channel, admin_client: Client, scoped: Account) -> None:
    server.deliver(mail().encode(), to=HOUSE)
    answer = press(admin_client, scoped, channel)
    assert [str(message.level_tag) for message in answer.context["messages"]] == ["success"]
    assert not InboundEvent.objects.exists()
    assert server.outgoing == []


def test_each_side_says_what_is_wrong(server: MailServer, account: Account, admin_client: Client) -> None:
    channel = channel_on(server, account, imap_password="otra", smtp_host="no-existe.invalid")
    answer = press(admin_client, account, channel)
    said = [str(message) for message in answer.context["messages"]]
    assert len(said) == 2
    assert HOUSE in said[0]
    assert "no-existe.invalid" in said[1]
    assert "otra" not in " ".join(said).split()


def test_a_kind_without_a_connection(account: Account, admin_client: Client) -> None:
    answer = press(admin_client, account, make_channel(account, "webchat"))
    assert [str(message.level_tag) for message in answer.context["messages"]] == ["info"]


def test_an_agent_may_not(account: Account, channel: Channel, agent_client: Client) -> None:
    assert press(agent_client, account, channel).status_code == 403


def test_the_page_offers_the_test(account: Account, channel: Channel, admin_client: Client) -> None:
    page = admin_client.get(f"/a/{account.slug}/settings/channels/{channel.pk}/").content.decode()
    assert f"/settings/channels/{channel.pk}/check/" in page
    assert "clave de la casa" not in page
