"""What WhatsApp and Instagram have in common: Meta's envelope of webhooks and its Graph API."""
