"""Verification codes through the account's own channels: a real mail server, and the provider's API on loop-back."""

import re
from email import message_from_bytes, policy

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Account, Channel, Membership
from config.simulator.mailserver import MailServer
from contacts.code_senders import ready_senders
from contacts.verifying import confirm_code, send_code
from tests.conftest import make_channel
from tests.contacts.stories import identifier_of, person, writes
from tests.integrations.channels.email.conftest import channel_on
from tests.integrations.provider import Provider

TEMPLATE = {"name": "codigo", "language": "es", "body": "{{1}} es tu código", "category": "authentication"}


@pytest.fixture
def web(scoped: Account) -> Channel:
    return make_channel(scoped, "webchat")


def whatsapp_on(provider: Provider, account: Account, *templates: dict[str, str]) -> Channel:
    values = {"phone_number_id": "106", "api_base": f"{provider.url}/v26.0", "templates": list(templates)}
    return make_channel(account, "whatsapp", settings=values, secrets={"access_token": "x", "app_secret": "s"})


def test_a_code_arrives_by_mail_and_confirms(scoped: Account, settings: object, web: Channel, agent: Membership) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]  # type: ignore[attr-defined]
    typed = identifier_of(writes(web, "visitor-1", email="ana@cliente.test").profile, "email")
    with MailServer({"hola@tienda.test": "clave de la casa"}) as server:
        channel_on(server, scoped, address="hola@tienda.test")
        send_code(identifier=typed, sender="email", by=person(agent))
        mail = server.wait_for_outgoing(lambda _mail: True)

    received = message_from_bytes(mail.raw, policy=policy.default)
    assert mail.recipients == ("ana@cliente.test",)
    assert received["Auto-Submitted"] == "auto-generated" or received["Auto-Submitted"] == "auto-replied"
    (code,) = set(re.findall(r"\b\d{6}\b", f"{received['Subject']} {received.get_body(('plain',)).get_content()}"))
    assert confirm_code(identifier=typed, code=code, by=person(agent)).profile.pk == typed.profile_id


def test_a_code_goes_by_the_template_that_whatsapp_wants(scoped: Account, web: Channel, provider: Provider, agent: Membership) -> None:
    whatsapp_on(provider, scoped, {**TEMPLATE, "name": "otra", "category": "utility"}, TEMPLATE)
    typed = identifier_of(writes(web, "visitor-1", phone="981234567").profile, "phone")
    provider.answer(200, {"messages": [{"id": "wamid.1"}]})

    send_code(identifier=typed, sender="whatsapp", by=person(agent))

    (asked,) = provider.asked
    assert (asked.json["to"], asked.json["type"], asked.json["template"]["name"]) == ("56981234567", "template", "codigo")
    body, button = asked.json["template"]["components"]
    assert (button["type"], button["sub_type"], button["parameters"]) == ("button", "url", body["parameters"])
    code = body["parameters"][0]["text"]
    assert confirm_code(identifier=typed, code=code, by=person(agent)).profile.pk == typed.profile_id


def test_without_a_template_whatsapp_takes_no_code(scoped: Account, web: Channel, provider: Provider, agent: Membership) -> None:
    whatsapp_on(provider, scoped)
    typed = identifier_of(writes(web, "visitor-1", phone="981234567").profile, "phone")
    with pytest.raises(ValidationError):
        send_code(identifier=typed, sender="whatsapp", by=person(agent))
    assert provider.asked == []


def test_what_the_provider_refuses_is_said(scoped: Account, web: Channel, provider: Provider, agent: Membership) -> None:
    whatsapp_on(provider, scoped, TEMPLATE)
    typed = identifier_of(writes(web, "visitor-1", phone="981234567").profile, "phone")
    provider.answer(400, {"error": {"message": "(#131026)", "type": "OAuthException", "code": 131026}})
    with pytest.raises(ValidationError):
        send_code(identifier=typed, sender="whatsapp", by=person(agent))


def test_a_way_is_offered_where_the_account_has_a_channel_for_it(scoped: Account, provider: Provider) -> None:
    assert ready_senders() == []
    whatsapp_on(provider, scoped)
    assert [sender.name for sender in ready_senders()] == ["whatsapp"]
    make_channel(scoped, "email")
    assert [sender.name for sender in ready_senders()] == ["email", "whatsapp"]
    Channel.objects.update(is_active=False)
    assert ready_senders() == []
