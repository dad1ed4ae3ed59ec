"""The list pane: which rows, in whole pages and in fragments, and how many queries it takes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from inbox.models import Conversation, ConversationStatus
from inbox.views.filtering import ListFilter
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def channel(account: Account) -> Channel:
    return make_channel(account, "whatsapp", "Ventas")


def make_people(channel: Channel, names: list[str], **fields: object) -> list[Conversation]:
    made = []
    with account_scope(channel.account_id):
        for number, name in enumerate(names):
            profile = make_profile(channel, f"569{number:08d}", name=name)
            conversation = make_conversation(profile, **fields)
            say(conversation, f"Hola, soy {name}", minutes=number)
            made.append(conversation)
    return made


def url(account: Account, path: str = "") -> str:
    return f"/a/{account.slug}/inbox/{path}"


def names_in(response: object) -> list[str]:
    return [row.contact.name for row in response.context["page"].rows]  # type: ignore[attr-defined]


def test_the_page_holds_the_pane_that_htmx_gets_alone(account: Account, channel: Channel, agent_client: Client) -> None:
    make_people(channel, ["Ana"])

    page = agent_client.get(url(account, "?view=all"))
    pane = agent_client.get(url(account, "?view=all"), HTTP_HX_TARGET="list-pane", **HTMX)

    assert "<html" in page.content.decode()
    assert "<html" not in pane.content.decode()
    assert 'id="list-pane"' in page.content.decode()
    assert names_in(page) == names_in(pane) == ["Ana"]
    for response in (page, pane):
        assert "HX-Request" in response["Vary"]
        assert response["Cache-Control"] == "private, no-store"


def test_going_back_in_the_history_gets_the_whole_page(account: Account, agent_client: Client) -> None:
    response = agent_client.get(url(account), HTTP_HX_HISTORY_RESTORE_REQUEST="true", **HTMX)

    assert "<html" in response.content.decode()


def test_the_views_and_their_counts(
    account: Account, channel: Channel, agent: Membership, teammate: Membership, agent_client: Client
) -> None:
    make_people(channel, ["Mía"], assignee=agent)
    with account_scope(account):
        other = make_conversation(make_profile(channel, "1", name="Ajena"), assignee=teammate)
        free = make_conversation(make_profile(channel, "2", name="Libre"))
        done = make_conversation(make_profile(channel, "3", name="Hecha"), status=ConversationStatus.RESOLVED)
        for conversation in (other, free, done):
            say(conversation, "Hola")

    assert names_in(agent_client.get(url(account))) == ["Mía"]
    assert names_in(agent_client.get(url(account, "?view=unassigned"))) == ["Libre"]
    assert sorted(names_in(agent_client.get(url(account, "?view=all")))) == ["Ajena", "Libre", "Mía"]
    assert names_in(agent_client.get(url(account, "?view=all&status=resolved"))) == ["Hecha"]
    assert len(names_in(agent_client.get(url(account, "?view=all&status=any")))) == 4
    tabs = agent_client.get(url(account, "counts/"), **HTMX).context["tabs"]
    assert {tab["view"]: tab["count"] for tab in tabs} == {"mine": 1, "unassigned": 1, "all": 3}


def test_a_filter_by_channel_and_words(account: Account, channel: Channel, agent_client: Client) -> None:
    make_people(channel, ["Ana", "Berta"])
    other = make_channel(account, "email", "Correo")
    with account_scope(account):
        say(make_conversation(make_profile(other, "c@ejemplo.cl", name="Carla")), "Hola")

    assert names_in(agent_client.get(url(account, f"?view=all&channel={other.pk}"))) == ["Carla"]
    assert names_in(agent_client.get(url(account, "?view=all&q=berta"))) == ["Berta"]
    assert names_in(agent_client.get(url(account, "?view=all&channel=0"))) == []


@pytest.mark.parametrize("query", ["view=nada", "status=nada", "channel=x", "channel=-1", "channel=99999999999999999999", "view=mine&x=1"])
def test_what_the_address_says_wrongly_counts_as_not_said(account: Account, agent_client: Client, query: str) -> None:
    response = agent_client.get(url(account, f"?{query}"))

    assert response.status_code == 200
    assert response.context["filter"] == ListFilter()


@pytest.mark.parametrize("cursor", ["x", "2026-01-01_1", "2026-01-01T00:00:00+00:00_", "_"])
def test_a_cursor_that_is_not_ours_is_404(account: Account, agent_client: Client, cursor: str) -> None:
    assert agent_client.get(url(account, "rows/"), {"view": "all", "before": cursor}, **HTMX).status_code == 404


def test_the_next_page_goes_on_where_the_last_row_was(account: Account, channel: Channel, agent_client: Client) -> None:
    make_people(channel, [f"Persona {number:02d}" for number in range(60)])

    first = agent_client.get(url(account, "?view=all"))
    second = agent_client.get(url(account, "rows/"), {"view": "all", "before": first.context["page"].before}, **HTMX)

    assert len(names_in(first)) == 50
    assert sorted(names_in(first) + names_in(second)) == [f"Persona {number:02d}" for number in range(60)]
    assert "rows/?view=all&amp;before=" in first.content.decode()
    assert "before=" not in second.content.decode()


def test_one_row_again_or_nothing_when_it_left_the_view(
    account: Account, channel: Channel, agent_client: Client, agent: Membership
) -> None:
    (conversation,) = make_people(channel, ["Ana"], assignee=agent)

    assert names_in(agent_client.get(url(account, f"rows/{conversation.pk}/"), **HTMX)) == ["Ana"]
    with account_scope(account):
        conversation.status = ConversationStatus.RESOLVED
        conversation.save()
    gone = agent_client.get(url(account, f"rows/{conversation.pk}/"), **HTMX)

    assert gone.status_code == 200
    assert gone.content.strip() == b""


def test_a_row_says_what_matters(account: Account, channel: Channel, agent_client: Client, agent: Membership) -> None:
    with account_scope(account):
        profile = make_profile(channel, "56911", name="<b>Eva</b>")
        conversation = make_conversation(profile, asks_who=True, assignee=agent)
        say(conversation, "¿Cuánto cuesta?\n<script>")
        conversation.waiting_since = timezone.now() - timedelta(minutes=40)
        conversation.save()

    row = agent_client.get(url(account, "?view=all"), HTTP_ACCEPT_LANGUAGE="en").content.decode()

    assert "&lt;b&gt;Eva&lt;/b&gt;" in row
    assert "<script>" not in row.split("<main")[1].split("</main>")[0]
    assert 'class="item unread"' in row
    assert "who?" in row
    assert 'class="ring soon"' in row
    assert 'stroke-dasharray="67 100"' in row


def test_finding_everything(account: Account, channel: Channel, agent_client: Client) -> None:
    make_people(channel, ["Ana Soto", "Berta Ruiz"])

    found = agent_client.get(url(account, "find/"), {"q": "ana"}, **HTMX)
    nothing = agent_client.get(url(account, "find/"), {"q": "xyz"}, HTTP_ACCEPT_LANGUAGE="en", **HTMX)

    assert names_in(found) == ["Ana Soto"]
    assert [contact.name for contact in found.context["contacts"]] == ["Ana Soto"]
    assert "Nothing found" in nothing.content.decode()


@pytest.mark.parametrize("path", ["?view=all", "?view=all&q=persona", "rows/?view=all", "find/?q=persona"])
def test_the_list_takes_the_same_number_of_queries_for_2_and_20_rows(
    account: Account,
    channel: Channel,
    agent: Membership,
    agent_client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    path: str,
) -> None:
    make_people(channel, ["Persona 1", "Persona 2"], assignee=agent)
    agent_client.get(url(account, path), **HTMX)
    with django_assert_max_num_queries(40) as two:
        agent_client.get(url(account, path), **HTMX)
    with account_scope(account):
        for number in range(18):
            profile = make_profile(channel, f"1{number}", name=f"Persona {number + 3}")
            say(make_conversation(profile, assignee=agent), "Hola")

    with django_assert_max_num_queries(40) as twenty:
        agent_client.get(url(account, path), **HTMX)

    assert len(twenty.captured_queries) == len(two.captured_queries)


def test_a_channel_that_does_not_work_is_named_above_the_list(
    account: Account, channel: Channel, agent_client: Client, admin_client: Client
) -> None:
    with account_scope(account):
        chat = make_channel(account, "webchat", name="Site")
        off = make_channel(account, "email", name="Old mailbox", is_active=False)
        mailbox = make_channel(account, "email", name="Mailbox")
        for row, why in ((mailbox, "The login was refused."), (chat, "A wrong signature."), (off, "It does not answer.")):
            Channel.scoped().filter(pk=row.pk).update(problem=why)
    settings = f"/a/{account.slug}/settings/channels/{mailbox.pk}/"

    agents, admins = (client.get(url(account, "?view=all")) for client in (agent_client, admin_client))

    assert [row.name for row in agents.context["broken_channels"]] == ["Mailbox"]
    assert "The login was refused." in agents.content.decode()
    assert "A wrong signature." not in agents.content.decode()
    # Only whoever may mend it is led to its page.
    assert settings not in agents.content.decode()
    assert settings in admins.content.decode()
