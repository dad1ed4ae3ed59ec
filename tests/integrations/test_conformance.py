"""What every channel promises the inbox, asked of each registered adapter alike.

A new channel adds one line to ``CASES`` and recorded bodies beside its tests.
"""

import contextlib
import dataclasses
import json
import random
import types
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, Channel, ChannelKind
from contacts.claims import Address, Claim
from contacts.models import Certainty, IdentifierKind
from inbox.adapters import Inbound, InboundFile, InboundMessage, PartNotRead, StatusUpdate, UnreadableEvent, adapter_for, registered_kinds
from inbox.models import InboundEvent, MessageStatus
from integrations.verifiers import VERIFIERS

HERE = Path(__file__).parent / "channels"
RECEIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """What the checks need to know of a kind: settings that are right, and where recorded bodies are."""

    settings: dict[str, Any]
    bodies: str = ""
    context: dict[str, Any] = field(default_factory=dict)


CASES = {
    "whatsapp": Case(
        settings={"phone_number_id": "106540352242922", "access_token": "EAAG", "app_secret": "s", "verify_token": "v"},
        bodies="whatsapp/payloads/*.json",
    ),
    "instagram": Case(
        settings={"ig_user_id": "17841405822304914", "access_token": "IGAA", "app_secret": "s", "verify_token": "v"},
        bodies="instagram/payloads/*.json",
    ),
    "email": Case(
        settings={"address": "hola@andes.test", "imap_host": "mx.andes.test", "imap_password": "clave", "smtp_host": "mx.andes.test"},
        bodies="email/mails/*.eml",
    ),
    "webchat": Case(settings={"title": "Andes", "colour": "#0b6e63", "allowed_origins": ["https://www.andes.example"]}),
}
WITH_BODIES = [kind for kind, case in CASES.items() if case.bodies]
DEEPLY = settings(max_examples=settings().max_examples, suppress_health_check=list(HealthCheck), deadline=None)

each_kind = pytest.mark.parametrize("kind", registered_kinds())
each_recorded = pytest.mark.parametrize("kind", WITH_BODIES)


def bodies(kind: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(HERE.glob(CASES[kind].bodies))]
    assert len(found) >= 10, "record more"
    return found


def channel_of(kind: str) -> Channel:
    """A channel as the database would hold it, without a database."""
    adapter = adapter_for(kind)
    cleaned = adapter.validate_settings(dict(CASES[kind].settings))
    secret = {field.name for field in adapter.setting_fields if field.secret}
    public = {key: value for key, value in cleaned.items() if key not in secret}
    channel = Channel(pk=7, account_id=1, kind=kind, name=kind, settings=public)
    channel.secrets = {key: value for key, value in cleaned.items() if key in secret}  # type: ignore[assignment]
    return channel


def parse(kind: str, body: bytes) -> list[Inbound]:
    event = InboundEvent(pk=1, account_id=1, body=body, context=CASES[kind].context, received_at=RECEIVED)
    return adapter_for(kind).parse(channel=channel_of(kind), event=event)


def parse_or_refuse(kind: str, body: bytes) -> list[Inbound]:
    with contextlib.suppress(UnreadableEvent):
        return parse(kind, body)
    return []


@each_kind
def test_every_registered_kind_is_checked_and_every_check_is_of_a_registered_kind(kind: str) -> None:
    assert kind in CASES
    assert set(CASES) <= set(registered_kinds())
    assert kind in ChannelKind.values


@each_kind
def test_the_adapter_says_what_it_is(kind: str) -> None:
    adapter = adapter_for(kind)
    assert adapter.kind == kind
    assert adapter.address_kind in IdentifierKind.values
    assert adapter.address_kind in adapter.reaches
    assert adapter.reaches <= set(IdentifierKind.values)
    assert adapter.has_webhook == (kind in VERIFIERS)
    names = [field.name for field in adapter.setting_fields]
    assert len(names) == len(set(names))
    assert all(str(field.label) for field in adapter.setting_fields)
    assert all(field.kind in ("text", "url", "number", "boolean", "list") for field in adapter.setting_fields)


