"""The mailbox in the inbox's terms."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import translation

from accounts.models import Channel, ChannelKind
from contacts.models import IdentifierKind
from inbox.adapters import Inbound, MediaGone, ProviderReceipt, SettingField
from inbox.models import Attachment, InboundEvent, Message
from integrations.channels.email import connecting, mailbox_settings, parsing, sending


class EmailAdapter:
    kind: str = ChannelKind.EMAIL
    address_kind: str = IdentifierKind.EMAIL
    reaches: frozenset[str] = frozenset({IdentifierKind.EMAIL.value})
    setting_fields: tuple[SettingField, ...] = mailbox_settings.FIELDS
    has_webhook: bool = False
    threads_by_reference: bool = True

    def validate_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return mailbox_settings.validate(settings)

    def check_connection(self, channel: Channel) -> list[str]:
        return connecting.check_connection(mailbox_settings.settings_of(channel)).problems

    def parse(self, *, channel: Channel, event: InboundEvent) -> list[Inbound]:
        return parsing.parse(
            bytes(event.body),
            own_address=str(channel.settings.get("address", "")),
            trusted_server=str(channel.settings.get("authserv_id", "")),
            received_at=_received_at(event),
            context=event.context,
            max_file_bytes=settings.ATTACHMENT_MAX_BYTES,
        )

    def send(self, *, channel: Channel, message: Message) -> ProviderReceipt:
        # What went wrong is kept with the message: in the account's language, whatever the worker's.
        with translation.override(channel.account.language):
            return sending.send(channel=channel, message=message)

    def fetch_media(self, *, channel: Channel, attachment: Attachment) -> tuple[bytes, str]:
        raise MediaGone("Files of a mail come with it.")


def _received_at(event: InboundEvent) -> datetime:
    """Our mail server's time, else when we stored the event."""
    try:
        found = datetime.fromisoformat(str(event.context.get("received_at", "")))
    except ValueError:
        found = None
    if found is not None and found.tzinfo is not None:
        return found.astimezone(UTC)
    return event.received_at if isinstance(event.received_at, datetime) else datetime.now(UTC)
