"""What leaves for WhatsApp, byte for byte, and what each of its refusals means."""

import re
from typing import Any

import httpx
import pytest
from django.utils import translation

from accounts.models import Account, Channel
from contacts.models import Identifier
from inbox.adapters import DeliveryError, OutcomeUnknown, adapter_for
from integrations.meta import graph
from tests.conftest import make_channel
from tests.integrations.conftest import make_outgoing
from tests.integrations.provider import Asked, Provider
from tests.ports import free_port

NUMBER_ID = "106540352242922"
TOKEN = "EAAG-secreto"


@pytest.fixture
def channel(scoped: Account, provider: Provider) -> Channel:
    settings = {"phone_number_id": NUMBER_ID, "api_base": f"{provider.url}/v26.0", "verify_token": "x", "templates": []}
    return make_channel(scoped, "whatsapp", settings=settings, secrets={"access_token": TOKEN, "app_secret": "s"})


def accepted(wamid: str = "wamid.HBgL") -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "contacts": [{"input": "56987654321", "wa_id": "56987654321"}], "messages": [{"id": wamid}]}


def refused(code: int, **more: Any) -> dict[str, Any]:
    return {"error": {"message": f"(#{code}) …", "type": "OAuthException", "code": code, "fbtrace_id": "A", **more}}


def send(channel: Channel, message: Any) -> Any:
    return adapter_for("whatsapp").send(channel=channel, message=message)


def test_a_text_leaves_as_the_api_wants_it(channel: Channel, provider: Provider) -> None:
    message = make_outgoing(channel, "Sale hoy 🚚")
    provider.answer(200, accepted("wamid.ABC"))

    receipt = send(channel, message)

    assert (receipt.provider_id, receipt.detail) == ("wamid.ABC", {})
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", f"/v26.0/{NUMBER_ID}/messages")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "56987654321",
        "biz_opaque_callback_data": str(message.outbound.key),
        "type": "text",
        "text": {"body": "Sale hoy 🚚", "preview_url": True},
    }


def test_an_answer_names_what_it_answers(channel: Channel, provider: Provider) -> None:
    theirs = make_outgoing(channel, "¿Cuándo llega?")
    theirs.provider_id = "wamid.THEIRS"
    theirs.save()
    provider.answer(200, accepted())

    send(channel, make_outgoing(channel, "Hoy", reply_to=theirs))

    assert provider.asked[0].json["context"] == {"message_id": "wamid.THEIRS"}


@pytest.mark.parametrize(
    ("kind", "address", "wanted"),
    [
        ("whatsapp", "5215512345678", {"to": "5215512345678"}),
        ("phone", "+56987654321", {"to": "56987654321"}),
        ("whatsapp_user", "CL.13491208655302741918", {"recipient": "CL.13491208655302741918"}),
    ],
)
def test_a_person_is_reached_by_number_or_by_id(channel: Channel, provider: Provider, kind: str, address: str, wanted: dict) -> None:
    provider.answer(200, accepted())

    send(channel, make_outgoing(channel, "Hola", address=address, identifier_kind=kind))

    said = provider.asked[0].json
    assert {key: said[key] for key in ("to", "recipient") if key in said} == wanted


def test_a_template_carries_its_values(channel: Channel, provider: Provider) -> None:
    template = {"name": "aviso_envio", "language": "es_CL", "parameters": ["María", "pedido\n 991"]}
    provider.answer(200, accepted())

    send(channel, make_outgoing(channel, "Hola María: pedido 991", kind="template", payload={"template": template}))

    said = provider.asked[0].json
    assert (said["type"], said["template"]) == (
        "template",
        {
            "name": "aviso_envio",
            "language": {"code": "es_CL"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "María"}, {"type": "text", "text": "pedido 991"}]},
            ],
        },
    )


def test_a_template_without_values_has_no_components(channel: Channel, provider: Provider) -> None:
    provider.answer(200, accepted())

    send(channel, make_outgoing(channel, "Hola", kind="template", payload={"template": {"name": "hola", "language": "es"}}))

    assert provider.asked[0].json["template"] == {"name": "hola", "language": {"code": "es"}}