@each_kind
def test_settings_are_cleaned_once_and_for_all(kind: str) -> None:
    adapter = adapter_for(kind)
    given = dict(CASES[kind].settings)

    cleaned = adapter.validate_settings(given)

    assert given == CASES[kind].settings, "the caller's mapping is left alone"
    assert set(cleaned) == {field.name for field in adapter.setting_fields}
    assert adapter.validate_settings(dict(cleaned)) == cleaned
    json.dumps(cleaned)


@each_kind
def test_a_setting_that_is_missing_or_unknown_is_named(kind: str) -> None:
    adapter = adapter_for(kind)
    needed = [field.name for field in adapter.setting_fields if field.required and not field.default and field.name in CASES[kind].settings]
    for name in needed:
        with pytest.raises(ValidationError) as refused:
            adapter.validate_settings({**CASES[kind].settings, name: ""})
        assert name in refused.value.message_dict
    with pytest.raises(ValidationError) as refused:
        adapter.validate_settings({**CASES[kind].settings, "no_such_setting": 1})
    assert "no_such_setting" in refused.value.message_dict


@each_kind
def test_secrets_are_declared_as_such(kind: str) -> None:
    for setting in adapter_for(kind).setting_fields:
        if any(word in setting.name for word in ("secret", "password", "access_token")):
            assert setting.secret, setting.name


@each_recorded
def test_what_is_parsed_is_what_the_contract_names(kind: str) -> None:
    seen = 0
    for body in bodies(kind):
        for part in parse_or_refuse(kind, body):
            check_part(part)
            seen += 1
    assert seen >= 10


@each_recorded
def test_the_same_bytes_say_the_same_twice(kind: str) -> None:
    for body in bodies(kind):
        assert parse_or_refuse(kind, body) == parse_or_refuse(kind, body)


