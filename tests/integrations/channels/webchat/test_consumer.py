"""The visitor's socket: what is said once is kept once, and nobody hears what another one said."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.core.cache import cache
from django.db import connections

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from config.asgi import application
from contacts.models import Contact, Identifier, Profile
from inbox.conversations import mark_read
from inbox.delivery import deliver
from inbox.live_updates import account_group
from inbox.models import Conversation, Direction, Message
from inbox.sending import addresses_for, send_message
from integrations.channels.webchat.identity import signature_of
from integrations.channels.webchat.limits import Limit
from integrations.models import Visitor, VisitorMessage
from tests.committed import db  # noqa: F401
from tests.conftest import make_channel
from tests.sockets import Socket

SECRET = "s3creto-de-treinta-y-dos-caracteres!"
ANA = '{"id": "17", "email": "ana@ejemplo.cl", "name": "Ana Pérez"}'


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def chat(account: Account) -> Channel:
    return make_channel(account, "webchat", "Sitio", secrets={"identity_secret": SECRET})


async def in_thread(function: Callable[[], Any]) -> Any:
    """Run database code beside the socket, on a connection that is closed again."""

    def run() -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False)()


class Widget:
    """A widget without a screen: it keeps its identity and what it heard."""

    def __init__(self, chat: Channel, *, origin: str = "https://tienda.example") -> None:
        self.chat, self.origin = chat, origin
        self.identity: dict[str, str] = {}

    async def connect(self, **hello: Any) -> dict[str, Any]:
        """Open a socket and say hello; the answer, whatever it is."""
        self.socket = Socket(application, f"/ws/chat/{self.chat.key}/", [(b"origin", self.origin.encode()), (b"host", b"hilo.example")])
        await self.socket.open()
        assert self.socket.connected
        await self.socket.say({"type": "hello", **self.identity, **hello})
        frame = await self.socket.hear()
        if frame.get("token"):
            self.identity = {"visitor": frame["visitor"], "token": frame["token"]}
        return frame

    async def say(self, **frame: Any) -> None:
        await self.socket.say(frame)

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next frame of this kind."""
        while (frame := await self.socket.hear())["type"] != kind:
            pass
        return frame

    async def post(self, text: str, message_id: str = "") -> dict[str, Any]:
        message_id = message_id or str(uuid.uuid4())
        await self.say(type="message", id=message_id, text=text)
        return await self.hear("ack")

    async def closing_code(self) -> int:
        while (event := await self.socket.receive_output(10))["type"] != "websocket.close":
            pass
        return event["code"]


def texts(frame: dict[str, Any]) -> list[str]:
    return [line["text"] for line in frame["messages"]]


def stored(chat: Channel) -> list[str]:
    with account_scope(chat.account_id):
        return list(Message.scoped().filter(channel=chat, direction=Direction.IN).order_by("pk").values_list("body", flat=True))


def team_says(chat: Channel, agent: Membership, text: str) -> Message:
    """An agent answers in the only conversation, and the worker delivers it."""
    with account_scope(chat.account_id):
        conversation = Conversation.scoped().get()
        option = addresses_for(conversation)[0]
        sent = send_message(conversation=conversation, channel=chat, identifier=option.identifier, body=text, by=Actor.person(agent))
        deliver(message_id=sent.pk)
        return sent


def status_of(chat: Channel, message: Message) -> str:
    with account_scope(chat.account_id):
        return Message.scoped().get(pk=message.pk).status


async def test_a_new_visitor_writes_and_is_acknowledged(chat: Channel) -> None:
    widget = Widget(chat)
    welcome = await widget.connect()
    assert (welcome["type"], welcome["messages"], welcome["identified"], welcome["known"]) == ("welcome", [], False, False)

    ack = await widget.post("  Hola  ")

    assert ack["sequence"] == 1
    assert await in_thread(lambda: stored(chat)) == ["Hola"]
    await widget.socket.leave()


async def test_the_token_is_kept_hashed(chat: Channel, account: Account) -> None:
    widget = Widget(chat)
    await widget.connect()

    def kept() -> str:
        with account_scope(account):
            return Visitor.scoped().get().token_digest

    assert widget.identity["token"] not in await in_thread(kept)
    await widget.socket.leave()


