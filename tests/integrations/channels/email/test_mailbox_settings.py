"""What an admin fills in is put right, or refused with what to do."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from integrations.channels.email.mailbox_settings import settings_of, validate
from integrations.connecting import connect_channel, update_channel

GIVEN = {"address": "hola@ejemplo.cl", "imap_host": "imap.ejemplo.cl", "imap_password": "abcd efgh", "smtp_host": "smtp.ejemplo.cl"}


def test_what_is_left_out_is_completed() -> None:
    cleaned = validate(GIVEN)
    assert (cleaned["imap_port"], cleaned["imap_security"], cleaned["folder"]) == (993, "ssl", "INBOX")
    assert (cleaned["smtp_port"], cleaned["smtp_security"]) == (587, "starttls")

    settings = settings_of(Channel(kind="email", settings=cleaned, secrets={}))
    assert settings.imap.user == settings.smtp.user == "hola@ejemplo.cl"
    assert settings.smtp.password == settings.imap.password == "abcd efgh"
    assert "abcd" not in repr(settings)


def test_a_server_without_login_and_an_address_beyond_ascii() -> None:
    cleaned = validate({**GIVEN, "address": "hola@ñandú.cl", "imap_host": "correo.ñandú.cl", "smtp_user": "-"})
    settings = settings_of(Channel(kind="email", settings=cleaned, secrets={}))
    assert (settings.smtp.user, settings.imap.host, settings.domain) == ("", "correo.xn--and-6ma2c.cl", "xn--and-6ma2c.cl")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": ""}, "address"),
        ({"address": "hola"}, "address"),
        ({"address": "Ana <hola@ejemplo.cl>, otro@ejemplo.cl"}, "address"),
        ({"from_name": "Andes\r\nBcc: todos@ejemplo.cl"}, "from_name"),
        ({"imap_host": ""}, "imap_host"),
        ({"imap_host": "https://imap.ejemplo.cl"}, "imap_host"),
        ({"imap_host": "imap.ejemplo.cl:993"}, "imap_host"),
        ({"imap_port": "99999"}, "imap_port"),
        ({"imap_port": "ssl"}, "imap_port"),
        ({"imap_security": "tls"}, "imap_security"),
        ({"imap_port": 993, "imap_security": "starttls"}, "imap_security"),
        ({"smtp_port": 587, "smtp_security": "ssl"}, "smtp_security"),
        ({"imap_password": " "}, "imap_password"),
        ({"folder": "INBOX\r\nA1 DELETE x"}, "folder"),
        ({"unknown": "x"}, "unknown"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate({**GIVEN, **changes})
    assert set(refused.value.message_dict) == {field}


def test_every_mistake_is_said_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        validate({"address": "hola", "imap_port": "x"})
    assert {"address", "imap_host", "imap_password", "imap_port", "smtp_host"} == set(refused.value.message_dict)


def test_passwords_are_kept_apart_and_survive_a_change(scoped: Account, admin: Membership) -> None:
    by = Actor.person(admin)
    channel = connect_channel(kind="email", name="Correo", settings=GIVEN, by=by)
    update_channel(channel=channel, settings={"folder": "Ventas", "imap_password": ""}, by=by)

    channel.refresh_from_db()
    assert channel.settings["folder"] == "Ventas"
    assert "imap_password" not in channel.settings
    assert settings_of(channel).imap.password == "abcd efgh"
