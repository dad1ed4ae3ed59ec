"""What host pages load, and what visitors upload: to whom it is given, and with which headers."""

import json
import re
import uuid
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Account, Channel
from accounts.scope import account_scope
from inbox.models import Attachment, Message
from integrations.channels.webchat import limits, lines
from integrations.channels.webchat.views import modules, version
from integrations.channels.webchat.visitors import Opened, make_visitor
from integrations.models import Visitor, VisitorMessage
from tests.conftest import make_channel

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
ORIGIN = "https://tienda.example"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def chat(account: Account) -> Channel:
    return make_channel(
        account, "webchat", "Sitio", settings={"title": "</script>", "colour": "#ffdd00"}, secrets={"identity_secret": "x" * 32}
    )


@pytest.fixture
def visitor(chat: Channel) -> Opened:
    with account_scope(chat.account_id):
        return make_visitor(channel=chat)


def upload(chat: Channel, who: Opened, client: Client, **changes: Any) -> Any:
    fields = {
        "id": str(uuid.uuid4()),
        "visitor": str(who.visitor.visitor_id),
        "token": who.token,
        "file": SimpleUploadedFile("../../foto.png", PICTURE, "image/svg+xml"),
        **changes,
    }
    return client.post(f"/widget/{chat.key}/files/", {k: v for k, v in fields.items() if v is not None}, headers={"origin": ORIGIN})


def nothing_stored(chat: Channel) -> bool:
    with account_scope(chat.account_id):
        return not (Message.scoped().exists() or Attachment.scoped().exists() or VisitorMessage.scoped().exists())


def test_the_script_carries_the_configuration_and_no_secret(client: Client, chat: Channel) -> None:
    response = client.get(f"/widget/{chat.key}.js")
    body = response.content.decode()
    found = re.search(r"const config = (\{.*\});", body)

    assert found
    config = json.loads(found[1])
    assert (config["key"], config["colour"], config["ink"], config["language"]) == (chat.key, "#ffdd00", "#000000", "es")
    assert {language: config["texts"][language]["open"] for language in config["texts"]} == {"es": "Abrir el chat", "en": "Open the chat"}
    assert "x" * 32 not in body
    assert "identity" not in body
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert not response.cookies


def test_both_languages_have_every_text_and_the_same_places_for_values(client: Client, chat: Channel) -> None:
    config = json.loads(re.search(r"const config = (\{.*\});", client.get(f"/widget/{chat.key}.js").content.decode())[1])  # type: ignore[index]
    spanish, english = config["texts"]["es"], config["texts"]["en"]
    used = set(re.findall(r"(?:texts|\bt)\(\s*\"(\w+)\"", b"".join(modules().values()).decode()))

    assert used <= set(spanish)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", spanish[key])), key


def test_an_unknown_a_closed_and_another_kind_of_channel_have_no_script(client: Client, account: Account) -> None:
    for key in ("nada", make_channel(account, "webchat", is_active=False).key, make_channel(account, "email").key):
        assert client.get(f"/widget/{key}.js").status_code == 404


def test_modules_are_for_every_page_and_for_good(client: Client) -> None:
    response = client.get(f"/widget/code/{version()}/main.js")

    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/widget/code/older/main.js")["Cache-Control"] == "no-store"
    assert client.get(f"/widget/code/{version()}/secret.js").status_code == 404


def test_modules_need_nothing_that_a_strict_page_forbids() -> None:
    code = b"".join(modules().values()).decode()
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "document.cookie")
    for word in (*forbidden, 'setAttribute("style"'):
        assert word not in code


def test_a_picture_becomes_a_message_once(client: Client, chat: Channel, visitor: Opened) -> None:
    message_id = str(uuid.uuid4())

    first, again = (upload(chat, visitor, client, id=message_id) for _ in range(2))

    assert (first.status_code, first.json()) == (200, again.json())
    assert first.json()["sequence"] == 1
    assert first["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in first
    with account_scope(chat.account_id):
        message, attachment = Message.scoped().get(), Attachment.scoped().get()
    assert (message.kind, message.provider_id) == ("image", message_id)
    assert (attachment.content_type, attachment.size, attachment.state) == ("image/png", len(PICTURE), "stored")
    assert ".." not in attachment.file.name


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"token": "wrong"}, 403),
        ({"token": None}, 403),
        ({"visitor": str(uuid.UUID(int=1))}, 403),
        ({"id": "no-uuid"}, 400),
        ({"file": None}, 400),
        ({"file": SimpleUploadedFile("foto.png", b"<svg onload=alert(1)>", "image/png")}, 400),
        ({"file": SimpleUploadedFile("foto.png", PICTURE + b"\0" * 10_000_001, "image/png")}, 413),
    ],
)
def test_what_is_no_picture_of_this_visitor_is_refused(
    client: Client, chat: Channel, visitor: Opened, changes: dict[str, Any], status: int
) -> None:
    assert upload(chat, visitor, client, **changes).status_code == status
    assert nothing_stored(chat)


def test_pictures_can_be_switched_off_and_sites_shut_out(client: Client, account: Account) -> None:
    for settings, status in (({"attachments": False}, 400), ({"allowed_origins": ["https://otra.example"]}, 403)):
        chat = make_channel(account, "webchat", settings=settings)
        with account_scope(account):
            visitor = make_visitor(channel=chat)
        assert upload(chat, visitor, client).status_code == status
        assert nothing_stored(chat)


def test_too_many_pictures_have_to_wait(client: Client, chat: Channel, visitor: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FILES_OF_VISITOR", limits.Limit("files", 1, 3600))
    assert upload(chat, visitor, client).status_code == 200

    refused = upload(chat, visitor, client)

    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3601


def link(chat: Channel) -> str:
    with account_scope(chat.account_id):
        visitor = Visitor.scoped().select_related("channel").get()
        return lines.latest(visitor=visitor).messages[0]["files"][0]["path"]


def test_the_link_to_a_file_opens_that_file_only(client: Client, chat: Channel, visitor: Opened, account: Account) -> None:
    upload(chat, visitor, client)
    path = link(chat)

    response = client.get(path)
    assert b"".join(response.streaming_content) == PICTURE  # type: ignore[attr-defined]
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert "sandbox" in response["Content-Security-Policy"]
    assert client.get(path[:-2] + "xx").status_code == 404
    other = make_channel(account, "webchat")
    assert client.get(path.replace(chat.key, other.key)).status_code == 404
    with account_scope(account):
        stranger = make_visitor(channel=chat).visitor
        signed = signing.dumps([stranger.pk, Attachment.scoped().get().pk], salt=lines.FILE_SALT, compress=True)
    assert client.get(f"/widget/{chat.key}/files/{signed}").status_code == 404


def test_a_link_holds_for_a_day(client: Client, chat: Channel, visitor: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(chat, visitor, client)
    path = link(chat)

    monkeypatch.setattr(lines, "FILE_SECONDS", -1)

    assert client.get(path).status_code == 404
