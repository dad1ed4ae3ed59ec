"""The widget's receipts: what reached the visitor's screen, and what was read there."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils import timezone

from inbox.adapters import StatusUpdate
from inbox.delivery import apply_status
from inbox.models import Direction, MessageStatus
from integrations.models import Visitor, VisitorMessage


def note_received(*, visitor: Visitor, up_to: int) -> int:
    """Our messages up to this number are on the visitor's screen. Returns how many that is news for."""
    return _note(visitor, up_to, "delivered", before=[MessageStatus.QUEUED, MessageStatus.SENT, MessageStatus.UNKNOWN])


def note_read(*, visitor: Visitor, up_to: int) -> int:
    """The visitor has read our messages up to this number. Returns how many that is news for."""
    Visitor.scoped().filter(pk=visitor.pk, read_sequence__lt=up_to, last_sequence__gte=up_to).update(read_sequence=up_to)
    before = [MessageStatus.QUEUED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNKNOWN]
    return _note(visitor, up_to, "read", before=before)


def _note(visitor: Visitor, up_to: int, status: str, *, before: Sequence[str]) -> int:
    at = timezone.now()
    rows: QuerySet[VisitorMessage] = (
        VisitorMessage.scoped()
        .select_related("message__outbound")
        .filter(visitor=visitor, sequence__lte=up_to, message__direction=Direction.OUT, message__status__in=before)
    )
    count = 0
    for row in rows.order_by("sequence"):
        # The provider's id is ours to give, so it is known even while the send itself is still being settled.
        update = StatusUpdate(provider_id=str(row.message.outbound.key), status=status, occurred_at=at)
        apply_status(channel=visitor.channel, update=update)
        count += 1
    return count
