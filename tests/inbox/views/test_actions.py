"""What agents do from the header and the notices: one write, a toast with the way back, and nothing where it is refused."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, AuditEntry, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import MergeEvent, ValueMark
from inbox.adapters import InboundMessage
from inbox.models import Conversation, Direction, Message, ReadMark
from inbox.receiving import receive
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say
from tests.inbox.story import TEMPLATES
from tests.inbox.views.addresses import inbox_url

HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_ACCEPT_LANGUAGE": "en"}


@pytest.fixture
def channel(account: Account) -> Channel:
    return make_channel(account, "webchat", "Sitio")


@pytest.fixture
def conversation(account: Account, channel: Channel) -> Conversation:
    with account_scope(account):
        conversation = make_conversation(make_profile(channel, "5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee01", name="María"))
        say(conversation, "Hola")
        return conversation


def url(conversation: Conversation, path: str) -> str:
    return inbox_url(conversation, f"{conversation.pk}/{path}")


def fresh(conversation: Conversation) -> Conversation:
    with account_scope(conversation.account_id):
        return Conversation.scoped().get(pk=conversation.pk)


def audits(conversation: Conversation) -> list[str]:
    with account_scope(conversation.account_id):
        return list(AuditEntry.scoped().order_by("id").values_list("action", flat=True))


def address_of(conversation: Conversation) -> str:
    with account_scope(conversation.account_id):
        identifier = conversation.profile.identifiers.get()
        return f"{conversation.channel_id}:{identifier.pk}"


def test_assigning_to_oneself_to_another_and_to_nobody(
    conversation: Conversation, agent: Membership, teammate: Membership, agent_client: Client
) -> None:
    first = agent_client.post(url(conversation, "assign/"), {"to": "me"}, **HTMX)
    assert fresh(conversation).assignee_id == agent.pk
    second = agent_client.post(url(conversation, "assign/"), {"to": str(teammate.pk)}, **HTMX)
    assert fresh(conversation).assignee_id == teammate.pk
    assert "María goes to Diego" in second.content.decode()
    # The toast brings back who had it before.
    assert f'name="to" value="{agent.pk}"' in second.content.decode()
    assert 'name="to" value=""' in first.content.decode()
    agent_client.post(url(conversation, "assign/"), {"to": ""}, **HTMX)

    assert fresh(conversation).assignee_id is None
    assert audits(conversation) == ["conversation.assign", "conversation.assign", "conversation.unassign"]


def test_assigning_to_somebody_of_another_account_finds_nobody(
    conversation: Conversation, outsider: Membership, agent_client: Client
) -> None:
    response = agent_client.post(url(conversation, "assign/"), {"to": str(outsider.pk)}, **HTMX)

    assert response.status_code == 404
    assert fresh(conversation).assignee_id is None
    assert audits(conversation) == []


@pytest.mark.parametrize("to", ["x", "²", "-1", "9" * 30])
def test_assigning_to_nonsense_finds_nobody(conversation: Conversation, agent_client: Client, to: str) -> None:
    assert agent_client.post(url(conversation, "assign/"), {"to": to}, **HTMX).status_code == 404
    assert audits(conversation) == []


def test_assigning_to_somebody_who_left_says_so(conversation: Conversation, teammate: Membership, agent_client: Client) -> None:
    with account_scope(conversation.account_id):
        teammate.is_active = False
        teammate.save()

    response = agent_client.post(url(conversation, "assign/"), {"to": str(teammate.pk)}, **HTMX)

    assert "no longer works in this account" in response.content.decode()
    assert fresh(conversation).assignee_id is None


def test_resolving_and_the_way_back(conversation: Conversation, agent_client: Client) -> None:
    resolved = agent_client.post(url(conversation, "resolve/"), **HTMX)
    assert fresh(conversation).status == "resolved"
    assert resolved["HX-Trigger"] == "hilo:resolved"
    undo = re.search(r'hx-post="([^"]+)"[^>]*data-undo', resolved.content.decode())
    assert undo is not None

    agent_client.post(undo.group(1), **HTMX)

    assert fresh(conversation).status == "open"


def test_the_undo_of_another_conversation_leaves_the_screen_alone(conversation: Conversation, agent_client: Client) -> None:
    elsewhere = f"http://testserver{url(conversation, '').replace(f'/{conversation.pk}/', '/1/')}?view=all"
    here = f"http://testserver{url(conversation, '')}?view=all"

    other = agent_client.post(url(conversation, "resolve/"), HTTP_HX_CURRENT_URL=elsewhere, **HTMX).content.decode()
    same = agent_client.post(url(conversation, "reopen/"), HTTP_HX_CURRENT_URL=here, **HTMX).content.decode()

    assert ('id="thread-head"' in other, "data-toast" in other) == (False, True)
    assert ('id="thread-head"' in same, "data-toast" in same) == (True, True)


def test_reading_and_unreading_are_ones_own(conversation: Conversation, agent: Membership, agent_client: Client) -> None:
    assert agent_client.post(url(conversation, "read/")).status_code == 204
    with account_scope(conversation.account_id):
        mark = ReadMark.scoped().get()
    assert (mark.membership_id, mark.read_at) == (agent.pk, fresh(conversation).last_inbound_at)

    agent_client.post(url(conversation, "unread/"))

    with account_scope(conversation.account_id):
        assert ReadMark.scoped().get().read_at < mark.read_at


def test_sending_a_message(conversation: Conversation, agent: Membership, agent_client: Client) -> None:
    form = {"to": address_of(conversation), "body": " Hola, María ", "client_key": "k1"}

    first = agent_client.post(url(conversation, "write/"), form, **HTMX)
    again = agent_client.post(url(conversation, "write/"), form, **HTMX)

    with account_scope(conversation.account_id):
        message = Message.scoped().get(direction=Direction.OUT)
    assert (message.body, message.author_id, message.status) == ("Hola, María", agent.pk, "queued")
    for response in (first, again):
        assert f'id="m{message.pk}"' in response.content.decode()


def test_a_note_sent_twice_is_one_note(conversation: Conversation, agent_client: Client) -> None:
    form = {"mode": "note", "body": "Llamar a bodega", "client_key": "k1"}

    first = agent_client.post(url(conversation, "write/"), form, **HTMX)
    again = agent_client.post(url(conversation, "write/"), form, **HTMX)

    with account_scope(conversation.account_id):
        note = Message.scoped().get(direction=Direction.NOTE)
    for response in (first, again):
        assert f'id="m{note.pk}"' in response.content.decode()


def test_sending_and_resolving(conversation: Conversation, agent_client: Client) -> None:
    form = {"to": address_of(conversation), "body": "Listo", "resolve": "1"}

    response = agent_client.post(url(conversation, "write/"), form, **HTMX)

    assert fresh(conversation).status == "resolved"
    assert response["HX-Trigger"] == "hilo:resolved"
    assert "Sent, and María resolved" in response.content.decode()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"body": ""}, "Write something first."),
        ({"to": "", "body": "Hola"}, "Choose where to write to."),
        ({"to": "x:y", "body": "Hola"}, "Choose where to write to."),
        ({"to": "1:²", "body": "Hola"}, "Choose where to write to."),
        ({"to": "99999:1", "body": "Hola"}, "does not belong"),
        ({"body": "Hola", "template": "nada|es"}, "A template needs"),
        ({"mode": "note", "body": "  "}, "Write something first."),
    ],
)
def test_what_is_refused_says_why_and_stores_nothing(
    conversation: Conversation, agent_client: Client, form: dict[str, str], text: str
) -> None:
    form = {"to": address_of(conversation), **form}

    response = agent_client.post(url(conversation, "write/"), form, **HTMX)

    assert response.status_code == 422
    assert text in response.content.decode()
    with account_scope(conversation.account_id):
        assert not Message.scoped().exclude(direction=Direction.IN).exists()


def test_nobody_writes_to_another_persons_address(conversation: Conversation, channel: Channel, agent_client: Client) -> None:
    with account_scope(conversation.account_id):
        stranger = make_profile(channel, "5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee09", name="Otra").identifiers.get()

    response = agent_client.post(url(conversation, "write/"), {"to": f"{channel.pk}:{stranger.pk}", "body": "Hola"}, **HTMX)

    assert response.status_code == 422
    assert "Choose another address" in response.content.decode()


@pytest.fixture
def late(account: Account) -> Conversation:
    """A WhatsApp conversation whose window is closed, on a channel with templates."""
    whatsapp = make_channel(account, "whatsapp", "Ventas", settings={"phone_number_id": "1", "templates": TEMPLATES})
    with account_scope(account):
        conversation = make_conversation(make_profile(whatsapp, "56981234567", name="María"))
        say(conversation, "Hola")
        return conversation


def test_a_template_is_sent_with_its_values(late: Conversation, agent_client: Client) -> None:
    form: dict[str, Any] = {"to": address_of(late), "template": "pedido_en_camino|es", "values": ["María", " 48211 "]}

    response = agent_client.post(url(late, "write/"), form, **HTMX)

    assert response.status_code == 200
    with account_scope(late.account_id):
        message = Message.scoped().get(direction=Direction.OUT)
    assert message.body == "Hola María, el pedido 48211 va en camino."
    assert message.payload["template"] == {"name": "pedido_en_camino", "language": "es", "parameters": ["María", "48211"]}


@pytest.mark.parametrize("values", [[], ["María"], ["María", " "]])
def test_a_template_with_a_gap_is_refused(late: Conversation, agent_client: Client, values: list[str]) -> None:
    form: dict[str, Any] = {"to": address_of(late), "template": "pedido_en_camino|es", "values": values}

    response = agent_client.post(url(late, "write/"), form, **HTMX)

    assert response.status_code == 422
    with account_scope(late.account_id):
        assert not Message.scoped().filter(direction=Direction.OUT).exists()


def test_free_text_in_a_closed_window_offers_the_template(late: Conversation, agent_client: Client) -> None:
    response = agent_client.post(url(late, "write/"), {"to": address_of(late), "body": "Hola"}, **HTMX)

    assert response.status_code == 422
    assert 'data-alternative="template"' in response.content.decode()


def test_the_composer_says_what_is_allowed_where(late: Conversation, agent_client: Client) -> None:
    html = agent_client.get(url(late, "composer/"), **HTMX).content.decode()

    assert 'data-state="convert"' in html
    assert "only a template" in html
    assert "pedido_en_camino" in html


def test_a_failed_message_is_sent_again_and_a_delivered_one_is_not(conversation: Conversation, agent_client: Client) -> None:
    agent_client.post(url(conversation, "write/"), {"to": address_of(conversation), "body": "Hola"}, **HTMX)
    with account_scope(conversation.account_id):
        message = Message.scoped().get(direction=Direction.OUT)
        Message.scoped().filter(pk=message.pk).update(status="failed", problem={"text": "No llegó"})
    again = inbox_url(message, f"messages/{message.pk}/resend/")

    sent = agent_client.post(again, **HTMX)
    refused = agent_client.post(again, **HTMX)

    with account_scope(conversation.account_id):
        assert Message.scoped().get(pk=message.pk).status == "queued"
    assert 'aria-label="Queued"' in sent.content.decode()
    assert "Only a message that failed" in refused.content.decode()


@pytest.fixture
def shared(account: Account) -> Conversation:
    """Two people on one phone, joined by the unified rule: Carmen on WhatsApp, Pedro by email."""
    whatsapp = make_channel(account, "whatsapp", "Ventas")
    mail = make_channel(account, "email", "Correo", settings={"address": "hola@andes.ejemplo"})
    phone = (ClaimedIdentifier("phone", "+56981234567"),)
    with account_scope(account):
        receive(channel=whatsapp, inbound=_inbound("a", Address("whatsapp", "56981234567"), Claim(phone, {"name": "Carmen Soto"})))
        message = receive(channel=mail, inbound=_inbound("b", Address("email", "p@ejemplo.cl"), Claim(phone, {"name": "Pedro Rivas"})))
        assert message is not None
        return Conversation.scoped().get(strands=message.strand_id)


def _inbound(provider_id: str, sender: Address, claim: Claim) -> InboundMessage:
    return InboundMessage(provider_id=provider_id, sender=sender, occurred_at=timezone.now(), claim=claim, body="Hola")


def _separation(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(profile|identifier)" value="(\d+)"', html))


def test_two_people_on_one_phone_are_parted_and_joined_again(shared: Conversation, agent_client: Client) -> None:
    page = agent_client.get(url(shared, "header/"), **HTMX).content.decode()
    assert "Pedro Rivas" in page

    parted = agent_client.post(url(shared, "separate/"), _separation(page), **HTMX)

    assert parted["HX-Trigger"] == "hilo:moved"
    with account_scope(shared.account_id):
        assert Conversation.scoped().count() == 2
        assert ValueMark.scoped().get().mark == "shared"
        event = MergeEvent.scoped().get(kind="unmerge")
    assert f'name="event" value="{event.pk}"' in parted.content.decode()

    joined = agent_client.post(url(shared, "rejoin/"), {"event": event.pk}, **HTMX)

    assert "One person again" in joined.content.decode()
    with account_scope(shared.account_id):
        assert MergeEvent.scoped().filter(undoes=event).exists()
    assert "undone already" in agent_client.post(url(shared, "rejoin/"), {"event": event.pk}, **HTMX).content.decode()


def test_a_separation_that_names_nobody_changes_nothing(shared: Conversation, agent_client: Client) -> None:
    assert "Choose a person" in agent_client.post(url(shared, "separate/"), **HTMX).content.decode()
    assert agent_client.post(url(shared, "separate/"), {"profile": "9" * 12, "identifier": "1"}, **HTMX).status_code == 404
    with account_scope(shared.account_id):
        profile = shared.profile_id
    assert agent_client.post(url(shared, "separate/"), {"profile": profile, "identifier": "x"}, **HTMX).status_code == 404
    assert agent_client.post(url(shared, "rejoin/"), {"event": "999999"}, **HTMX).status_code == 404

    with account_scope(shared.account_id):
        assert not ValueMark.scoped().exists()
        assert Conversation.scoped().count() == 1


def test_the_question_who_is_writing_is_answered(conversation: Conversation, channel: Channel, agent_client: Client) -> None:
    with account_scope(conversation.account_id):
        Conversation.scoped().filter(pk=conversation.pk).update(asks_who=True)
        other = make_profile(channel, "otro", name="Pedro Rivas")
        key = conversation.profile.identifiers.get().key
        other.identifiers.update(key=key)

    asked = agent_client.get(url(conversation, "header/"), **HTMX).content.decode()
    assert "Who is writing?" in asked
    assert f'name="profile" value="{other.pk}"' in asked
    answered = agent_client.post(url(conversation, "who/"), {"profile": other.pk}, **HTMX)

    assert "This is Pedro Rivas" in answered.content.decode()
    assert (fresh(conversation).asks_who, fresh(conversation).profile_id) == (False, other.pk)


def test_the_question_who_is_writing_takes_somebody_new(conversation: Conversation, agent_client: Client) -> None:
    with account_scope(conversation.account_id):
        Conversation.scoped().filter(pk=conversation.pk).update(asks_who=True)
        # María is known from an earlier conversation too.
        make_conversation(conversation.profile)
    assert 'value="new"' in agent_client.get(url(conversation, "header/"), **HTMX).content.decode()

    answered = agent_client.post(url(conversation, "who/"), {"profile": "new"}, **HTMX)

    assert "This is somebody new" in answered.content.decode()
    after = fresh(conversation)
    assert after.asks_who is False
    assert after.profile_id != conversation.profile_id
