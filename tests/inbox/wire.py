"""Bodies as WhatsApp sends them, for tests that are not about its wire format."""

import json
from typing import Any

NUMBER_ID = "106540352242922"
SETTINGS = {"phone_number_id": NUMBER_ID, "api_base": "http://127.0.0.1:1"}
SECRETS = {"app_secret": "s", "access_token": "t"}


def text(wamid: str, sender: str = "56987654321", body: str = "hola", *, at: int = 1_772_452_800) -> dict[str, Any]:
    """One text message; ``at`` is in seconds since 1970."""
    return {"from": sender, "id": wamid, "timestamp": str(at), "type": "text", "text": {"body": body}}


def status(wamid: str, word: str, recipient: str = "56987654321", *, at: int = 1_772_452_900) -> dict[str, Any]:
    return {"id": wamid, "status": word, "timestamp": str(at), "recipient_id": recipient}


def envelope(*messages: dict[str, Any], statuses: list[dict[str, Any]] | None = None, name: str = "María") -> bytes:
    """A webhook's body with these messages and statuses."""
    people = [{"wa_id": message["from"], "profile": {"name": name}} for message in messages]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "56222222222", "phone_number_id": NUMBER_ID},
        **({"contacts": people, "messages": list(messages)} if messages else {}),
        **({"statuses": statuses} if statuses else {}),
    }
    change = {"field": "messages", "value": value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()
