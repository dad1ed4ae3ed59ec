"""A person's part of the conversations, for the export: what was said either way, notes about them, and the files."""

from pathlib import PurePath

from django.utils.translation import gettext as _

from contacts.exporters import Archive, ExportedFile, Section
from inbox.models import Attachment, Direction, Message


def export_conversations(archive: Archive) -> None:
    """Registered with ``contacts.exporters``. Events of the thread stay out: they name other people."""
    messages = (
        Message.scoped()
        .filter(strand__profile__in=archive.profile_ids)
        .exclude(direction=Direction.EVENT)
        .select_related("channel", "strand", "author__user")
        .prefetch_related("attachments")
        .order_by("occurred_at", "pk")
    )
    rows = []
    for message in messages:
        paths = [_add_file(archive, file) for file in message.attachments.all() if file.file]
        rows.append(
            {
                "at": message.occurred_at,
                "conversation": message.strand.conversation_id,
                "channel": str(message.channel or ""),
                "direction": message.direction,
                "who": _who(message),
                "subject": str(message.payload.get("subject", "")),
                "text": message.body or message.kind,
                "status": message.status if message.direction == Direction.OUT else "",
                "files": paths,
            }
        )
    columns = {"at": _("When"), "channel": _("Channel"), "who": _("Who"), "subject": _("Subject"), "text": _("Text"), "files": _("Files")}
    archive.sections.append(Section("messages", _("What was said"), columns, rows))


def _who(message: Message) -> str:
    if message.direction == Direction.NOTE:
        return _("Internal note")
    return _("You") if message.direction == Direction.IN else _("Us")


def _add_file(archive: Archive, file: Attachment) -> str:
    # The name that somebody gave it may lead anywhere; the number and the ending lead nowhere.
    ending = "".join(c for c in PurePath(file.name).suffix.lower() if c.isalnum())[:10]
    path = f"files/{file.pk}{f'.{ending}' if ending else ''}"
    archive.files.append(ExportedFile(path, lambda: file.file.open("rb")))
    return path