async def test_the_same_id_again_is_the_same_message(chat: Channel) -> None:
    widget = Widget(chat)
    await widget.connect()
    message_id = str(uuid.uuid4())

    first = await widget.post("Hola", message_id)
    again = await widget.post("Hola", message_id)

    assert first == again
    assert await in_thread(lambda: stored(chat)) == ["Hola"]
    await widget.socket.leave()


async def test_five_times_at_once_over_two_sockets_is_one_message(chat: Channel) -> None:
    one, two = Widget(chat), Widget(chat)
    await one.connect()
    two.identity = one.identity
    await two.connect()
    message_id = str(uuid.uuid4())

    await asyncio.gather(*(widget.say(type="message", id=message_id, text="Hola") for widget in (one, two, one, two, one)))
    acks = [await one.hear("ack"), await two.hear("ack")]

    assert [ack["sequence"] for ack in acks] == [1, 1]
    assert await in_thread(lambda: stored(chat)) == ["Hola"]
    await one.socket.leave()
    await two.socket.leave()


async def test_an_answer_comes_live_and_its_receipts_go_back(chat: Channel, agent: Membership) -> None:
    widget = Widget(chat)
    await widget.connect()
    await widget.post("Hola")
    await widget.hear("lines")

    sent = await in_thread(lambda: team_says(chat, agent, "Buenas tardes"))
    heard = await widget.hear("lines")

    (line,) = heard["messages"]
    assert (line["sequence"], line["from"], line["name"], line["text"]) == (2, "team", "Laura", "Buenas tardes")
    assert await in_thread(lambda: status_of(chat, sent)) == "sent"
    await widget.say(type="received", up_to=2)
    await widget.say(type="ping")
    await widget.hear("pong")
    assert await in_thread(lambda: status_of(chat, sent)) == "delivered"
    await widget.say(type="read", up_to=2)
    await widget.say(type="received", up_to=2)
    await widget.say(type="ping")
    await widget.hear("pong")
    assert await in_thread(lambda: status_of(chat, sent)) == "read"
    await widget.socket.leave()


async def test_who_comes_back_hears_what_was_missed_and_nothing_twice(chat: Channel, agent: Membership) -> None:
    widget = Widget(chat)
    await widget.connect()
    await widget.post("Hola")
    await widget.socket.leave()
    await in_thread(lambda: team_says(chat, agent, "uno"))
    await in_thread(lambda: team_says(chat, agent, "dos"))

    back = await widget.connect(after=1)

    assert (back["resumed"], texts(back)) == (True, ["uno", "dos"])
    await widget.socket.leave()
    fresh = await widget.connect()
    assert (fresh["resumed"], texts(fresh)) == (False, ["Hola", "uno", "dos"])
    await widget.socket.leave()


async def test_history_comes_page_by_page(chat: Channel, account: Account) -> None:
    widget = Widget(chat)
    await widget.connect()
    for number in range(3):
        await widget.post(f"n{number}")

    def grow() -> None:
        with account_scope(account):
            visitor = Visitor.scoped().get()
            strand = Message.scoped().filter(direction=Direction.IN)[0].strand
            same = {"strand": strand, "direction": Direction.IN, "channel": chat, "occurred_at": strand.created_at}
            rows = [Message(body=f"m{n}", provider_id=f"x{n}", **same) for n in range(140)]
            for place, message in enumerate(Message.objects.bulk_create(rows), start=4):
                VisitorMessage.objects.create(visitor=visitor, message=message, sequence=place)
            Visitor.scoped().update(last_sequence=143)

    await in_thread(grow)
    await widget.socket.leave()

    back = await widget.connect(after=2)
    assert (back["resumed"], back["more"], len(back["messages"]), texts(back)[-1]) == (False, True, 30, "m139")
    await widget.say(type="older", before=34)
    older = await widget.hear("older")
    assert (older["more"], texts(older)[0], texts(older)[-1]) == (True, "m0", "m29")
    await widget.say(type="older", before=4)
    first = await widget.hear("older")
    assert (first["more"], texts(first)) == (False, ["n0", "n1", "n2"])
    await widget.socket.leave()