def by_path(asked: Asked) -> Any:
    from tests.integrations.provider import Answer

    if asked.path.endswith("/media"):
        return Answer(200, {"id": "media-1"})
    return Answer(200, accepted(f"wamid.{asked.json['type']}"))


def test_a_file_is_put_up_first_and_sent_by_its_id(channel: Channel, provider: Provider) -> None:
    provider.otherwise = by_path

    receipt = send(channel, make_outgoing(channel, "La boleta", files=(("boleta 991.pdf", "application/pdf", b"%PDF-1.7"),)))

    put_up, sent = provider.asked
    assert put_up.path == f"/v26.0/{NUMBER_ID}/media"
    assert b'name="messaging_product"\r\n\r\nwhatsapp\r\n' in put_up.body
    assert b'filename="boleta 991.pdf"' in put_up.body
    assert re.search(rb"Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n", put_up.body)
    assert sent.json["document"] == {"id": "media-1", "filename": "boleta 991.pdf", "caption": "La boleta"}
    assert receipt.provider_id == "wamid.document"


@pytest.mark.parametrize(
    ("content_type", "size", "shown"),
    [
        ("image/jpeg", 10, "image"),
        ("image/png", 5 * 1024 * 1024 + 1, "document"),
        ("image/webp", 10, "document"),
        ("video/mp4", 10, "video"),
        ("audio/ogg; codecs=opus", 10, "audio"),
        ("", 10, "document"),
    ],
)
def test_each_file_is_shown_as_what_it_is(channel: Channel, provider: Provider, content_type: str, size: int, shown: str) -> None:
    provider.otherwise = by_path

    send(channel, make_outgoing(channel, files=(("archivo", content_type, b"x" * size),)))

    assert provider.asked[-1].json["type"] == shown


def test_words_beside_a_voice_message_go_before_it(channel: Channel, provider: Provider) -> None:
    provider.otherwise = by_path

    receipt = send(channel, make_outgoing(channel, "Escucha", files=(("voz.ogg", "audio/ogg", b"OggS"),)))

    assert [asked.json["type"] for asked in provider.asked if asked.path.endswith("messages")] == ["text", "audio"]
    assert (receipt.provider_id, receipt.detail) == ("wamid.text", {"ids": ["wamid.text", "wamid.audio"]})


def test_several_files_make_one_receipt_with_every_id(channel: Channel, provider: Provider) -> None:
    provider.otherwise = by_path

    receipt = send(channel, make_outgoing(channel, "Dos fotos", files=(("a.jpg", "image/jpeg", b"a"), ("b.mp4", "video/mp4", b"b"))))

    sent = [asked.json for asked in provider.asked if asked.path.endswith("messages")]
    assert [said["type"] for said in sent] == ["image", "video"]
    assert sent[0]["image"]["caption"] == "Dos fotos"
    assert "caption" not in sent[1]["video"]
    assert receipt.detail == {"ids": ["wamid.image", "wamid.video"]}


def test_a_refusal_after_the_first_part_is_never_tried_again_by_itself(channel: Channel, provider: Provider) -> None:
    message = make_outgoing(channel, "Escucha", files=(("voz.ogg", "audio/ogg", b"OggS"),))
    provider.answer(200, {"id": "media-1"})
    provider.answer(200, accepted())
    provider.answer(400, refused(131053))

    with pytest.raises(OutcomeUnknown, match="1 of 2 parts"):
        send(channel, message)


@pytest.mark.parametrize(
    ("status", "code", "permanent", "retry_after"),
    [
        (400, 131047, True, None),
        (400, 131026, True, None),
        (400, 131049, False, 86400),
        (400, 131050, True, None),
        (400, 131056, False, 60),
        (429, 130429, False, 60),
        (400, 131048, False, 21600),
        (400, 132001, True, None),
        (401, 190, True, None),
        (403, 10, True, None),
        (429, 80007, False, 600),
        (500, 131000, False, 60),
        (500, 1, False, 60),
        (503, 2, False, 60),
        (400, 100, True, None),
    ],
)
def test_the_code_decides_about_another_try(
    channel: Channel, provider: Provider, status: int, code: int, permanent: bool, retry_after: float | None
) -> None:
    provider.answer(status, refused(code))

    with pytest.raises(DeliveryError) as failed:
        send(channel, make_outgoing(channel, "Hola"))

    assert (failed.value.code, failed.value.permanent, failed.value.retry_after) == (str(code), permanent, retry_after)
    assert failed.value.text


