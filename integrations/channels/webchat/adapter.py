"""The web chat as a channel: what is sent is put into the visitor's line, and open tabs are told."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from inbox.adapters import DeliveryError, Inbound, MediaGone, ProviderReceipt, UnreadableEvent
from integrations.channels.webchat import options

if TYPE_CHECKING:
    from accounts.models import Channel
    from inbox.models import Attachment, InboundEvent, Message


class WebchatAdapter:
    """Nothing leaves the house: the socket carries both directions, and the widget's receipts are the statuses."""

    kind = "webchat"
    address_kind = "visitor"
    reaches = frozenset({"visitor"})
    setting_fields = options.FIELDS
    has_webhook = False
    # A message has one place in the line, however often it is sent.
    honours_idempotency_key = True

    def validate_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return options.validate(settings)

    def parse(self, *, channel: "Channel", event: "InboundEvent") -> list[Inbound]:
        """Visitors write through their socket, so no stored event is ever theirs."""
        raise UnreadableEvent("the web chat has no stored events")

    def send(self, *, channel: "Channel", message: "Message") -> ProviderReceipt:
        """Put the message into the visitor's line. Safe to repeat: a message has one place in it."""
        from integrations.channels.webchat.groups import tell_visitor
        from integrations.channels.webchat.lines import add_to_line
        from integrations.models import Visitor

        with transaction.atomic():
            address = message.identifier
            visitor = Visitor.scoped().filter(channel=channel, visitor_id=address.value).first() if address else None
            if visitor is None:
                raise DeliveryError(_("This visitor is not known any more."), permanent=True, code="no_visitor")
            sequence = add_to_line(visitor=visitor, message=message)
            tell_visitor(visitor.pk, "lines")
        return ProviderReceipt(provider_id=str(message.outbound.key), detail={"sequence": sequence})

    def fetch_media(self, *, channel: "Channel", attachment: "Attachment") -> tuple[bytes, str]:
        raise MediaGone("files of the web chat arrive with their message")