@pytest.mark.parametrize("change", [{"token": "wrong"}, {"token": ""}, {"visitor": str(uuid.UUID(int=7))}, {"visitor": "no-uuid"}])
async def test_a_wrong_token_is_a_new_visitor_without_history(chat: Channel, change: dict[str, str]) -> None:
    widget = Widget(chat)
    await widget.connect()
    await widget.post("Secreto")
    thief = Widget(chat)
    thief.identity = {**widget.identity, **change}

    welcome = await thief.connect()

    assert (welcome["messages"], bool(welcome["token"])) == ([], True)
    assert thief.identity["visitor"] != widget.identity["visitor"]
    await thief.socket.leave()
    await widget.socket.leave()


async def test_a_visitor_of_another_chat_is_nobody_here(chat: Channel, account: Account, other_account: Account) -> None:
    widget = Widget(chat)
    await widget.connect()
    await widget.post("Secreto")
    for elsewhere in (account, other_account):
        stranger = Widget(await in_thread(lambda owner=elsewhere: make_channel(owner, "webchat")))
        stranger.identity = widget.identity
        assert (await stranger.connect())["messages"] == []
        await stranger.socket.leave()
    await widget.socket.leave()


async def test_another_visitors_message_id_tells_nothing(chat: Channel) -> None:
    one, two = Widget(chat), Widget(chat)
    await one.connect()
    await two.connect()
    message_id = str(uuid.uuid4())
    await one.post("Mío", message_id)

    await two.say(type="message", id=message_id, text="Tuyo")

    assert await two.hear("refused") == {"type": "refused", "id": message_id, "code": "id_taken"}
    assert await in_thread(lambda: stored(chat)) == ["Mío"]
    await one.socket.leave()
    await two.socket.leave()


async def test_the_form_makes_the_contact_and_its_errors_name_the_field(chat: Channel, account: Account) -> None:
    widget = Widget(chat)
    await widget.connect(language="es")

    await widget.say(type="form", name="Ana", email="ana@", phone="12")
    refused = await widget.hear("form_refused")
    assert set(refused["errors"]) == {"email", "phone"}
    await widget.say(type="form", name="Ana", email="", phone="")
    assert set((await widget.hear("form_refused"))["errors"]) == {"email"}

    def people() -> list[tuple[str, bool]]:
        with account_scope(account):
            return list(Contact.scoped().values_list("name", "is_anonymous"))

    assert await in_thread(people) == []
    await widget.say(type="form", name="Ana Pérez", email="ana@ejemplo.cl", phone="9 8765 4321")
    await widget.hear("form_saved")

    assert await in_thread(people) == [("Ana Pérez", False)]
    await widget.post("Hola")
    assert await in_thread(people) == [("Ana Pérez", False)]
    await widget.socket.leave()


async def test_another_person_in_the_browser_gets_another_line(chat: Channel, account: Account) -> None:
    widget = Widget(chat)
    await widget.connect()
    await widget.say(type="form", name="Ana", email="ana@ejemplo.cl", phone="")
    await widget.hear("form_saved")
    await widget.post("De Ana")

    await widget.say(type="form", name="Pedro", email="pedro@ejemplo.cl", phone="")
    welcome = await widget.hear("welcome")
    await widget.hear("form_saved")

    assert (welcome["messages"], bool(welcome["token"])) == ([], True)
    await widget.post("De Pedro")
    await widget.socket.leave()
    widget.identity = {"visitor": welcome["visitor"], "token": welcome["token"]}
    assert texts(await widget.connect()) == ["De Pedro"]

    def contacts() -> int:
        with account_scope(account):
            return Contact.scoped().filter(is_empty=False).count()

    assert await in_thread(contacts) == 2
    await widget.socket.leave()


