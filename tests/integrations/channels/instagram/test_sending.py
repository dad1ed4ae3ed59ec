"""What leaves for Instagram, what its refusals mean, and what it fetches and tells."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Channel
from contacts.claims import Address, Claim
from inbox.adapters import DeliveryError, MediaGone, OutcomeUnknown, adapter_for
from inbox.models import Attachment
from tests.conftest import make_channel
from tests.integrations.conftest import make_outgoing
from tests.integrations.provider import Provider

ACCOUNT = "17841405822304914"
USER = "1254459154682919"


@pytest.fixture
def channel(scoped: Account, provider: Provider) -> Channel:
    settings = {"ig_user_id": ACCOUNT, "api_base": f"{provider.url}/v26.0"}
    return make_channel(scoped, "instagram", settings=settings, secrets={"access_token": "IGAA", "app_secret": "s"})


def outgoing(channel: Channel, body: str = "", **fields: Any) -> Any:
    return make_outgoing(channel, body, address=USER, **fields)


def send(channel: Channel, message: Any) -> Any:
    return adapter_for("instagram").send(channel=channel, message=message)


def accepted(mid: str = "aWd-1") -> dict[str, str]:
    return {"recipient_id": USER, "message_id": mid}


def test_a_text_leaves_as_the_api_wants_it(channel: Channel, provider: Provider) -> None:
    provider.answer(200, accepted())

    receipt = send(channel, outgoing(channel, "¡Sí, quedan dos!"))

    assert receipt.provider_id == "aWd-1"
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("POST", f"/v26.0/{ACCOUNT}/messages", "Bearer IGAA")
    assert asked.json == {"recipient": {"id": USER}, "message": {"text": "¡Sí, quedan dos!"}}


@pytest.mark.parametrize(
    ("verdict", "tagged"),
    [
        ({"accepted": {"reason": "service_reply"}}, False),
        ({"accepted": {"reason": "human_agent_tag"}}, True),
        ({"accepted": {"reason": "service_reply"}, "left": {"reason": "human_agent_tag"}}, True),
        ({"accepted": {"reason": "human_agent_tag"}, "left": {"reason": "service_reply"}}, False),
        ({}, False),
    ],
)
def test_the_gates_last_word_sets_the_tag(channel: Channel, provider: Provider, verdict: dict[str, Any], tagged: bool) -> None:
    provider.answer(200, accepted())

    send(channel, outgoing(channel, "Hola", verdict=verdict))

    said = provider.asked[0].json
    assert (said.get("messaging_type"), said.get("tag")) == (("MESSAGE_TAG", "HUMAN_AGENT") if tagged else (None, None))


def test_a_comment_is_answered_in_private(channel: Channel, provider: Provider) -> None:
    comment = outgoing(channel, "¿Precio?", kind="comment")
    comment.provider_id = "17865799348089039"
    comment.save()
    provider.answer(200, accepted())

    send(channel, outgoing(channel, "$ 4.990", reply_to=comment))

    assert provider.asked[0].json["recipient"] == {"comment_id": "17865799348089039"}


def test_a_file_is_given_by_an_address_that_only_the_provider_knows(
    channel: Channel, provider: Provider, settings: Any, client: Client
) -> None:
    settings.PUBLIC_URL = "https://hilo.ejemplo.cl"
    provider.answer(200, accepted("aWd-text"))
    provider.answer(200, accepted("aWd-file"))

    receipt = send(channel, outgoing(channel, "Mira", files=(("vela.jpg", "image/jpeg", b"\xff\xd8 vela"),)))

    assert (receipt.provider_id, receipt.detail) == ("aWd-text", {"ids": ["aWd-text", "aWd-file"]})
    text, file = (asked.json["message"] for asked in provider.asked)
    assert text == {"text": "Mira"}
    assert file["attachment"]["type"] == "image"
    url = file["attachment"]["payload"]["url"]
    assert url.startswith("https://hilo.ejemplo.cl/files/")
    fetched = client.get(url.removeprefix("https://hilo.ejemplo.cl"))
    assert (fetched.status_code, b"".join(fetched.streaming_content)) == (200, b"\xff\xd8 vela")
    assert fetched["Content-Type"] == "image/jpeg"
    assert fetched["Content-Disposition"] == "attachment"


@pytest.mark.parametrize(
    ("content_type", "shown"), [("video/mp4", "video"), ("audio/mp4", "audio"), ("application/pdf", "file"), ("", "file")]
)
def test_each_file_is_shown_as_what_it_is(channel: Channel, provider: Provider, content_type: str, shown: str) -> None:
    provider.answer(200, accepted())
    send(channel, outgoing(channel, files=(("a", content_type, b"a"),)))
    assert provider.asked[0].json["message"]["attachment"]["type"] == shown


def test_a_refusal_after_the_first_part_is_never_tried_again_by_itself(channel: Channel, provider: Provider) -> None:
    provider.answer(200, accepted())
    provider.answer(400, {"error": {"code": 100, "error_subcode": 2018047, "message": "…"}})

    with pytest.raises(OutcomeUnknown, match="1 of 2 parts"):
        send(channel, outgoing(channel, "Mira", files=(("vela.jpg", "image/jpeg", b"a"),)))


@pytest.mark.parametrize(
    ("status", "error", "code", "permanent"),
    [
        (400, {"code": 10, "error_subcode": 2018278}, "2018278", True),
        (400, {"code": 100, "error_subcode": 2018001}, "2018001", True),
        (400, {"code": 551, "error_subcode": 1545041}, "1545041", True),
        (400, {"code": 190, "error_subcode": 460}, "190", True),
        (400, {"code": 613}, "613", False),
        (500, {"code": 2}, "2", False),
        (500, {"code": 1200}, "1200", False),
    ],
)
def test_the_code_decides_about_another_try(
    channel: Channel, provider: Provider, status: int, error: dict, code: str, permanent: bool
) -> None:
    provider.answer(status, {"error": {"message": "…", **error}})

    with pytest.raises(DeliveryError) as failed:
        send(channel, outgoing(channel, "Hola"))

    assert (failed.value.code, failed.value.permanent) == (code, permanent)


def test_a_text_above_the_limit_is_refused_before_it_leaves(channel: Channel, provider: Provider) -> None:
    provider.answer(200, accepted())
    send(channel, outgoing(channel, "ñ" * 500))

    with pytest.raises(DeliveryError) as failed:
        send(channel, outgoing(channel, "ñ" * 501))

    assert failed.value.permanent
    assert len(provider.asked) == 1


def test_a_line_that_breaks_leaves_the_outcome_unknown(channel: Channel, provider: Provider) -> None:
    provider.answer(cut=True)
    with pytest.raises(OutcomeUnknown):
        send(channel, outgoing(channel, "Hola"))


def test_media_are_fetched_from_their_address_without_our_token(channel: Channel, provider: Provider) -> None:
    provider.answer(200, b"\xff\xd8", headers={"Content-Type": "image/jpeg"})

    found = adapter_for("instagram").fetch_media(channel=channel, attachment=Attachment(remote={"url": f"{provider.url}/cdn"}))

    assert found == (b"\xff\xd8", "image/jpeg")
    assert "authorization" not in provider.asked[0].headers


@pytest.mark.parametrize(
    "answer",
    [{"status": 403, "body": b"URL signature expired"}, {"status": 404}, {"body": b"<html>", "headers": {"Content-Type": "text/html"}}],
)
def test_media_that_expired_or_are_pages_are_gone(channel: Channel, provider: Provider, answer: dict[str, Any]) -> None:
    provider.answer(**answer)
    with pytest.raises(MediaGone):
        adapter_for("instagram").fetch_media(channel=channel, attachment=Attachment(remote={"url": f"{provider.url}/cdn"}))


def test_a_persons_names_are_looked_up(channel: Channel, provider: Provider) -> None:
    provider.answer(200, {"name": "María Velas", "username": "maria.velas", "id": USER, "profile_pic": "https://x"})

    claim = adapter_for("instagram").look_up(channel=channel, address=Address("instagram", USER))  # type: ignore[attr-defined]

    assert claim == Claim(given={"name": "María Velas", "username": "maria.velas"})
    assert provider.asked[0].path == f"/v26.0/{USER}?fields=name%2Cusername"
