"""The adapter that the inbox knows."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.models import Channel, ChannelKind
from contacts.models import IdentifierKind
from inbox.adapters import Inbound, ProviderReceipt, SettingField
from inbox.models import Attachment, InboundEvent, Message
from integrations.channel_settings import clean_settings
from integrations.channels.whatsapp import media, parsing, sending
from integrations.channels.whatsapp.templates import clean_templates

API_BASE = "https://graph.facebook.com/v26.0"


class WhatsAppAdapter:
    kind: str = ChannelKind.WHATSAPP
    address_kind: str = IdentifierKind.WHATSAPP
    reaches: frozenset[str] = frozenset({IdentifierKind.WHATSAPP.value, IdentifierKind.WHATSAPP_USER.value, IdentifierKind.PHONE.value})
    has_webhook: bool = True
    setting_fields: tuple[SettingField, ...] = (
        SettingField("phone_number_id", _("Phone number ID"), _("In Meta's console: WhatsApp → API setup. It is not the phone number.")),
        SettingField(
            "access_token", _("Access token"), _("A permanent token of a system user with whatsapp_business_messaging."), secret=True
        ),
        SettingField(
            "app_secret",
            _("App secret"),
            _("In Meta's console: App settings → Basic. It proves that webhooks come from Meta."),
            secret=True,
        ),
        SettingField(
            "verify_token",
            _("Verify token"),
            _("Any text; Meta asks for it when the webhook is set up. Empty: one is made."),
            required=False,
        ),
        SettingField(
            "business_account_id", _("Business account ID"), _("The WhatsApp business account that owns the number."), required=False
        ),
        SettingField(
            "api_base", _("API address"), _("Only to be changed for a test or a proxy."), required=False, default=API_BASE, kind="url"
        ),
        SettingField(
            "templates",
            _("Templates"),
            _("Those that Meta has approved, with {{1}} in the body where a value goes. An agent may send them after 24 hours."),
            required=False,
            default=list,
            kind="list",
            columns=(("name", _("Name in Meta")), ("language", _("Language")), ("category", _("Category")), ("body", _("Body"))),
        ),
    )

    def validate_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        cleaned = clean_settings(self.setting_fields, settings)
        if not cleaned["phone_number_id"].isascii() or not cleaned["phone_number_id"].isalnum():
            raise ValidationError({"phone_number_id": _("Give the id, digits only; not the phone number with its plus sign.")})
        try:
            cleaned["templates"] = clean_templates(cleaned["templates"])
        except ValidationError as error:
            raise ValidationError({"templates": error}) from error
        cleaned["verify_token"] = cleaned["verify_token"] or secrets.token_urlsafe(18)
        return cleaned

    def check_connection(self, channel: Channel) -> list[str]:
        with translation.override(channel.account.language):
            return sending.graph_api(channel).problems_with(channel.settings["phone_number_id"], fields="display_phone_number")

    def parse(self, *, channel: Channel, event: InboundEvent) -> list[Inbound]:
        return parsing.parse(
            bytes(event.body),
            phone_number_id=channel.settings["phone_number_id"],
            portfolio=channel.settings.get("business_account_id") or f"channel-{channel.pk}",
            received_at=event.received_at,
        )

    def send(self, *, channel: Channel, message: Message) -> ProviderReceipt:
        # What went wrong is kept with the message: in the account's language, whatever the worker's.
        with translation.override(channel.account.language):
            return sending.send(channel=channel, message=message)

    def fetch_media(self, *, channel: Channel, attachment: Attachment) -> tuple[bytes, str]:
        return media.fetch(channel=channel, attachment=attachment)
