"""Kinds of channel by the names that customers know."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

CHANNEL_NAMES = {
    "whatsapp": "WhatsApp",
    "email": gettext_lazy("Email"),
    "sms": "SMS",
    "voice": gettext_lazy("Phone call"),
    "instagram": "Instagram",
    "webchat": gettext_lazy("Web chat"),
}


def channel_name(kind: str) -> str:
    """An empty kind means every channel."""
    return str(CHANNEL_NAMES.get(kind, kind)) if kind else _("every channel")
