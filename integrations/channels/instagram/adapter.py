"""The adapter that the inbox knows."""

import secrets
from typing import Any
from urllib.parse import quote

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.models import Channel, ChannelKind
from contacts.claims import Address, Claim
from contacts.models import IdentifierKind
from inbox.adapters import Inbound, MediaGone, ProviderReceipt, SettingField
from inbox.models import Attachment, InboundEvent, Message
from integrations.channel_settings import clean_settings
from integrations.channels.instagram import parsing, sending

API_BASE = "https://graph.instagram.com/v26.0"


class InstagramAdapter:
    kind: str = ChannelKind.INSTAGRAM
    address_kind: str = IdentifierKind.INSTAGRAM
    reaches: frozenset[str] = frozenset({IdentifierKind.INSTAGRAM.value})
    has_webhook: bool = True
    setting_fields: tuple[SettingField, ...] = (
        SettingField("ig_user_id", _("Instagram account ID"), _("The id of the professional account, as webhooks name it; digits only.")),
        SettingField("access_token", _("Access token"), _("A long-lived token with instagram_business_manage_messages."), secret=True),
        SettingField("app_secret", _("App secret"), _("The Instagram app's own secret, which is not the Meta app's."), secret=True),
        SettingField(
            "verify_token",
            _("Verify token"),
            _("Any text; Meta asks for it when the webhook is set up. Empty: one is made."),
            required=False,
        ),
        SettingField(
            "api_base", _("API address"), _("Only to be changed for a test or a proxy."), required=False, default=API_BASE, kind="url"
        ),
    )

    def validate_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        cleaned = clean_settings(self.setting_fields, settings)
        if not cleaned["ig_user_id"].isascii() or not cleaned["ig_user_id"].isalnum():
            raise ValidationError({"ig_user_id": _("Give the account's id, digits only; not its user name.")})
        cleaned["verify_token"] = cleaned["verify_token"] or secrets.token_urlsafe(18)
        return cleaned

    def check_connection(self, channel: Channel) -> list[str]:
        with translation.override(channel.account.language):
            return sending.graph_api(channel).problems_with(channel.settings["ig_user_id"], fields="username")

    def parse(self, *, channel: Channel, event: InboundEvent) -> list[Inbound]:
        return parsing.parse(bytes(event.body), ig_user_id=channel.settings["ig_user_id"], received_at=event.received_at)

    def send(self, *, channel: Channel, message: Message) -> ProviderReceipt:
        with translation.override(channel.account.language):
            return sending.send(channel=channel, message=message)

    def fetch_media(self, *, channel: Channel, attachment: Attachment) -> tuple[bytes, str]:
        if not (url := attachment.remote.get("url")):
            raise MediaGone("no address was given")
        answer = sending.graph_api(channel).download(url, max_bytes=django_settings.ATTACHMENT_MAX_BYTES, with_token=False)
        if answer.content_type == "text/html":
            raise MediaGone("the address leads to a page, not to a file")
        return answer.content, attachment.content_type or answer.content_type

    def look_up(self, *, channel: Channel, address: Address) -> Claim:
        """What Instagram tells about somebody who wrote: name and user name. Raises ``DeliveryError``."""
        said = sending.graph_api(channel).get(quote(address.value, safe=""), {"fields": "name,username"})
        given = {key: said[key].strip()[:200] for key in ("name", "username") if isinstance(said.get(key), str) and said[key].strip()}
        return Claim(given=given)
