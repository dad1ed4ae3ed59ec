"""Connect, change and switch channels: what is kept secret, what is refused, what the audit says."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from integrations.connecting import activate_channel, check_channel, connect_channel, set_greeting_bot, update_channel, webhook_url
from tests.conftest import make_channel
from tests.integrations.provider import Provider

WHATSAPP = {"phone_number_id": "106540352242922", "access_token": "EAAG-secreto", "app_secret": "s3creto", "verify_token": "mi-palabra"}


def connect(admin: Membership, **changes: Any) -> Channel:
    return connect_channel(kind="whatsapp", name="Ventas", settings={**WHATSAPP, **changes}, by=Actor.person(admin))


def test_an_admin_connects_a_number(scoped: Account, admin: Membership, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hilo.ejemplo.cl"

    channel = connect(admin)

    channel.refresh_from_db()
    assert channel.settings == {
        "phone_number_id": "106540352242922",
        "verify_token": "mi-palabra",
        "business_account_id": "",
        "api_base": "https://graph.facebook.com/v26.0",
        "templates": [],
    }
    assert channel.secrets == {"access_token": "EAAG-secreto", "app_secret": "s3creto"}
    assert webhook_url(channel) == f"https://hilo.ejemplo.cl/hooks/whatsapp/{channel.key}/"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id, entry.membership, entry.detail) == (
        "channel.connect",
        channel.pk,
        admin,
        {"kind": "whatsapp", "name": "Ventas"},
    )


def test_secrets_are_in_no_row_and_in_no_history_in_the_clear(scoped: Account, admin: Membership) -> None:
    connect(admin)

    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text || h::text FROM accounts_channel c, accounts_historicalchannel h, accounts_auditentry a")
        assert all("EAAG" not in row[0] and "s3creto" not in row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone_number_id": ""}, "phone_number_id"),
        ({"phone_number_id": "+56 9 8765 4321"}, "phone_number_id"),
        ({"access_token": None}, "access_token"),
        ({"app_secret": "  "}, "app_secret"),
        ({"api_base": "ftp://graph.facebook.com"}, "api_base"),
        ({"api_base": "https://user:pass@graph.facebook.com"}, "api_base"),
        ({"api_base": "https://graph.facebook.com:port"}, "api_base"),
        ({"access_token": ["a"]}, "access_token"),
        ({"token": "x"}, "token"),
        ({"templates": "aviso"}, "templates"),
        ({"templates": [{"name": "Aviso de pago", "language": "es", "body": "Hola"}]}, "templates"),
        ({"templates": [{"name": "aviso", "language": "español", "body": "Hola"}]}, "templates"),
        ({"templates": [{"name": "aviso", "language": "es", "body": "Hola", "category": "spam"}]}, "templates"),
        ({"templates": ["aviso"]}, "templates"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_nothing_is_made(scoped: Account, admin: Membership, changes: dict, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(admin, **changes)

    assert list(refused.value.message_dict) == [field]
    assert not Channel.objects.exists()
    assert not AuditEntry.objects.exists()


def test_an_unknown_kind_and_an_empty_name_are_refused(scoped: Account, admin: Membership) -> None:
    with pytest.raises(ValidationError, match="fax"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("integrations.connecting.registered_kinds", lambda: ["fax"])
        connect_channel(kind="paloma", name="Paloma", settings={}, by=Actor.person(admin))
    with pytest.raises(ValidationError) as refused:
        connect_channel(kind="whatsapp", name=" ", settings=WHATSAPP, by=Actor.person(admin))
    assert list(refused.value.message_dict) == ["name"]
    assert not Channel.objects.exists()


def test_a_verify_token_is_made_where_none_is_given(scoped: Account, admin: Membership) -> None:
    assert len(connect(admin, verify_token="").settings["verify_token"]) >= 20


def test_an_agent_may_not_touch_channels(scoped: Account, admin: Membership, agent: Membership) -> None:
    channel, by = connect(admin), Actor.person(agent)

    for attempt in (
        lambda: connect_channel(kind="whatsapp", name="Otra", settings=WHATSAPP, by=by),
        lambda: update_channel(channel=channel, name="Otra", by=by),
        lambda: activate_channel(channel=channel, active=False, by=by),
        lambda: set_greeting_bot(channel=channel, enabled=True, by=by),
        lambda: check_channel(channel=channel, by=by),
    ):
        with pytest.raises(PermissionDenied):
            attempt()

    channel.refresh_from_db()
    assert (Channel.objects.count(), channel.name, channel.is_active, channel.greeting_bot) == (1, "Ventas", True, {})
    assert AuditEntry.objects.count() == 1


def test_a_change_keeps_what_is_not_given_and_secrets_given_empty(scoped: Account, admin: Membership) -> None:
    channel = connect(admin, business_account_id="102290129340398")
    Channel.objects.filter(pk=channel.pk).update(problem="No responde", sending_problem="El token expiró")

    channel = update_channel(channel=channel, settings={"access_token": "EAAG-nuevo", "app_secret": ""}, by=Actor.person(admin))

    channel.refresh_from_db()
    assert channel.secrets == {"access_token": "EAAG-nuevo", "app_secret": "s3creto"}
    assert channel.settings["business_account_id"] == "102290129340398"
    assert (channel.problem, channel.sending_problem) == ("", "")
    assert AuditEntry.objects.latest("id").detail == {"changed": ["access_token"]}


def test_a_change_of_nothing_leaves_no_trace(scoped: Account, admin: Membership) -> None:
    channel = connect(admin)

    update_channel(channel=channel, name="Ventas", settings=dict(WHATSAPP), by=Actor.person(admin))

    assert AuditEntry.objects.count() == 1
    assert Channel.history.count() == 1


def test_switching_off_and_on_is_audited_once_each(scoped: Account, admin: Membership) -> None:
    channel = connect(admin)
    by = Actor.person(admin)

    for active in (False, False, True):
        activate_channel(channel=channel, active=active, by=by)

    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True))[1:] == ["channel.deactivate", "channel.activate"]


def test_the_bot_is_switched_on_with_its_questions(scoped: Account, admin: Membership) -> None:
    channel = connect(admin)

    channel = set_greeting_bot(channel=channel, enabled=True, greeting=" ¡Hola! ", ask=["contact", "name"], by=Actor.person(admin))

    channel.refresh_from_db()
    assert channel.greeting_bot == {"enabled": True, "greeting": "¡Hola!", "ask": ["name", "contact"]}
    for wrong in ({"ask": ["favourite colour"]}, {"greeting": "a" * 501}):
        with pytest.raises(ValidationError):
            set_greeting_bot(channel=channel, enabled=True, by=Actor.person(admin), **wrong)


CHECKED = {
    "whatsapp": (WHATSAPP, "106540352242922?fields=display_phone_number"),
    "instagram": ({"ig_user_id": "17841405822304914", "access_token": "IGAA", "app_secret": "s"}, "17841405822304914?fields=username"),
}


@pytest.mark.parametrize("kind", CHECKED)
def test_the_connection_to_meta_is_tried_with_the_saved_token(scoped: Account, admin: Membership, provider: Provider, kind: str) -> None:
    settings, path = CHECKED[kind]
    by = Actor.person(admin)
    channel = connect_channel(kind=kind, name="Ventas", settings={**settings, "api_base": provider.url}, by=by)
    Channel.objects.filter(pk=channel.pk).update(sending_problem="El token expiró")
    channel.refresh_from_db()

    provider.answer(401, {"error": {"code": 190, "message": "expired"}})
    [expired] = check_channel(channel=channel, by=by) or []
    provider.answer(400, {"error": {"code": 100, "error_subcode": 33, "message": "Unsupported get request"}})
    [unknown] = check_channel(channel=channel, by=by) or []
    channel.refresh_from_db()
    assert ("token" in expired, channel.settings[next(iter(settings))] in unknown) == (True, True)
    assert channel.sending_problem == "El token expiró"

    provider.answer(200, {"id": "1"})
    assert check_channel(channel=channel, by=by) == []

    channel.refresh_from_db()
    assert channel.sending_problem == ""
    assert {asked.method for asked in provider.asked} == {"GET"}
    assert provider.asked[-1].path == f"/{path}"
    assert provider.asked[-1].headers["authorization"] == f"Bearer {settings['access_token']}"


def test_a_web_chat_has_nothing_to_try(scoped: Account, admin: Membership) -> None:
    assert check_channel(channel=make_channel(scoped, "webchat"), by=Actor.person(admin)) is None
