"""Secrets and signatures as the Standard Webhooks specification has them."""

import base64
import secrets
from datetime import datetime

from standardwebhooks import Webhook

from integrations.models import WebhookSubscription

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits, in the specification's spelling."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secrets_at(subscription: WebhookSubscription, at: datetime) -> list[str]:
    """The secrets that sign at a moment: the current one first, then the former while it holds."""
    kept: dict[str, str] = subscription.secrets  # type: ignore[assignment]
    still = subscription.previous_until is not None and subscription.previous_until > at and kept.get("previous")
    return [kept["current"], *([kept["previous"]] if still else [])]


def signed_headers(*, subscription: WebhookSubscription, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of one attempt at ``at`` (aware, UTC)."""
    signatures = [Webhook(secret).sign(message_id, at, body.decode()) for secret in secrets_at(subscription, at)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
