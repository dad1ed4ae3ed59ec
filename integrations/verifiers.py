"""How each kind of webhook proves where it comes from. A kind that is not listed has no webhook."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from integrations.signatures import is_hub_signature


@dataclass(frozen=True)
class Hook:
    """What the intake knows of a channel: enough to decide about a request, for a few seconds."""

    account_id: int
    channel_id: int
    kind: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str]


class Verifier(Protocol):
    """Pure functions of the request; headers have lower-case names."""

    def answer_handshake(self, hook: Hook, query: Mapping[str, str]) -> str | None:
        """The text that answers the provider's GET when the address is set up; ``None`` refuses."""
        ...

    def is_authentic(self, hook: Hook, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        """Whether the request comes from the provider, judged by the raw bytes."""
        ...


class HubVerifier:
    """Meta's: a challenge on set-up, then an HMAC with the app's secret over each body."""

    def answer_handshake(self, hook: Hook, query: Mapping[str, str]) -> str | None:
        wanted, given = hook.settings.get("verify_token", ""), query.get("hub.verify_token", "")
        if query.get("hub.mode") != "subscribe" or not wanted or not hmac.compare_digest(wanted.encode(), given.encode()):
            return None
        return query.get("hub.challenge", "")[:500]

    def is_authentic(self, hook: Hook, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        return is_hub_signature(secret=hook.secrets.get("app_secret", ""), body=body, given=headers.get(b"x-hub-signature-256", b""))


VERIFIERS: dict[str, Verifier] = {"whatsapp": HubVerifier(), "instagram": HubVerifier()}
