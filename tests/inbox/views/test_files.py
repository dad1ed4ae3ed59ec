"""Bytes from outside: served so that they can do nothing, in whole and in parts."""

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from accounts.models import Account
from accounts.scope import account_scope
from inbox.models import Attachment, Message
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say
from tests.inbox.views.addresses import inbox_url


@pytest.fixture
def message(account: Account) -> Message:
    mail = make_channel(account, "email", "Correo")
    with account_scope(account):
        return say(make_conversation(make_profile(mail, "a@ejemplo.cl", name="Ana")), "Hola <b>")


def attach(message: Message, content: bytes = b"0123456789", **fields: str) -> Attachment:
    with account_scope(message.account_id):
        attachment = Attachment(
            message=message, **{"name": "a.bin", "content_type": "application/octet-stream", "state": "stored", **fields}
        )
        attachment.file.save("a.bin", ContentFile(content), save=False)
        attachment.save()
        return attachment


def file_url(attachment: Attachment) -> str:
    return inbox_url(attachment, f"attachments/{attachment.pk}/")


def email_url(message: Message) -> str:
    return inbox_url(message, f"messages/{message.pk}/html/")


@pytest.mark.parametrize(
    ("kind", "served", "disposition"),
    [
        ("image/png", "image/png", "inline"),
        ("audio/ogg; codecs=opus", "audio/ogg", "inline"),
        ("text/html", "application/octet-stream", "attachment"),
        ("image/svg+xml", "application/octet-stream", "attachment"),
        ("application/pdf", "application/octet-stream", "attachment"),
        ("", "application/octet-stream", "attachment"),
    ],
)
def test_only_pictures_sound_and_film_are_shown(message: Message, agent_client: Client, kind: str, served: str, disposition: str) -> None:
    response = agent_client.get(file_url(attach(message, content_type=kind, name='bole"ta\r\n.pdf')))

    assert response["Content-Type"] == served
    assert response["Content-Disposition"].startswith(disposition)
    assert "\n" not in response["Content-Disposition"]
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response.content == b"0123456789"


@pytest.mark.parametrize(
    ("wanted", "status", "content", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
    ],
)
def test_a_player_may_ask_for_a_part(
    message: Message, agent_client: Client, wanted: str, status: int, content: bytes, told: str | None
) -> None:
    response = agent_client.get(file_url(attach(message, content_type="video/mp4")), HTTP_RANGE=wanted)

    assert (response.status_code, response.content, response.headers.get("Content-Range")) == (status, content, told)


def test_what_is_not_there_yet_or_no_more_is_404(message: Message, agent_client: Client) -> None:
    waiting = attach(message, state="waiting")
    lost = attach(message)
    with account_scope(message.account_id):
        lost.file.storage.delete(lost.file.name)

    assert agent_client.get(file_url(waiting)).status_code == 404
    assert agent_client.get(file_url(lost)).status_code == 404


def test_the_frame_of_a_mail_has_a_policy_of_its_own(message: Message, agent_client: Client) -> None:
    picture = attach(message, content_type="image/png", content_id="<logo@x>")
    with account_scope(message.account_id):
        message.html = '<p>Hola</p><img alt="" src="cid:logo@x"><img src="cid:nada"><img alt="" data-src="https://fuera.ejemplo/p.gif">'
        message.save()

    calm = agent_client.get(email_url(message))
    open_ = agent_client.get(f"{email_url(message)}?images=1")

    policy = calm["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "img-src 'self' data:;" in policy
    assert "sandbox allow-same-origin allow-popups" in policy
    assert "allow-scripts" not in policy
    assert calm["X-Frame-Options"] == "SAMEORIGIN"
    assert calm["Referrer-Policy"] == "no-referrer"
    assert f'src="{file_url(picture)}"' in calm.content.decode()
    assert 'src="https://fuera.ejemplo' not in calm.content.decode().replace("data-src", "")
    assert "img-src 'self' data: https: http:;" in open_["Content-Security-Policy"]
    assert ' src="https://fuera.ejemplo/p.gif"' in open_.content.decode()


def test_a_message_without_html_shows_its_text(message: Message, agent_client: Client) -> None:
    assert "Hola &lt;b&gt;" in agent_client.get(email_url(message)).content.decode()


def test_no_other_page_may_be_framed(message: Message, agent_client: Client) -> None:
    response = agent_client.get(inbox_url(message))

    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
