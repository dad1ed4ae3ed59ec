"""The explicit list of channels."""

from inbox.adapters import register


def register_all() -> None:
    """Fill the inbox's registry; called once when the apps are ready."""
    from integrations.channels.email.adapter import EmailAdapter
    from integrations.channels.instagram.adapter import InstagramAdapter
    from integrations.channels.webchat.adapter import WebchatAdapter
    from integrations.channels.whatsapp.adapter import WhatsAppAdapter

    register(WhatsAppAdapter())
    register(InstagramAdapter())
    register(WebchatAdapter())
    register(EmailAdapter())
