"""An address under which a provider may fetch one file of ours for a short time, because it takes files by address only."""

from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.urls import reverse

from inbox.models import Attachment

_SALT = "hilo.public-file"
MAX_AGE = 3600  # seconds


class PublicFile(NamedTuple):
    account_id: int
    attachment_id: int


def public_file_url(attachment: Attachment) -> str:
    """Valid for an hour, for this attachment only, for whoever has it."""
    token = signing.dumps([attachment.account_id, attachment.pk], salt=_SALT, compress=False)
    return settings.PUBLIC_URL.rstrip("/") + reverse("public-file", args=[token])


def read_token(token: str) -> PublicFile | None:
    """Which file a token opens; ``None`` where it is forged or too old."""
    try:
        account_id, attachment_id = signing.loads(token, salt=_SALT, max_age=MAX_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return PublicFile(account_id, attachment_id)