async def test_a_signed_identity_is_verified_and_bound(chat: Channel, account: Account) -> None:
    widget = Widget(chat)
    await widget.connect()
    await widget.post("Antes de entrar")
    await widget.socket.leave()

    welcome = await widget.connect(user=ANA, signature=signature_of(ANA, secret=SECRET))

    assert (welcome["identified"], welcome["known"], texts(welcome)) == (True, True, ["Antes de entrar"])

    def how_sure() -> set[tuple[str, str, str]]:
        with account_scope(account):
            return set(Identifier.scoped().exclude(kind="visitor").values_list("kind", "value", "certainty"))

    assert await in_thread(how_sure) == {("email", "ana@ejemplo.cl", "verified"), ("app_user", "17", "attested")}
    await widget.socket.leave()
    out = Widget(chat)
    out.identity = widget.identity
    signed_out = await out.connect()
    assert (signed_out["messages"], bool(signed_out["token"])) == ([], True)
    await out.socket.leave()
    other = Widget(chat)
    other.identity = widget.identity
    bea = '{"id": "18", "email": "bea@ejemplo.cl", "name": "Bea"}'
    assert (await other.connect(user=bea, signature=signature_of(bea, secret=SECRET)))["messages"] == []
    await other.socket.leave()


async def test_a_wrong_signature_is_ignored_and_shown_to_the_administrator(chat: Channel, account: Account) -> None:
    def problem() -> str:
        with account_scope(account):
            return Channel.scoped().get(pk=chat.pk).problem

    widget = Widget(chat)
    welcome = await widget.connect(user=ANA, signature="0" * 64)
    await widget.post("Hola")

    assert welcome["identified"] is False
    assert "https://tienda.example" in await in_thread(problem)

    def learnt() -> bool:
        with account_scope(account):
            return Identifier.scoped().exclude(kind="visitor").exists()

    assert not await in_thread(learnt)
    await widget.socket.leave()
    await widget.connect(user=ANA, signature=signature_of(ANA, secret=SECRET))
    assert await in_thread(problem) == ""
    await widget.socket.leave()


async def test_a_chat_for_signed_in_people_only(account: Account) -> None:
    chat = await in_thread(
        lambda: make_channel(account, "webchat", settings={"identity_required": True}, secrets={"identity_secret": SECRET})
    )
    widget = Widget(chat)

    assert (await widget.connect())["code"] == "identity_required"
    assert await widget.closing_code() == 4401
    assert (await widget.connect(user=ANA, signature=signature_of(ANA, secret=SECRET)))["type"] == "welcome"
    await widget.socket.leave()


async def test_typing_and_reading_are_told_both_ways(chat: Channel, account: Account, agent: Membership) -> None:
    from inbox.presence import enter

    widget = Widget(chat)
    await widget.connect()
    await widget.post("Hola")
    await widget.hear("lines")
    await widget.say(type="ping")
    await widget.hear("pong")

    def conversation() -> Conversation:
        with account_scope(account):
            return Conversation.scoped().get()

    talk = await in_thread(conversation)
    place = {"account_id": account.pk, "conversation_id": talk.pk, "membership_id": agent.pk, "screen": "s"}
    await in_thread(lambda: enter(**place, state="typing"))
    assert (await widget.hear("typing"))["name"] == "Laura"

    def read() -> None:
        with account_scope(account):
            mark_read(conversation=talk, membership=agent)

    await in_thread(read)
    assert (await widget.hear("team_read"))["at"] is not None

    layer = get_channel_layer()
    screen = await layer.new_channel()
    await layer.group_add(account_group(account.pk), screen)
    await widget.say(type="typing")
    while (told := await asyncio.wait_for(layer.receive(screen), 10))["kind"] != "typing":
        pass
    assert told == {"type": "live.update", "kind": "typing", "conversation": talk.pk, "who": "contact"}
    await layer.group_discard(account_group(account.pk), screen)
    await widget.socket.leave()


NO_FRAMES = (
    "[]",
    "{",
    '"x"',
    '{"type": "nothing"}',
    '{"type": "message"}',
    '{"type": "message", "id": "x", "text": "y"}',
    '{"type": "message", "id": 7}',
    '{"type": "older", "before": -1}',
    '{"type": "hello"}',
    " " * 40_000,
    "[" * 30_000,
    '{"type": "older", "before": ' + "9" * 5_000 + "}",
    '{"type": ["hello"]}',
)


@pytest.mark.parametrize("frame", NO_FRAMES)
async def test_a_frame_of_no_widget_is_refused_and_changes_nothing(chat: Channel, frame: str) -> None:
    widget = Widget(chat)
    await widget.connect()

    await widget.socket.say(frame)

    assert (await widget.hear("refused"))["code"] == "not_understood"
    assert await in_thread(lambda: stored(chat)) == []
    await widget.socket.leave()


