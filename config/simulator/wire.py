"""What the providers send, byte for byte: used by the simulator's pages and by the demo's history."""

import email.message
import email.utils
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any


def signature(app_secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature-256`` for a body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def as_body(payload: dict[str, Any]) -> bytes:
    """JSON as Meta sends it: no spaces, non-ASCII escaped."""
    return json.dumps(payload, separators=(",", ":")).encode()


def whatsapp_message(
    *,
    phone_number_id: str,
    wamid: str,
    wa_id: str,
    name: str,
    at: datetime,
    content: dict[str, Any],
    answers: str = "",
) -> dict[str, Any]:
    """One inbound WhatsApp message. ``content`` holds ``type`` and the block of that type; ``answers`` is a wamid of ours."""
    message = {"from": wa_id, "id": wamid, "timestamp": str(int(at.timestamp())), **content}
    if answers:
        message["context"] = {"from": "", "id": answers}
    return _whatsapp(
        phone_number_id,
        {"contacts": [{"profile": {"name": name}, "wa_id": wa_id}], "messages": [message]},
    )


def whatsapp_text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": text}}


def whatsapp_status(
    *, phone_number_id: str, wamid: str, wa_id: str, status: str, at: datetime, errors: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """A status of a message that the business sent: sent, delivered, read or failed."""
    entry: dict[str, Any] = {"id": wamid, "status": status, "timestamp": str(int(at.timestamp())), "recipient_id": wa_id}
    if errors:
        entry["errors"] = list(errors)
    return _whatsapp(phone_number_id, {"statuses": [entry]})


def whatsapp_preference(*, phone_number_id: str, wa_id: str, wants: bool, at: datetime) -> dict[str, Any]:
    """The person used WhatsApp's own switch for marketing messages."""
    preference = {
        "wa_id": wa_id,
        "detail": "User requested to resume marketing messages" if wants else "User requested to stop marketing messages",
        "category": "marketing_messages",
        "value": "resume" if wants else "stop",
        "timestamp": int(at.timestamp()),
    }
    contact = {"profile": {"name": ""}, "wa_id": wa_id}
    return _whatsapp(phone_number_id, {"contacts": [contact], "user_preferences": [preference]}, field="user_preferences")


def _whatsapp(phone_number_id: str, value: dict[str, Any], *, field: str = "messages") -> dict[str, Any]:
    metadata = {"display_phone_number": "", "phone_number_id": phone_number_id}
    change = {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "demo-business", "changes": [change]}]}


def instagram_message(*, account_id: str, sender: str, mid: str, at: datetime, message: dict[str, Any]) -> dict[str, Any]:
    """One direct message to the Instagram account; ``message`` holds text, attachments, reply_to …"""
    return _instagram(account_id, sender, at, {"message": {"mid": mid, **message}})


def instagram_reaction(*, account_id: str, sender: str, mid: str, emoji: str, at: datetime) -> dict[str, Any]:
    action = {"mid": mid, "action": "react", "reaction": "other", "emoji": emoji} if emoji else {"mid": mid, "action": "unreact"}
    return _instagram(account_id, sender, at, {"reaction": action})


def instagram_read(*, account_id: str, sender: str, mid: str, at: datetime) -> dict[str, Any]:
    return _instagram(account_id, sender, at, {"read": {"mid": mid}})


def _instagram(account_id: str, sender: str, at: datetime, part: dict[str, Any]) -> dict[str, Any]:
    milliseconds = int(at.timestamp() * 1000)
    messaging = {"sender": {"id": sender}, "recipient": {"id": account_id}, "timestamp": milliseconds, **part}
    return {"object": "instagram", "entry": [{"id": account_id, "time": milliseconds, "messaging": [messaging]}]}


def email_message(
    *,
    sender: str,
    sender_name: str,
    recipient: str,
    subject: str,
    text: str,
    at: datetime,
    message_id: str,
    answers: Sequence[str] = (),
    files: Sequence[tuple[str, str, bytes]] = (),
) -> email.message.EmailMessage:
    """A mail as a person's mail program writes it. ``answers`` are Message-IDs, oldest first; ``files`` (name, type, bytes)."""
    mail = email.message.EmailMessage()
    mail["From"] = email.utils.formataddr((sender_name, sender))
    mail["To"] = recipient
    mail["Subject"] = subject
    mail["Date"] = email.utils.format_datetime(at)
    mail["Message-ID"] = message_id
    if answers:
        mail["In-Reply-To"] = answers[-1]
        mail["References"] = " ".join(answers)
    mail.set_content(text)
    for name, content_type, content in files:
        maintype, _, subtype = content_type.partition("/")
        mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return mail
