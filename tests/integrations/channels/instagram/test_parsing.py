"""Every part of what Instagram sends, from recorded bodies to whole results."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts.claims import Address, Claim, ClaimedIdentifier
from inbox.adapters import (
    Inbound,
    InboundFile,
    InboundMessage,
    MessageEdit,
    MessageReaction,
    MessageWithdrawal,
    PartNotRead,
    ReadUpTo,
    UnreadableEvent,
)
from integrations.channels.instagram.parsing import parse
from tests.integrations.conftest import load_payload, payload

ACCOUNT = "17841405822304914"
AT = datetime.fromtimestamp(1_790_000_000.123, UTC)
ON_THE_SECOND = datetime.fromtimestamp(1_790_000_000, UTC)
RECEIVED = datetime(2026, 11, 22, tzinfo=UTC)
MID = "aWdfZAG1faXRlbToxOk1"
USER = Address("instagram", "1254459154682919")
ATTESTED = (ClaimedIdentifier("instagram", USER.value, "attested", scope=f"instagram:{ACCOUNT}"),)


def said(body: str = "", **fields: Any) -> InboundMessage:
    defaults = {"provider_id": MID, "sender": USER, "occurred_at": AT, "claim": Claim(ATTESTED), "kind": "text", "body": body}
    return InboundMessage(**{**defaults, **fields})


def commented(number: str, body: str, **fields: Any) -> InboundMessage:
    claim = Claim(ATTESTED, {"username": "maria.velas"})
    return said(body, provider_id=f"178657993480890{number}", kind="comment", occurred_at=ON_THE_SECOND, claim=claim, **fields)


def files(*urls: str) -> tuple[InboundFile, ...]:
    return tuple(InboundFile(remote={"url": url}) for url in urls)


def read_bytes(body: bytes) -> list[Inbound]:
    parts = parse(body, ig_user_id=ACCOUNT, received_at=RECEIVED)
    return [dataclasses.replace(part, raw=None) if isinstance(part, InboundMessage) else part for part in parts]


def read(name: str) -> list[Inbound]:
    return read_bytes(payload("instagram", name))


CDN = "https://lookaside.fbsbx.com"
EXPECTED: dict[str, list[Inbound]] = {
    "text": [said("¡Hola! ¿Tienen stock? 🧡")],
    "echo": [said("Sí, quedan dos", provider_id="aWd-echo", is_echo=True)],
    "echo_without_mark": [said("Respondido en la app", provider_id="aWd-echo2", is_echo=True)],
    "reply": [said("Ese mismo", reply_to=("aWd-ours",))],
    "story_reply": [
        said(
            "¡Qué lindo!",
            kind="story_reply",
            payload={"story": {"id": "18051623530"}},
            files=files(f"{CDN}/ig_messaging_cdn/?asset_id=story1"),
        ),
    ],
    "story_mention": [said(kind="story_mention", files=files(f"{CDN}/ig_messaging_cdn/?asset_id=story2"))],
    "image": [said(kind="image", files=files(f"{CDN}/ig_messaging_cdn/?asset_id=1"))],
    "several_files": [said("Mira", kind="image", files=files(f"{CDN}/a", f"{CDN}/b"))],
    "voice": [said(kind="audio", files=files(f"{CDN}/voice"))],
    "shared_post": [
        said(kind="share", files=files(f"{CDN}/post"), payload={"shared": [{"type": "ig_post", "title": "Velas de otoño", "id": "17900"}]}),
    ],
    "shared_reel": [
        said(
            kind="share",
            files=files(f"{CDN}/reel"),
            payload={"shared": [{"type": "ig_reel", "title": "Cómo hacemos velas", "id": "18000"}]},
        ),
    ],
    "share_without_url": [said(kind="unsupported", payload={"type": "template", "shared": [{"type": "template"}]})],
    "heart": [said(kind="sticker")],
    "unsupported": [said(kind="unsupported")],
    "empty": [said(provider_id="aWd-empty", kind="unsupported")],
    "unsend": [MessageWithdrawal(MID, USER, AT)],
    "edit": [MessageEdit("aWd-theirs", USER, "¿Tienen en azul?", AT)],
    "reaction": [MessageReaction("aWd-ours", USER, "\u2764\ufe0f", AT)],
    "reaction_removed": [MessageReaction("aWd-ours", USER, "", AT)],
    "postback": [said("Ver horarios", provider_id="aWd-post", kind="button", payload={"payload": "HORARIOS", "type": "postback"})],
    "postback_without_mid": [
        said(
            "Empezar",
            provider_id="postback:",
            kind="button",
            payload={"payload": "EMPEZAR", "type": "postback"},
        )
    ],
    "quick_reply": [said("Sí", payload={"quick_reply": "SI"})],
    "from_ad": [
        said(
            "Quiero esa",
            payload={
                "referral": {
                    "ref": "otono",
                    "ad_id": "120226305",
                    "source": "ADS",
                    "type": "OPEN_THREAD",
                    "ads_context_data": {"ad_title": "Velas", "photo_url": "https://scontent.example/a.jpg"},
                }
            },
        )
    ],
    "about_product": [said("¿Precio?", payload={"referral": {"product": {"id": "991"}}})],
    "referral": [
        said(
            provider_id="referral:",
            kind="system",
            payload={"payload": "vitrina", "source": "IGME-SOURCE-LINK", "type": "referral"},
        )
    ],
    "read": [ReadUpTo(USER, AT)],
    "comment": [commented("39", "¿Precio?", payload={"media": "17900", "surface": "FEED"})],
    "comment_reply": [
        commented("40", "¿Hola?", payload={"media": "17900", "surface": "FEED"}, reply_to=("17865799348089039",)),
    ],
    "live_comment": [commented("41", "¡Hola a todos!", payload={"media": "17901", "surface": "LIVE", "live": True})],
    "own_comment": [],
    "in_changes": [said("En el otro sobre", provider_id="aWd-changes", occurred_at=ON_THE_SECOND)],
    "mixed_accounts": [
        said("¡Hola! ¿Tienen stock? 🧡"),
        PartNotRead("This is for Instagram account 17840000000000000; the channel's is 17841405822304914."),
    ],
}
# Their ids are made of who, when and what; only that they are stable matters.
MADE_IDS = ("postback_without_mid", "referral")


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in MADE_IDS])
def test_a_recorded_body_says_exactly_this(name: str) -> None:
    assert read(name) == EXPECTED[name]


@pytest.mark.parametrize("name", MADE_IDS)
def test_a_pressed_button_without_an_id_gets_a_stable_one(name: str) -> None:
    [part], [again] = read(name), read(name)
    [wanted] = EXPECTED[name]
    assert isinstance(part, InboundMessage)
    assert isinstance(wanted, InboundMessage)
    assert dataclasses.replace(part, provider_id="") == dataclasses.replace(wanted, provider_id="")
    assert part.provider_id == getattr(again, "provider_id", None)
    assert part.provider_id.split(":")[0] == wanted.provider_id.split(":")[0]

    body = load_payload("instagram", name)
    body["entry"][0]["messaging"][0]["timestamp"] += 1
    [later] = read_bytes(json.dumps(body).encode())
    assert isinstance(later, InboundMessage)
    assert later.provider_id != part.provider_id


def test_every_part_of_every_entry_is_read_in_order() -> None:
    parts = read("batch")

    assert [(type(part).__name__, getattr(part, "provider_id", ""), part.sender.value) for part in parts if not isinstance(part, str)] == [
        ("InboundMessage", "b1", USER.value),
        ("InboundMessage", "b2", USER.value),
        ("ReadUpTo", "", USER.value),
        ("InboundMessage", "b3", "555"),
        ("InboundMessage", "17865799348089039", USER.value),
    ]


NOT_READ = [
    "message, recipient, sender, timestamp: nobody else is named",
    "message, recipient, sender, timestamp: 'mid' is missing or too long",
    "'messaging' holds what is no object: \"texto\"",
    "'messaging' holds what is no object: null",
    "novedad, recipient, sender, timestamp: it is no event that we know",
    "reaction, recipient, sender, timestamp: 'mid' is missing or too long",
    "id, surface, text: 'from.id' is missing or too long",
    "Hilo takes nothing from 'mentions'",
    "'changes' holds what is no object: 7",
]


@pytest.mark.parametrize("kind", ["pass_thread_control", "request_thread_control", "app_roles"])
def test_which_app_may_answer_is_no_loss(kind: str) -> None:
    body = load_payload("instagram", "text")
    item = body["entry"][0]["messaging"][0]
    del item["message"]
    item[kind] = {"metadata": "x"}
    assert read_bytes(json.dumps(body).encode()) == []


def test_a_broken_part_does_not_cost_the_others() -> None:
    parts = read("broken_parts")

    assert [(part.provider_id, part.kind, part.body) for part in parts if isinstance(part, InboundMessage)] == [
        ("ok1", "text", "Antes"),
        ("odd", "unsupported", ""),
        ("ok2", "text", "Después"),
    ]
    not_read = [part.reason for part in parts if isinstance(part, PartNotRead)]
    assert len(parts) == 3 + len(not_read)
    assert not_read == NOT_READ
    # A time that cannot be read is the time of its entry.
    assert [part.occurred_at for part in parts if isinstance(part, InboundMessage)][-1] == AT


def test_another_account_is_said_and_not_lost() -> None:
    with pytest.raises(UnreadableEvent, match="Instagram account 17840000000000000; the channel's is 17841405822304914"):
        read("other_account")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"object":"instagram"}', b'{"object":"whatsapp_business_account","entry":[]}'])
def test_what_is_not_instagrams_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        read_bytes(body)


def test_a_message_to_oneself_is_nobodys() -> None:
    body = load_payload("instagram", "text")
    item = body["entry"][0]["messaging"][0]
    item["sender"] = item["recipient"] = {"id": ACCOUNT}
    assert read_bytes(json.dumps(body).encode()) == []


def test_seconds_and_milliseconds_are_told_apart() -> None:
    body = load_payload("instagram", "text")
    body["entry"][0]["messaging"][0]["timestamp"] = 1_790_000_060
    [part] = read_bytes(json.dumps(body).encode())
    assert part.occurred_at == ON_THE_SECOND + timedelta(seconds=60)