async def test_what_cannot_be_kept_is_put_right_and_opens_nothing(chat: Channel, account: Account) -> None:
    """NUL and half surrogate pairs, in every text that a widget sends."""
    widget = Widget(chat)
    welcome = await widget.connect()
    await widget.post("hola\x00 \ud83d")
    await widget.say(type="form", name="Ana\x00 \ud83d Pérez", email="ana@ejemplo.cl\udc00", phone="")
    assert "email" in (await widget.hear("form_refused"))["errors"]
    await widget.say(type="form", name="Ana\x00 \ud83d Pérez", email="ana@ejemplo.cl", phone="")
    await widget.hear("form_saved")
    await widget.socket.leave()

    stranger = Widget(chat)
    stranger.identity = {"visitor": welcome["visitor"], "token": "\ud800"}
    opened = await stranger.connect(user='{"id": "\ud800"}', signature="\udfff", language="\ud800")

    assert (opened["type"], opened["messages"], opened["visitor"] == welcome["visitor"]) == ("welcome", [], False)
    await stranger.socket.leave()
    assert await in_thread(lambda: stored(chat)) == ["hola \ufffd"]


async def test_a_flood_of_pages_is_told_to_wait(chat: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.channels.webchat.limits.PAGES_OF_VISITOR", Limit("pages", 2, 3600))
    widget = Widget(chat)
    await widget.connect()

    for _ in range(3):
        await widget.say(type="older", before=1)
    for _ in range(2):
        await widget.hear("older")

    refused = await widget.hear("refused")
    assert (refused["code"], refused["wait"] > 0) == ("too_many", True)
    await widget.say(type="ping")
    await widget.hear("pong")
    await widget.socket.leave()


@pytest.mark.parametrize(("text", "code"), [("", "empty"), ("   ", "empty"), ("x" * 4001, "too_long")])
async def test_a_message_that_is_none_is_refused_for_good(chat: Channel, text: str, code: str) -> None:
    widget = Widget(chat)
    await widget.connect()

    await widget.say(type="message", id=str(uuid.uuid4()), text=text)

    assert (await widget.hear("refused"))["code"] == code
    assert await in_thread(lambda: stored(chat)) == []
    await widget.socket.leave()


async def test_who_writes_too_fast_is_told_to_wait_and_loses_nothing(chat: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.channels.webchat import limits

    monkeypatch.setattr(limits, "MESSAGES_OF_VISITOR", limits.Limit("messages", 2, 3600))
    widget = Widget(chat)
    await widget.connect()
    for number in range(2):
        await widget.post(str(number))
    message_id = str(uuid.uuid4())

    await widget.say(type="message", id=message_id, text="2")
    refused = await widget.hear("refused")

    assert (refused["id"], refused["code"]) == (message_id, "too_many")
    assert 0 < refused["wait"] <= 3600
    monkeypatch.setattr(limits, "MESSAGES_OF_VISITOR", limits.Limit("messages", 10, 3600))
    await widget.post("2", message_id)
    assert await in_thread(lambda: stored(chat)) == ["0", "1", "2"]
    await widget.socket.leave()


async def test_a_chat_that_is_not_there_or_not_for_this_page_closes_with_its_reason(chat: Channel, account: Account) -> None:
    narrow = await in_thread(lambda: make_channel(account, "webchat", settings={"allowed_origins": ["https://tienda.example"]}))
    off = await in_thread(lambda: make_channel(account, "webchat", is_active=False))
    mail = await in_thread(lambda: make_channel(account, "email"))
    for channel, origin, code in ((narrow, "https://otra.example", 4403), (off, "", 4404), (mail, "", 4404)):
        widget = Widget(channel, origin=origin)
        socket = Socket(application, f"/ws/chat/{channel.key}/", [(b"origin", origin.encode())])
        widget.socket = await socket.open()
        assert await widget.closing_code() == code

    def visitors() -> int:
        with account_scope(account):
            return Visitor.scoped().count() + Profile.scoped().count()

    assert await in_thread(visitors) == 0