@each_recorded
def test_parsing_asks_neither_database_nor_network(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the ``db`` fixture every query raises; and no name is resolved."""
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    for body in bodies(kind):
        parse_or_refuse(kind, body)


def refuse(*_args: Any, **_kwargs: Any) -> None:
    raise AssertionError("parsing must be pure")


@each_recorded
def test_everything_that_is_parsed_can_be_stored(kind: str, account: Account) -> None:
    """PostgreSQL takes no NUL, no half surrogate and no infinite number, neither in text nor in jsonb."""
    with connection.cursor() as cursor:
        for body in bodies(kind):
            for part in parse_or_refuse(kind, body):
                cursor.execute("SELECT %s::text, %s::jsonb", [repr(texts(part)), json.dumps(plain(part), default=str, allow_nan=False)])


def texts(part: Any) -> str:
    return "".join(value for value in walk(plain(part)) if isinstance(value, str))


@each_recorded
@DEEPLY
@given(data=st.data())
def test_damaged_bodies_are_unreadable_or_read_never_another_error(kind: str, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(bodies(kind))))
    for _ in range(data.draw(st.integers(1, 8))):
        damage = data.draw(st.sampled_from(["byte", "cut", "drop", "double"]))
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        if damage == "byte" and body:
            body[at] = data.draw(st.integers(0, 255))
        elif damage == "cut":
            del body[at:]
        elif damage == "drop":
            del body[at : at + data.draw(st.integers(1, 40))]
        else:
            body[at:at] = body[at : at + data.draw(st.integers(1, 40))]
    for part in parse_or_refuse(kind, bytes(body)):
        check_part(part)


@each_recorded
@DEEPLY
@given(body=st.binary(max_size=300))
def test_noise_is_unreadable_or_read_never_another_error(kind: str, body: bytes) -> None:
    for part in parse_or_refuse(kind, body):
        check_part(part)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@each_recorded
@DEEPLY
@given(data=st.data())
def test_values_of_another_type_spoil_their_own_part_only(kind: str, data: st.DataObject) -> None:
    """Whatever stands in any place of a recorded document, for documents that are JSON."""
    try:
        document = json.loads(data.draw(st.sampled_from(bodies(kind))))
    except ValueError:
        return
    places = list(paths(document))
    for _ in range(data.draw(st.integers(1, 3))):
        put(document, data.draw(st.sampled_from(places)), data.draw(json_values))
    for part in parse_or_refuse(kind, json.dumps(document).encode()):
        check_part(part)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(document, (dict, list)):
        try:
            document[path[-1]] = value
        except (IndexError, TypeError):
            return


@each_recorded
def test_a_batch_in_any_order_says_the_same(kind: str) -> None:
    """Providers deliver without order: no part leans on an earlier one."""
    for body in bodies(kind):
        try:
            document = json.loads(body)
        except ValueError:
            continue
        if not isinstance(document, dict) or len(document.get("entry", [])) < 2:
            continue
        before = sorted(map(repr, parse_or_refuse(kind, body)))
        for seed in range(3):
            random.Random(seed).shuffle(document["entry"])
            assert sorted(map(repr, parse_or_refuse(kind, json.dumps(document).encode()))) == before


def check_part(part: Any) -> None:
    """One of the contract's dataclasses, frozen, with times that say their zone and ids that fit the database."""
    assert isinstance(part, get_args(Inbound))
    assert type(part).__dataclass_params__.frozen
    if isinstance(part, PartNotRead):
        assert 0 < len(part.reason) <= 500
        return
    assert isinstance(part.occurred_at, datetime)
    assert part.occurred_at.utcoffset() is not None
    if hasattr(part, "provider_id"):
        assert isinstance(part.provider_id, str)
        assert 0 < len(part.provider_id) <= 400
    for address in (getattr(part, name, None) for name in ("sender", "successor")):
        if address is not None:
            assert isinstance(address, Address)
            assert address.kind in IdentifierKind.values
            assert 0 < len(address.value) <= 320
    if (claim := getattr(part, "claim", None)) is not None:
        check_claim(claim)
    if isinstance(part, InboundMessage):
        check_message(part)
    if isinstance(part, StatusUpdate):
        assert part.status in {"sent", "delivered", "read", "failed"} <= set(MessageStatus.values)
        assert len(part.recipient) <= 200
        assert isinstance(part.code + part.text + part.key, str)
    json.dumps(plain(part), default=str, allow_nan=False)
    assert all("\x00" not in value for value in walk(plain(part)) if isinstance(value, str))


def check_claim(claim: Claim) -> None:
    assert isinstance(claim.identifiers, tuple)
    for identifier in claim.identifiers:
        assert identifier.kind in IdentifierKind.values
        assert identifier.certainty in Certainty.values
        assert 0 < len(identifier.raw) <= 330
        assert len(identifier.scope) <= 80, identifier.scope
    assert all(isinstance(value, str) for value in claim.given.values())
    assert len(claim.given.get("name", "")) <= 200


def check_message(message: InboundMessage) -> None:
    assert 0 < len(message.kind) <= 20
    assert isinstance(message.body, str)
    assert isinstance(message.html, str)
    assert all(isinstance(name, str) and name for name in message.reply_to)
    assert isinstance(message.payload, dict)
    for file in message.files:
        assert isinstance(file, InboundFile)
        assert (len(file.name), len(file.content_type)) <= (255, 120)
        assert file.content is not None or file.remote, "a file has bytes, or says where they are"


def plain(value: Any) -> Any:
    """Dataclasses and mappings as plain data; bytes by their length."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, (dict, types.MappingProxyType)):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return len(value) if isinstance(value, bytes) else value


def walk(value: Any) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)
    else:
        yield value
