"""Verification codes by the account's own channels: a mail, or WhatsApp's template for codes. The code is stored nowhere."""

from typing import Any
from uuid import uuid4

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Channel, ChannelKind
from accounts.tenancy import TenantQuerySet
from consent.gate import Clearance, keep
from consent.models import Decision
from consent.vocabulary import PurposeClass, Reason
from contacts.code_senders import CodeNotSent, register
from contacts.models import Identifier, IdentifierKind
from inbox.adapters import DeliveryError, OutcomeUnknown
from inbox.asking import ask
from inbox.sending import refusal_text
from integrations.channels.email import message_ids
from integrations.channels.email import sending as mail
from integrations.channels.email.composing import Draft
from integrations.channels.email.mailbox_settings import settings_of
from integrations.channels.whatsapp.sending import graph_api


def register_senders() -> None:
    """Called once when the apps are ready."""
    register(EmailCodes())
    register(WhatsAppCodes())


def _channels(kind: str) -> TenantQuerySet[Channel]:
    return Channel.scoped().filter(kind=kind, is_active=True).select_related("account").order_by("pk")


class EmailCodes:
    name = "email"
    label = gettext_lazy("by email")
    reaches = frozenset({str(IdentifierKind.EMAIL)})

    def is_ready(self) -> bool:
        return _channels(ChannelKind.EMAIL).exists()

    def send(self, *, identifier: Identifier, code: str, minutes: int, link: str = "", language: str = "") -> None:
        channel = _channels(ChannelKind.EMAIL)[0]
        clearance = _clear(channel, identifier)
        settings = settings_of(channel)
        with translation.override(language or channel.account.language):
            draft = Draft(
                message_id=message_ids.own_message_id(uuid4(), domain=settings.domain),
                recipient=identifier.value,
                subject=_("Your code: %(code)s") % {"code": code},
                body=_letter(channel, code, minutes, link) if link else _in_words(channel, code, minutes),
                written_at=timezone.now(),
                is_automatic=True,
            )
        _hand_over(clearance, lambda: mail.hand_over(draft, settings))


class WhatsAppCodes:
    name = "whatsapp"
    label = gettext_lazy("by WhatsApp")
    reaches = frozenset({str(IdentifierKind.PHONE)})

    def is_ready(self) -> bool:
        return _channels(ChannelKind.WHATSAPP).exists()

    def send(self, *, identifier: Identifier, code: str, minutes: int, link: str = "", language: str = "") -> None:
        channel = _channels(ChannelKind.WHATSAPP)[0]
        template = _template_for_codes(channel, language or channel.account.language)
        clearance = _clear(channel, identifier, template)
        payload: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": identifier.value.lstrip("+")}
        if template is None:
            with translation.override(language or channel.account.language):
                payload |= {"type": "text", "text": {"body": _in_words(channel, code, minutes)}}
        else:
            payload |= {"type": "template", "template": _filled(template, code)}
        api, number = graph_api(channel), channel.settings["phone_number_id"]
        _hand_over(clearance, lambda: api.send(f"{number}/messages", payload))


def _template_for_codes(channel: Channel, language: str) -> dict[str, str] | None:
    """The channel's template for codes, in the language where there is one."""
    listed = [each for each in channel.settings.get("templates") or [] if each.get("category") == "authentication"]
    return min(listed, key=lambda each: not each["language"].startswith(language), default=None)


def _filled(template: dict[str, str], code: str) -> dict[str, Any]:
    """WhatsApp wants the code twice: in the text, and behind the button that copies it."""
    parameters = [{"type": "text", "text": code}]
    components = [
        {"type": "body", "parameters": parameters},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": parameters},
    ]
    return {"name": template["name"], "language": {"code": template["language"]}, "components": components}


def _in_words(channel: Channel, code: str, minutes: int) -> str:
    text = _("%(code)s is your code for %(account)s. It holds for %(minutes)d minutes. Tell it only to whoever asked you for it.")
    return text % {"code": code, "account": channel.account.name, "minutes": minutes}


def _letter(channel: Channel, code: str, minutes: int, link: str) -> str:
    text = _(
        "Open this link to come in to %(account)s:\n\n%(link)s\n\nOr write this code where you asked for it: %(code)s\n\n"
        "Both work once, for %(minutes)d minutes. If you did not ask for them, there is nothing to do: nobody came in."
    )
    return text % {"account": channel.account.name, "link": link, "code": code, "minutes": minutes}


def _clear(channel: Channel, identifier: Identifier, template: dict[str, str] | None = None) -> Clearance:
    """The gate's word on a code that somebody has just asked for. Raises ``CodeNotSent`` with its reason."""
    ruling = ask(
        channel=channel,
        identifier=identifier,
        by_person=True,
        template=template,
        purpose=str(PurposeClass.AUTHENTICATION),
        subject=f"code:{uuid4().hex}",
    )
    keep(ruling, stage=Decision.Stage.LEAVING)
    if ruling.reason is Reason.TEMPLATE_REQUIRED:
        raise CodeNotSent(_("WhatsApp takes a code only by an approved template of the category authentication: add one to the channel."))
    if not ruling.allowed:
        raise CodeNotSent(refusal_text(ruling.reason)[0])
    return Clearance(ruling)


def _hand_over(clearance: Clearance, send: Any) -> None:
    clearance.require(clearance.ruling.question.subject)
    try:
        send()
    except DeliveryError as error:
        raise CodeNotSent(error.text) from error
    except OutcomeUnknown as error:
        raise CodeNotSent(_("Nobody knows whether the code arrived: send another one.")) from error
