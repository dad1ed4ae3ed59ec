"""Fetch a file that came in: its id gives an address for about five minutes, the address gives the bytes."""

import base64
import hashlib
import hmac
from urllib.parse import quote

from django.conf import settings

from accounts.models import Channel
from inbox.adapters import DeliveryError, MediaGone
from inbox.models import Attachment
from integrations.channels.whatsapp.sending import graph_api

# The id is older than its seven days, or was never ours.
GONE = frozenset({"100", "http-404", "http-410"})


class DamagedFile(Exception):
    """What came is not what was announced; another try may bring it."""


def fetch(*, channel: Channel, attachment: Attachment) -> tuple[bytes, str]:
    """Bytes and content type. Raises ``MediaGone``; other errors are worth another try."""
    api, remote = graph_api(channel), attachment.remote
    url, announced = remote.get("url", ""), remote.get("sha256", "")
    if remote.get("id"):
        try:
            # An id is one step of the path, whatever it holds.
            said = api.get(quote(remote["id"], safe=""), {"phone_number_id": channel.settings["phone_number_id"]})
        except DeliveryError as error:
            if error.code not in GONE:
                raise
            if not url:
                raise MediaGone(error.text) from error
        else:
            url = said.get("url") or url
            announced = said.get("sha256") or announced
    if not isinstance(url, str) or not url:
        raise MediaGone("no address was given")
    answer = api.download(url, max_bytes=settings.ATTACHMENT_MAX_BYTES, with_token=True)
    if isinstance(announced, str) and announced and not _is_digest(announced, answer.content):
        raise DamagedFile("the checksum is another")
    return answer.content, attachment.content_type or answer.content_type


def _is_digest(announced: str, content: bytes) -> bool:
    """Webhooks have carried the SHA-256 in base64 and in hexadecimal. What is neither proves nothing."""
    digest = hashlib.sha256(content).digest()
    spellings = (digest.hex(), base64.b64encode(digest).decode())
    if len(announced) not in map(len, spellings):
        return True
    return any(hmac.compare_digest(announced.lower() if len(announced) == 64 else announced, spelling) for spelling in spellings)
