"""Hand a message to Instagram: text and files, each its own message there."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Channel
from consent.vocabulary import Reason
from inbox.adapters import DeliveryError, OutcomeUnknown, ProviderReceipt
from inbox.models import Attachment, Message
from integrations.channel_settings import secret_of
from integrations.channels.instagram.failures import INSTAGRAM
from integrations.meta.graph import GraphApi
from integrations.public_files import public_file_url

TEXT_LIMIT = 1000  # bytes
TOO_LONG = _("Instagram takes up to 1,000 bytes of text, about 900 letters. Send it in parts.")


def graph_api(channel: Channel) -> GraphApi:
    return GraphApi(base=channel.settings["api_base"], token=secret_of(channel, "access_token"), texts=INSTAGRAM)


def send(*, channel: Channel, message: Message) -> ProviderReceipt:
    """Send one message. Raises ``DeliveryError``, ``OutcomeUnknown``."""
    api = graph_api(channel)
    envelope: dict[str, Any] = {"recipient": _recipient(message)}
    if _needs_tag(message.outbound.verdict):
        envelope |= {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    parts = _parts(message)
    ids: list[str] = []
    for part in parts:
        try:
            ids.append(_provider_id(api.send(f"{channel.settings['ig_user_id']}/messages", {**envelope, "message": part})))
        except DeliveryError as error:
            if not ids:
                raise
            raise OutcomeUnknown(f"{len(ids)} of {len(parts)} parts were sent: {error.text}") from error
    return ProviderReceipt(ids[0], {"ids": ids} if len(ids) > 1 else {})


def _recipient(message: Message) -> dict[str, str]:
    answered = message.reply_to
    if answered is not None and answered.kind == "comment" and answered.provider_id:
        # A comment is answered in private: its author may never have written a message.
        return {"comment_id": answered.provider_id}
    if message.identifier is None:
        raise DeliveryError("The address of this message is gone.", permanent=True, code="no-address")
    return {"id": message.identifier.raw}


def _parts(message: Message) -> list[dict[str, Any]]:
    parts = [_file_part(file) for file in message.attachments.order_by("id")]
    body = message.body.strip()
    if body:
        if len(body.encode()) > TEXT_LIMIT:
            raise DeliveryError(str(TOO_LONG), permanent=True, code="too-long")
        parts.insert(0, {"text": body})
    return parts


def _file_part(file: Attachment) -> dict[str, Any]:
    family = file.content_type.split("/")[0].lower()
    kind = family if family in ("image", "audio", "video") else "file"
    return {"attachment": {"type": kind, "payload": {"url": public_file_url(file)}}}


def _needs_tag(verdict: dict[str, Any]) -> bool:
    """The gate is asked when a message is accepted and again when it leaves: the last word counts."""
    decision = verdict.get("left") or verdict.get("accepted") or {}
    return decision.get("reason") == Reason.HUMAN_AGENT_TAG


def _provider_id(said: dict[str, Any]) -> str:
    provider_id = said.get("message_id")
    if not isinstance(provider_id, str) or not provider_id:
        raise OutcomeUnknown("the answer names no message")
    return provider_id
