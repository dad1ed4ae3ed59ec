"""Keep the bytes of attachments: stored before the row commits, taken away again when it does not."""

import hashlib
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from inbox.adapters import InboundFile
from inbox.models import Attachment, Message

MOST_FILES = 10


class Filing:
    """Stores files for the length of a ``with`` block; an error that leaves the block removes what it stored."""

    def __init__(self) -> None:
        self.stored: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            for name in self.stored:
                default_storage.delete(name)

    def store(self, attachment: Attachment, content: bytes) -> None:
        """Keep the bytes and note their size and SHA-256; the caller saves the row."""
        attachment.file.save(attachment.name or "file", ContentFile(content), save=False)
        self.stored.append(attachment.file.name or "")
        attachment.size = len(content)
        attachment.sha256 = hashlib.sha256(content).hexdigest()
        attachment.state = Attachment.State.STORED

    def store_ours(self, message: Message, files: Sequence[File]) -> list[Attachment]:
        """The files that somebody of ours attached. Raises ``ValidationError`` for too many or too large ones."""
        if len(files) > MOST_FILES:
            raise ValidationError(_("At most %(count)d files fit in one message.") % {"count": MOST_FILES})
        kept = []
        for file in files:
            if file.size > settings.ATTACHMENT_MAX_BYTES:
                raise ValidationError(
                    _("%(name)s is larger than %(limit)s.") % {"name": file.name, "limit": filesizeformat(settings.ATTACHMENT_MAX_BYTES)}
                )
            attachment = Attachment(
                account_id=message.account_id,
                message=message,
                name=(file.name or "")[:255],
                content_type=getattr(file, "content_type", "") or "",
            )
            file.seek(0)
            self.store(attachment, file.read())
            attachment.save()
            kept.append(attachment)
        return kept

    def store_theirs(self, message: Message, files: Sequence[InboundFile]) -> list[Attachment]:
        """The files of a received message: bytes that came along are kept now, the others wait to be fetched."""
        kept = []
        for file in files:
            attachment = Attachment(
                account_id=message.account_id,
                message=message,
                name=file.name[:255],
                content_type=file.content_type[:120],
                content_id=file.content_id[:255],
                remote=file.remote,
            )
            if file.content is not None:
                self.store(attachment, file.content)
            attachment.save()
            kept.append(attachment)
        return kept
