"""Every part of what WhatsApp sends, from recorded bodies to whole results."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts.claims import Address, Claim, ClaimedIdentifier
from inbox.adapters import (
    AddressChange,
    IdentityChange,
    Inbound,
    InboundFile,
    InboundMessage,
    MessageEdit,
    MessageReaction,
    MessageWithdrawal,
    PartNotRead,
    PreferenceChange,
    StatusUpdate,
    UnreadableEvent,
)
from integrations.channels.whatsapp.parsing import parse
from tests.integrations.conftest import load_payload, payload

NUMBER_ID = "106540352242922"
AT = datetime.fromtimestamp(1_790_000_000, UTC)
RECEIVED = datetime(2026, 11, 22, tzinfo=UTC)
PORTFOLIO = "whatsapp:102290129340398"
BSUID = "CL.13491208655302741918"
MARIA = Address("whatsapp", "56987654321")
MARIA_BY_ID = Address("whatsapp_user", BSUID)


def wamid(tag: str) -> str:
    return f"wamid.HBgLNTY5ODc2NTQzMjEVAgASGBQz{tag.upper().ljust(16, '0')}AA=="


def line(phone: str) -> tuple[ClaimedIdentifier, ...]:
    return ClaimedIdentifier("whatsapp", phone, "attested"), ClaimedIdentifier("phone", f"+{phone}", "attested")


def by_id(value: str) -> ClaimedIdentifier:
    return ClaimedIdentifier("whatsapp_user", value, "attested", scope=PORTFOLIO)


MARIA_CLAIM = Claim(line("56987654321"), {"name": "María Pérez"})
OUR_STATUS = {"provider_id": wamid("ours"), "occurred_at": AT + timedelta(seconds=100), "recipient": "56987654321"}


def said(tag: str, body: str = "", **fields: Any) -> InboundMessage:
    """A message from María."""
    return InboundMessage(
        **{"provider_id": wamid(tag), "sender": MARIA, "occurred_at": AT, "claim": MARIA_CLAIM, "kind": "text", "body": body, **fields}
    )


def read(name: str) -> list[Inbound]:
    return read_bytes(payload("whatsapp", name))


def read_bytes(body: bytes) -> list[Inbound]:
    """What the bytes say, without the raw parts."""
    parts = parse(body, phone_number_id=NUMBER_ID, portfolio="channel-1", received_at=RECEIVED)
    return [dataclasses.replace(part, raw=None) if isinstance(part, InboundMessage) else part for part in parts]


def media(kind: str, content_type: str, remote: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "files": (InboundFile(content_type=content_type, remote=remote, **fields),)}


AD = {
    "source_url": "https://fb.me/2ZulEu42P",
    "source_type": "ad",
    "source_id": "120226305854810726",
    "headline": "Oferta de primavera",
    "body": "20 % en todo",
    "media_type": "image",
    "image_url": "https://scontent.example/a.jpg",
    "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
}
CARD = {"name": "Taller Pérez", "organisation": "Taller Pérez SpA", "phones": ["+56 2 2333 4444"], "emails": ["taller@ejemplo.cl"]}
ITEMS = [
    {"product": "vela-roja", "quantity": 2.0, "price": 4990.0, "currency": "CLP"},
    {"product": "vela-azul", "quantity": 1.0, "price": 5490.5, "currency": "CLP"},
]

EXPECTED: dict[str, list[Inbound]] = {
    "text": [said("text", "Hola, ¿dónde está mi pedido 991? 🙂")],
    "text_with_bsuid": [
        said("textboth", "Hola", claim=Claim((*line("56987654321"), by_id(BSUID)), {"name": "María Pérez", "username": "mariap"}))
    ],
    "text_bsuid_only": [
        said(
            "textbsuid",
            "Escribo sin número",
            sender=MARIA_BY_ID,
            claim=Claim((by_id(BSUID),), {"name": "María", "username": "mariap"}),
        )
    ],
    "text_from_is_bsuid": [
        said("textfrom", "El id está en from", sender=MARIA_BY_ID, claim=Claim((by_id(BSUID),), {"name": "María"})),
    ],
    "text_wa_id_differs": [
        said(
            "textmx",
            "Buenas",
            sender=Address("whatsapp", "5215512345678"),
            claim=Claim((*line("5215512345678"), *line("525512345678")), {"name": "Lupita"}),
        )
    ],
    "text_without_contacts": [said("nocontacts", "Sin contactos", claim=Claim(line("56987654321")))],
    "text_reply": [said("reply", "Sí, ese", reply_to=(wamid("ours"),))],
    "text_forwarded": [said("forward", "Te reenvío esto", payload={"forwarded": True})],
    "text_from_ad": [said("ad", "Quiero información", payload={"referral": AD})],
    "text_about_product": [
        said(
            "product",
            "¿Lo tienen en azul?",
            payload={"product": {"catalog_id": "194836987003835", "product_retailer_id": "di9ozbzfi4"}},
            reply_to=(wamid("catalog"),),
        )
    ],
    "text_in_group": [
        said("group", "Hola a todos", payload={"group": "Y2FwaV9ncm91cDoxOTUwNTU1MDA3OToxMjAzNjMzOTQzMjAdOTY0MTUZD"}),
    ],
    "text_without_time": [said("notime", "Sin hora", occurred_at=RECEIVED)],
    "odd_characters": [
        said("odd", "NUL \ufffd y medio par \ufffd fin", claim=Claim(line("56987654321"), {"name": "Z\ufffdoe 👩‍💻"})),
    ],
    "reaction": [MessageReaction(wamid("ours"), MARIA, "👍", AT)],
    "reaction_removed": [MessageReaction(wamid("ours"), MARIA, "", AT)],
    "image": [
        said(
            "image",
            "Así llegó",
            **media("image", "image/jpeg", {"id": "1003383421387256", "sha256": "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI="}),
        )
    ],
    "image_with_url": [
        said(
            "imageurl",
            **media(
                "image",
                "image/jpeg",
                {
                    "id": "1003383421387257",
                    "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1003383421387257",
                    "sha256": "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=",
                },
            ),
        )
    ],
    "voice": [
        said(
            "voice",
            payload={"voice": True},
            **media("audio", "audio/ogg", {"id": "1908647269898587", "sha256": "tEvRSdrkThEcgJVeNb06ULqdCGVWDrVOi2ysDcdSCeU="}),
        )
    ],
    "document": [
        said(
            "doc",
            "La boleta",
            **media(
                "document",
                "application/pdf",
                {"id": "1376223850470843", "sha256": "3/QgRi0m8SLUmG+cHaMgJuHB/NPPZWYNEaU5CGhpmwQ="},
                name="boleta 991.pdf",
            ),
        )
    ],
    "sticker": [
        said(
            "sticker",
            payload={"animated": True},
            **media("sticker", "image/webp", {"id": "790710250011837", "sha256": "hsHbvhDKzfHCJnnJXwSFWvQcrhzC9IH4sYvDqvhaLu8="}),
        )
    ],
    "video": [
        said("video", **media("video", "video/mp4", {"id": "1424250295414868", "sha256": "M3CWmxLWx6VHJVg8y9aTN5MyOmwWRDVRF1hI4g9vHEc="})),
    ],
    "location": [
        said(
            "place",
            "Plaza de Armas, Plaza de Armas s/n, Santiago",
            kind="location",
            payload={
                "latitude": -33.43722,
                "longitude": -70.65002,
                "name": "Plaza de Armas",
                "address": "Plaza de Armas s/n, Santiago",
                "url": "https://foursquare.example/plaza",
            },
        )
    ],
    "location_bare": [said("placebare", kind="location", payload={"latitude": -33.0, "longitude": -70.5})],
    "contacts": [said("card", "Taller Pérez +56 2 2333 4444 taller@ejemplo.cl", kind="contacts", payload={"contacts": [CARD]})],
    "contacts_on_request": [
        said(
            "request",
            "+56987654321",
            kind="contacts",
            sender=MARIA_BY_ID,
            claim=Claim((by_id(BSUID), ClaimedIdentifier("phone", "+56987654321")), {"name": "María", "username": "mariap"}),
            payload={"contacts": [{"name": "", "organisation": "", "phones": ["+56987654321"], "emails": []}]},
        )
    ],
    "button": [said("button", "Confirmar", kind="button", payload={"payload": "CONFIRMAR"}, reply_to=(wamid("template"),))],
    "button_reply": [
        said("breply", "Cancelar", kind="interactive", payload={"type": "button_reply", "id": "cancelar"}, reply_to=(wamid("ours"),)),
    ],
    "list_reply": [
        said(
            "lreply",
            "Envío exprés",
            kind="interactive",
            payload={"type": "list_reply", "id": "express", "description": "Mañana"},
            reply_to=(wamid("ours"),),
        )
    ],
    "form_reply": [
        said(
            "nfm",
            "Sent",
            kind="interactive",
            payload={"type": "nfm_reply", "name": "flow", "answers": {"flow_token": "t-1", "rut": "12.345.678-5"}},
            reply_to=(wamid("ours"),),
        )
    ],
    "interactive_of_tomorrow": [said("tomorrow", kind="unsupported", payload={"type": "interactive"})],
    "order": [
        said(
            "order", "¡Son para regalo!\n2 × vela-roja\n1 × vela-azul", kind="order", payload={"items": ITEMS, "catalog": "194836987003835"}
        ),
    ],
    "system_new_number": [AddressChange(MARIA, Address("whatsapp", "56911112222"), Claim(line("56911112222")), AT)],
    "system_new_number_with_bsuid": [
        AddressChange(MARIA, Address("whatsapp", "56911112222"), Claim((*line("56911112222"), by_id("CL.99990000111122223333"))), AT),
    ],
    "system_new_user_id": [
        AddressChange(MARIA_BY_ID, Address("whatsapp_user", "CL.99990000111122223333"), Claim((by_id("CL.99990000111122223333"),)), AT)
    ],
    "system_identity_changed": [IdentityChange(MARIA, AT)],
    "edit": [MessageEdit(wamid("theirs"), MARIA, "Corrijo: pedido 992", AT)],
    "edit_caption": [MessageEdit(wamid("theirs"), MARIA, "Otra foto", AT)],
    "revoke": [MessageWithdrawal(wamid("theirs"), MARIA, AT)],
    "unsupported": [
        said(
            "unsup",
            kind="unsupported",
            payload={"type": "unsupported", "detail": "poll", "errors": [{"code": 131051, "title": "Message type unknown"}]},
        )
    ],
    "type_of_tomorrow": [said("future", "Mira esto", kind="unsupported", payload={"type": "hologram"})],
    "call_rings": [
        said("", kind="call", provider_id="wacid.ABGGFjFVU2AfAgo6V:connect", payload={"event": "connect", "direction": "in"}),
    ],
    "call_ends": [
        said(
            "",
            kind="call",
            provider_id="wacid.ABGGFjFVU2AfAgo6V:terminate",
            occurred_at=AT + timedelta(seconds=63),
            payload={"event": "terminate", "status": "COMPLETED", "direction": "in", "seconds": 60},
        )
    ],
    "call_of_ours": [
        said(
            "",
            kind="call",
            provider_id="wacid.OURS:terminate",
            occurred_at=AT + timedelta(seconds=63),
            claim=Claim(line("56987654321")),
            payload={"event": "terminate", "status": "FAILED", "direction": "out"},
            is_echo=True,
        )
    ],
    "echo": [said("echo", "Le respondo desde el teléfono", claim=Claim(line("56987654321")), is_echo=True)],
    "echo_revoked": [MessageWithdrawal(wamid("echo"), MARIA, AT)],
    "status_sent": [StatusUpdate(status="sent", key="0b6f1c52-7f39-4b9c-9a6b-0b2f5f7d1c11", **OUR_STATUS)],
    "status_delivered": [StatusUpdate(status="delivered", **OUR_STATUS)],
    "status_read": [StatusUpdate(status="read", **OUR_STATUS)],
    "status_played": [StatusUpdate(status="read", **OUR_STATUS)],
    "status_failed": [
        StatusUpdate(
            status="failed",
            code="131047",
            text="More than 24 hours have passed since the person wrote. Only a template may be sent now.",
            **OUR_STATUS,
        )
    ],
    "status_failed_unknown_code": [
        StatusUpdate(status="failed", code="999999", text="The provider refused the message. (Nobody knows.)", **OUR_STATUS),
    ],
    "status_stopped_marketing": [
        StatusUpdate(status="failed", code="131050", text="The person has stopped marketing messages from this business.", **OUR_STATUS),
        PreferenceChange(MARIA, "marketing_messages", False, AT + timedelta(seconds=100)),
    ],
    "status_bsuid": [StatusUpdate(status="delivered", **{**OUR_STATUS, "recipient": BSUID})],
    "status_in_group": [StatusUpdate(status="read", **OUR_STATUS)],
    "status_of_call": [],
    "status_of_tomorrow": [],
    "preference_stop": [PreferenceChange(MARIA, "marketing_messages", False, AT)],
    "preference_resume_bsuid": [PreferenceChange(MARIA_BY_ID, "marketing_messages", True, AT)],
    "template_status": [],
    "account_error": [PartNotRead("WhatsApp reports an error of the account: 130429 Rate limit hit")],
    "mixed_numbers": [
        said("text", "Hola, ¿dónde está mi pedido 991? 🙂"),
        PartNotRead("This is for phone number id 999; the channel's is 106540352242922."),
    ],
}


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    from django.utils import translation

    with translation.override("en"):
        yield


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_body_says_exactly_this(name: str) -> None:
    assert read(name) == EXPECTED[name]


def test_every_part_of_every_change_of_every_entry_is_read_in_order() -> None:
    parts = read("batch")

    assert [(type(part).__name__, getattr(part, "provider_id", ""), getattr(part, "status", "")) for part in parts] == [
        ("InboundMessage", wamid("b1"), ""),
        ("InboundMessage", wamid("b2"), ""),
        ("InboundMessage", wamid("b3"), ""),
        ("StatusUpdate", wamid("s1"), "sent"),
        ("StatusUpdate", wamid("s1"), "delivered"),
        ("StatusUpdate", wamid("s2"), "read"),
        ("InboundMessage", wamid("b4"), ""),
        ("PreferenceChange", "", ""),
    ]
    juan = parts[1]
    assert isinstance(juan, InboundMessage)
    assert (juan.sender, juan.claim.given) == (Address("whatsapp", "56912340000"), {"name": "Juan Soto"})


def test_each_message_keeps_its_own_part_of_the_body_only() -> None:
    parts = parse(payload("whatsapp", "batch"), phone_number_id=NUMBER_ID, portfolio="channel-1", received_at=RECEIVED)

    changes = [change for entry in load_payload("whatsapp", "batch")["entry"] for change in entry["changes"]]
    wanted = [message for change in changes for message in change["value"].get("messages", [])]
    assert [part.raw for part in parts if isinstance(part, InboundMessage)] == wanted


def test_a_broken_part_does_not_cost_the_others() -> None:
    parts = read("broken_parts")

    assert [(part.provider_id, part.kind, part.body) for part in parts if isinstance(part, InboundMessage)] == [
        (wamid("ok1"), "text", "Antes"),
        (wamid("bad1"), "unsupported", ""),
        (wamid("bad2"), "unsupported", ""),
        (wamid("bad3"), "unsupported", ""),
        # Who wrote it follows from the only contact of the batch.
        (wamid("bad4"), "text", "¿Quién?"),
        (wamid("bad5"), "unsupported", ""),
        (wamid("bad6"), "unsupported", ""),
        (wamid("bad7"), "unsupported", ""),
        (wamid("ok2"), "text", "Después"),
    ]
    assert [part for part in parts if isinstance(part, StatusUpdate)] == [
        StatusUpdate(wamid("sx"), "sent", RECEIVED),
        StatusUpdate(wamid("sy"), "read", AT + timedelta(seconds=100), "56987654321"),
    ]


def test_what_cannot_be_read_says_why_beside_the_message() -> None:
    [broken] = [part for part in read("broken_parts") if isinstance(part, InboundMessage) and part.provider_id == wamid("bad1")]
    assert broken.payload == {"type": "text", "reason": "'body' is missing"}


def test_another_number_is_said_and_not_lost() -> None:
    with pytest.raises(UnreadableEvent, match="phone number id 999; the channel's is 106540352242922"):
        read("other_number")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"{}",
        b'{"object":"whatsapp_business_account"}',
        b'{"object":"whatsapp_business_account","entry":{}}',
        b'{"object":"instagram","entry":[]}',
        b'{"object":"page","entry":[]}',
        b'{"object":"whatsapp_business_account","entry":[NaN]}',
        b'{"object":"whatsapp_business_account","entry":[1e999]}',
        b"[" * 100_000,
        b'{"object":"whatsapp_business_account","entry":[' + b"1" * 5000 + b"]}",
    ],
)
def test_what_is_not_whatsapps_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        read_bytes(body)


def test_an_empty_batch_says_nothing() -> None:
    assert read_bytes(b'{"object":"whatsapp_business_account","entry":[]}') == []


@pytest.mark.parametrize("timestamp", [1_790_000_000, "1790000000", 1_790_000_000.0, "1790000000000", 1_790_000_000_000])
def test_times_come_as_numbers_and_as_text_in_seconds_and_in_milliseconds(timestamp: Any) -> None:
    body = load_payload("whatsapp", "text")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = timestamp

    [message] = read_bytes(json.dumps(body).encode())

    assert message.occurred_at == AT


@pytest.mark.parametrize("timestamp", ["", "ayer", None, True, -1, 0, "1e400", 10**30, [], {}])
def test_a_time_that_is_none_becomes_the_time_of_arrival(timestamp: Any) -> None:
    body = load_payload("whatsapp", "text")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = timestamp

    [message] = read_bytes(json.dumps(body).encode())

    assert message.occurred_at == RECEIVED


def test_an_id_that_is_too_long_to_keep_is_no_message() -> None:
    body = load_payload("whatsapp", "text")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["id"] = "w" * 401

    assert read_bytes(json.dumps(body).encode()) == [PartNotRead(f"messages {'w' * 80}: 'id' is missing or too long")]


CHANGE_OF_TOMORROW = {"field": "votes", "value": {"metadata": {"phone_number_id": NUMBER_ID}, "votes": [{"id": "1"}]}}
BAN = {"field": "account_update", "value": {"phone_number": "56223334444", "event": "DISABLED_UPDATE", "ban_info": {}}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (CHANGE_OF_TOMORROW, "Hilo takes nothing from 'votes'"),
        (BAN, "Hilo takes nothing from 'account_update': DISABLED_UPDATE"),
        ({"field": "messages", "value": {"messages": {"0": {}}}}, "'messages' is no list"),
        ({"field": "messages", "value": {"statuses": ["sent"]}}, "'statuses' holds what is no object: \"sent\""),
        ("messages", "'changes' holds what is no object: \"messages\""),
    ],
)
def test_what_nothing_can_be_made_of_is_said_and_costs_nothing_else(change: Any, said: str) -> None:
    body = load_payload("whatsapp", "text")
    body["entry"][0]["changes"].insert(0, change)

    told, message = read_bytes(json.dumps(body).encode())

    assert told == PartNotRead(said)
    assert isinstance(message, InboundMessage)


def test_news_about_templates_and_quality_are_no_loss() -> None:
    body = load_payload("whatsapp", "text")
    change = {"field": "phone_number_quality_update", "value": {"event": "FLAGGED", "current_limit": "TIER_1K"}}
    body["entry"][0]["changes"] = [change]

    assert read_bytes(json.dumps(body).encode()) == []


def test_a_form_inside_a_string_brings_nothing_that_cannot_be_stored() -> None:
    body = load_payload("whatsapp", "form_reply")
    answer = body["entry"][0]["changes"][0]["value"]["messages"][0]["interactive"]["nfm_reply"]
    for inner, wanted in (('{"a": "x\\u0000\\ud83d"}', {"a": "x\ufffd\ufffd"}), ("no es json", "no es json"), ("[NaN]", "[NaN]")):
        answer["response_json"] = inner
        [message] = read_bytes(json.dumps(body).encode())
        assert isinstance(message, InboundMessage)
        assert message.payload["answers"] == wanted


def test_errors_are_told_in_the_language_of_the_worker() -> None:
    from django.utils import translation

    with translation.override("es"):
        [update] = read("status_failed")
    assert isinstance(update, StatusUpdate)
    assert update.text.startswith("Pasaron más de 24 horas")
