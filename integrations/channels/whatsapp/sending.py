"""Hand a message to WhatsApp: text, template, or files that are put up first."""

from typing import Any

from accounts.models import Channel
from contacts.models import IdentifierKind
from inbox.adapters import DeliveryError, OutcomeUnknown, ProviderReceipt
from inbox.models import Attachment, Message
from integrations.channel_settings import secret_of
from integrations.channels.whatsapp.failures import WHATSAPP
from integrations.channels.whatsapp.templates import components_of
from integrations.meta.graph import GraphApi

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
MEGABYTE = 1024 * 1024
# What WhatsApp shows as what, and up to which size; everything else, and what is larger, goes as a document.
SHOWN_AS = {
    "image/jpeg": ("image", 5 * MEGABYTE),
    "image/png": ("image", 5 * MEGABYTE),
    "video/mp4": ("video", 16 * MEGABYTE),
    "video/3gpp": ("video", 16 * MEGABYTE),
    "audio/aac": ("audio", 16 * MEGABYTE),
    "audio/amr": ("audio", 16 * MEGABYTE),
    "audio/mpeg": ("audio", 16 * MEGABYTE),
    "audio/mp4": ("audio", 16 * MEGABYTE),
    "audio/ogg": ("audio", 16 * MEGABYTE),
}
WITHOUT_CAPTION = frozenset({"audio", "sticker"})


def graph_api(channel: Channel) -> GraphApi:
    return GraphApi(base=channel.settings["api_base"], token=secret_of(channel, "access_token"), texts=WHATSAPP)


def send(*, channel: Channel, message: Message) -> ProviderReceipt:
    """Send one message, as several of WhatsApp's where it has several files. Raises ``DeliveryError``, ``OutcomeUnknown``."""
    api, number = graph_api(channel), channel.settings["phone_number_id"]
    payloads = _payloads(api, number, message)
    envelope: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(message),
        # Comes back with every status, and so tells of a message whose receipt we never saw.
        "biz_opaque_callback_data": str(message.outbound.key),
    }
    if message.reply_to is not None and message.reply_to.provider_id:
        envelope["context"] = {"message_id": message.reply_to.provider_id}
    ids: list[str] = []
    for payload in payloads:
        try:
            ids.append(_provider_id(api.send(f"{number}/messages", {**envelope, **payload})))
        except DeliveryError as error:
            if not ids:
                raise
            # Trying again would send the first parts twice.
            raise OutcomeUnknown(f"{len(ids)} of {len(payloads)} parts were sent: {error.text}") from error
    return ProviderReceipt(ids[0], {"ids": ids} if len(ids) > 1 else {})


def _recipient(message: Message) -> dict[str, str]:
    identifier = message.identifier
    if identifier is None:
        raise DeliveryError("The address of this message is gone.", permanent=True, code="no-address")
    if identifier.kind == IdentifierKind.WHATSAPP_USER:
        return {"recipient": identifier.raw}
    return {"to": identifier.raw.lstrip("+")}


def _payloads(api: GraphApi, number: str, message: Message) -> list[dict[str, Any]]:
    if message.kind == "template":
        return [{"type": "template", "template": components_of(message.payload.get("template", message.payload))}]
    files = list(message.attachments.order_by("id"))
    body = message.body.strip()
    if not files:
        return [{"type": "text", "text": {"body": _short_enough(body), "preview_url": True}}]
    shown = [_shown_as(file) for file in files]
    payloads = [_file_payload(api, number, file, kind) for file, kind in zip(files, shown, strict=True)]
    if not body:
        return payloads
    if shown[0] in WITHOUT_CAPTION or len(body) > CAPTION_LIMIT:
        return [{"type": "text", "text": {"body": _short_enough(body), "preview_url": True}}, *payloads]
    payloads[0][shown[0]]["caption"] = body
    return payloads


def _short_enough(body: str) -> str:
    if len(body) > TEXT_LIMIT:
        raise DeliveryError(f"{WHATSAPP[131009].text} ({len(body)} > {TEXT_LIMIT})", permanent=True, code="131009")
    return body


def _shown_as(file: Attachment) -> str:
    kind, limit = SHOWN_AS.get(file.content_type.split(";")[0].strip().lower(), ("document", 0))
    return kind if file.file.size <= limit else "document"


def _file_payload(api: GraphApi, number: str, file: Attachment, kind: str) -> dict[str, Any]:
    content_type = file.content_type or "application/octet-stream"
    with file.file.open("rb") as stored:
        put_up = api.upload(
            f"{number}/media",
            fields={"messaging_product": "whatsapp", "type": content_type},
            name=file.name or "file",
            content=stored.read(),
            content_type=content_type,
        )
    media_id = put_up.get("id")
    if not isinstance(media_id, (str, int)):
        raise DeliveryError(str(WHATSAPP[131053].text), permanent=False, code="131053")
    return {"type": kind, kind: {"id": str(media_id), **({"filename": file.name} if kind == "document" and file.name else {})}}


def _provider_id(said: dict[str, Any]) -> str:
    messages = said.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    provider_id = first.get("id") if isinstance(first, dict) else None
    if not isinstance(provider_id, str) or not provider_id:
        raise OutcomeUnknown("the answer names no message")
    return provider_id