def test_the_reason_is_given_in_the_language_of_the_account(channel: Channel, provider: Provider) -> None:
    texts = {}
    for language in ("es", "en"):
        channel.account.language = language
        channel.account.save()
        provider.answer(400, refused(131047))
        with translation.override("en"), pytest.raises(DeliveryError) as failed:
            send(channel, make_outgoing(channel, "Hola"))
        texts[language] = failed.value.text
    assert texts["en"].startswith("More than 24 hours")
    assert texts["es"].startswith("Pasaron más de 24 horas")


def test_an_unknown_code_is_shown_with_the_providers_words(channel: Channel, provider: Provider) -> None:
    provider.answer(400, refused(139999, error_data={"details": "A new rule."}))

    with pytest.raises(DeliveryError, match=r"A new rule\.") as failed:
        send(channel, make_outgoing(channel, "Hola"))

    assert failed.value.permanent


def test_what_the_provider_calls_passing_is_tried_again(channel: Channel, provider: Provider) -> None:
    provider.answer(400, refused(139999, is_transient=True), headers={"Retry-After": "17"})

    with pytest.raises(DeliveryError) as failed:
        send(channel, make_outgoing(channel, "Hola"))

    assert (failed.value.permanent, failed.value.retry_after) == (False, 17)


def test_a_silent_provider_leaves_the_outcome_unknown(channel: Channel, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "SEND_TIMEOUT", httpx.Timeout(0.2))
    provider.answer(hang=True)

    with pytest.raises(OutcomeUnknown):
        send(channel, make_outgoing(channel, "Hola"))

    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"cut": True},
        {"status": 200, "body": b"<html>"},
        {"status": 200, "body": {"messages": []}},
        {"status": 200, "body": {"messages": [{"id": 7}]}},
        {"status": 502, "body": b"Bad gateway"},
        {"status": 504, "body": {}},
        {"status": 200, "body": b"x" * (2 * 1024 * 1024 + 1)},
    ],
)
def test_an_answer_that_proves_nothing_leaves_the_outcome_unknown(channel: Channel, provider: Provider, answer: dict[str, Any]) -> None:
    provider.answer(**answer)

    with pytest.raises(OutcomeUnknown):
        send(channel, make_outgoing(channel, "Hola"))

    assert len(provider.asked) == 1


def test_a_provider_that_is_not_there_is_tried_again(channel: Channel) -> None:
    channel.settings["api_base"] = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(DeliveryError) as failed:
        send(channel, make_outgoing(channel, "Hola"))

    assert (failed.value.permanent, failed.value.code) == (False, "unreachable")


def test_a_private_address_is_not_spoken_to(channel: Channel, provider: Provider, settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = []

    with pytest.raises(DeliveryError) as failed:
        send(channel, make_outgoing(channel, "Hola"))

    assert failed.value.permanent
    assert provider.asked == []


def test_a_silent_upload_is_tried_again_since_nothing_was_sent(
    channel: Channel, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "UPLOAD_TIMEOUT", httpx.Timeout(0.2))
    provider.answer(hang=True)

    with pytest.raises(DeliveryError) as failed:
        send(channel, make_outgoing(channel, files=(("a.jpg", "image/jpeg", b"a"),)))

    assert not failed.value.permanent


def test_what_is_too_long_is_refused_before_it_leaves(channel: Channel, provider: Provider) -> None:
    with pytest.raises(DeliveryError) as failed:
        send(channel, make_outgoing(channel, "a" * 4097))

    assert failed.value.permanent
    assert provider.asked == []


def test_a_message_whose_address_is_gone_fails(channel: Channel, provider: Provider) -> None:
    message = make_outgoing(channel, "Hola")
    Identifier.objects.all().delete()
    message.identifier = None

    with pytest.raises(DeliveryError) as failed:
        send(channel, message)

    assert failed.value.permanent
    assert provider.asked == []
