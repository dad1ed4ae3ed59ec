"""A visitor's own line of messages: numbering it, and reading it page by page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Channel
from inbox.models import Attachment, Direction, Message, ReadMark
from integrations.models import Visitor, VisitorMessage

PAGE = 30
# A tab that was away for longer starts from the newest page.
MOST_AT_ONCE = 100
FILE_SALT = "webchat.file"
FILE_SECONDS = 24 * 3600


def add_to_line(*, visitor: Visitor, message: Message) -> int:
    """Number the message in the visitor's line; the number it already has, if it does. Inside a transaction."""
    locked = Visitor.scoped().select_for_update().get(pk=visitor.pk)
    known = VisitorMessage.scoped().filter(message=message).first()
    if known is not None:
        return known.sequence
    locked.last_sequence += 1
    locked.save(update_fields=["last_sequence"])
    VisitorMessage.objects.create(visitor=locked, message=message, sequence=locked.last_sequence)
    return locked.last_sequence


@dataclass(frozen=True)
class Page:
    """Messages as the widget shows them, oldest first. ``more`` says whether older ones exist."""

    messages: list[dict[str, Any]]
    more: bool


def latest(*, visitor: Visitor, before: int | None = None) -> Page:
    """The newest page, or the page before a number."""
    rows = VisitorMessage.scoped().filter(visitor=visitor)
    if before is not None:
        rows = rows.filter(sequence__lt=before)
    newest = list(_with_content(rows.order_by("-sequence")[: PAGE + 1]))
    return Page(_shown(visitor, reversed(newest[:PAGE])), more=len(newest) > PAGE)


def after(*, visitor: Visitor, sequence: int) -> Page | None:
    """What came after a number, in order; ``None`` when it is so much that the newest page should be read instead."""
    rows = list(
        _with_content(VisitorMessage.scoped().filter(visitor=visitor, sequence__gt=sequence).order_by("sequence"))[: MOST_AT_ONCE + 1]
    )
    if len(rows) > MOST_AT_ONCE:
        return None
    return Page(_shown(visitor, rows), more=False)


def read_by_team(*, visitor: Visitor) -> datetime | None:
    """Up to when somebody of the team has read the conversation of the visitor's last message."""
    last = VisitorMessage.scoped().filter(visitor=visitor).order_by("-sequence").values("message__strand__conversation")[:1]
    return ReadMark.scoped().filter(conversation__in=last).aggregate(at=Max("read_at"))["at"]


def _with_content(rows: Any) -> Any:
    return rows.select_related("message__author__user").prefetch_related("message__attachments")


def _shown(visitor: Visitor, rows: Iterable[VisitorMessage]) -> list[dict[str, Any]]:
    return [_line(visitor, row) for row in rows]


def _line(visitor: Visitor, row: VisitorMessage) -> dict[str, Any]:
    message = row.message
    withdrawn = message.withdrawn_at is not None
    return {
        "sequence": row.sequence,
        "id": message.provider_id or f"m{message.pk}",
        "from": "visitor" if message.direction == Direction.IN else "bot" if message.author_kind == "bot" else "team",
        "name": message.author.user.get_short_name() if message.author and message.direction == Direction.OUT else "",
        "text": _("This message was withdrawn.") if withdrawn else message.body,
        "at": message.occurred_at.isoformat(),
        "files": [] if withdrawn else [_file(visitor, file) for file in message.attachments.all() if file.state == Attachment.State.STORED],
    }


def _file(visitor: Visitor, attachment: Attachment) -> dict[str, Any]:
    signed = signing.dumps([visitor.pk, attachment.pk], salt=FILE_SALT, compress=True)
    return {
        "name": attachment.name,
        "type": attachment.content_type,
        "size": attachment.size,
        "path": reverse("webchat:file", args=[_key(visitor), signed]),
    }


def _key(visitor: Visitor) -> str:
    channel: Channel = visitor.channel
    return channel.key


def file_of_link(*, channel: Channel, signed: str) -> Attachment | None:
    """The file that a link made by us points to; ``None`` for a wrong or old link, or one of another channel."""
    try:
        visitor_pk, attachment_pk = signing.loads(signed, salt=FILE_SALT, max_age=FILE_SECONDS)
    except (signing.BadSignature, ValueError):
        return None
    seen = VisitorMessage.scoped().filter(visitor=visitor_pk, visitor__channel=channel).values("message")
    return Attachment.scoped().filter(pk=attachment_pk, message__in=seen, state=Attachment.State.STORED).first()
