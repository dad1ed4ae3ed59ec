"""The agents' socket: who may open it, what it tells, and that it stops telling whoever leaves."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings

from accounts.models import Account, Membership
from accounts.roles import Role
from accounts.scope import account_scope
from config.asgi import sockets
from inbox.live_updates import account_group, tell_account, tell_group
from inbox.presence import present
from tests.committed import db  # noqa: F401
from tests.conftest import client_for, make_account, make_channel, make_member
from tests.inbox.people import make_conversation, make_profile
from tests.sockets import Socket

pytestmark = pytest.mark.usefixtures("db")


class House:
    """An account with two agents and a conversation, all committed."""

    def __init__(self) -> None:
        self.account: Account = make_account("andes")
        self.laura: Membership = make_member(self.account, Role.AGENT, "laura")
        self.diego: Membership = make_member(self.account, Role.AGENT, "diego")
        with account_scope(self.account):
            channel = make_channel(self.account, "whatsapp")
            self.conversation = make_conversation(make_profile(channel, "569"))

    def cookie(self, membership: Membership) -> str:
        morsel = client_for(membership).cookies[django_settings.SESSION_COOKIE_NAME]
        return f"{morsel.key}={morsel.value}"

    async def open(self, membership: Membership | None, *, slug: str = "", origin: str = "http://testserver") -> Socket:
        headers = [(b"host", b"testserver")]
        if origin:
            headers.append((b"origin", origin.encode()))
        if membership is not None:
            headers.append((b"cookie", (await sync_to_async(self.cookie)(membership)).encode()))
        return await Socket(sockets, f"/ws/a/{slug or self.account.slug}/", headers).open()


@pytest.fixture
async def house() -> House:
    return await sync_to_async(House)()


async def test_a_member_hears_ids_of_what_changed(house: House) -> None:
    socket = await house.open(house.laura)
    assert socket.connected

    await sync_to_async(tell_account)(house.account.pk, "message", conversation=7, message=9)

    assert await socket.hear() == {"kind": "message", "conversation": 7, "message": 9}
    await socket.leave()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://testserver:81", "http://testserver.evil.example"])
async def test_other_pages_may_not_open_it(house: House, origin: str) -> None:
    assert not (await house.open(house.laura, origin=origin)).connected


async def test_anonymous_outsiders_former_members_and_unknown_accounts_are_refused_alike(house: House) -> None:
    def others() -> tuple[Membership, Membership]:
        former = make_member(house.account, Role.AGENT, "eva")
        with account_scope(house.account):
            Membership.objects.filter(pk=former.pk).update(is_active=False)
        return make_member(make_account("ajena"), Role.ADMIN, "omar"), former

    outsider, former = await sync_to_async(others)()

    refused = [
        await house.open(None),
        await house.open(outsider),
        await house.open(former),
        await house.open(house.laura, slug="no-such-account"),
    ]
    assert {(socket.connected, socket.code) for socket in refused} == {(False, 4403)}


async def test_whoever_leaves_the_account_hears_nothing_more(house: House) -> None:
    socket = await house.open(house.laura)

    def leaves() -> None:
        with account_scope(house.account):
            Membership.objects.filter(pk=house.laura.pk).update(is_active=False)

    await sync_to_async(leaves)()
    await sync_to_async(tell_account)(house.account.pk, "message", conversation=7, message=9)

    assert await socket.receive_output(5) == {"type": "websocket.close", "code": 4403}


async def test_another_accounts_news_are_not_told(house: House) -> None:
    other = await sync_to_async(House)()
    socket = await house.open(house.laura)

    await sync_to_async(tell_account)(other.account.pk, "message", conversation=1, message=1)
    await sync_to_async(tell_account)(house.account.pk, "conversation", conversation=2)

    assert await socket.hear() == {"kind": "conversation", "conversation": 2}
    await socket.leave()


async def test_teammates_see_who_looks_and_types(house: House) -> None:
    laura, diego = await house.open(house.laura), await house.open(house.diego)
    here = {"conversation": house.conversation.pk}

    await laura.say({"kind": "viewing", **here})
    assert await laura.hear() == {"kind": "present", **here, "members": {str(house.laura.pk): "viewing"}}
    told = {"kind": "presence", **here, "membership": house.laura.pk}
    assert await diego.hear() == {**told, "state": "viewing"}

    await laura.say({"kind": "typing", **here})
    assert await diego.hear() == {**told, "state": "typing"}
    assert present(account_id=house.account.pk, conversation_id=house.conversation.pk) == {house.laura.pk: "typing"}

    await laura.leave()
    assert await diego.hear() == {**told, "state": "left"}
    assert present(account_id=house.account.pk, conversation_id=house.conversation.pk) == {}
    await diego.leave()


async def test_nonsense_and_other_accounts_conversations_are_passed_over(house: House) -> None:
    other = await sync_to_async(House)()
    socket = await house.open(house.laura)

    for frame in (
        "",
        "{",
        "[]",
        '"x"',
        '{"kind": "viewing"}',
        '{"kind": "viewing", "conversation": "1"}',
        "x" * 5000,
        "[" * 1999,
        '{"kind": []}',
        '{"kind": {}}',
    ):
        await socket.say(frame)
    await socket.send_input({"type": "websocket.receive", "bytes": b"\x00"})
    await socket.say({"kind": "viewing", "conversation": other.conversation.pk})
    await socket.say({"kind": "viewing", "conversation": house.conversation.pk})

    assert (await socket.hear())["conversation"] == house.conversation.pk
    assert present(account_id=house.account.pk, conversation_id=other.conversation.pk) == {}
    await socket.leave()


async def test_a_socket_nobody_answers_is_closed() -> None:
    socket = await Socket(sockets, "/ws/nothing/").open()

    assert (socket.connected, socket.code) == (False, 4404)


def test_a_dead_broker_costs_a_log_line_and_nothing_else(settings: Any, monkeypatch: Any) -> None:
    from inbox import live_updates

    live_updates.broker_pool.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    try:
        tell_group(account_group(1), {"type": "live.update", "kind": "message"})
        assert present(account_id=1, conversation_id=1) == {}
    finally:
        live_updates.broker_pool.cache_clear()
