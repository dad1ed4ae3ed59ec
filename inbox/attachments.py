"""Fetch the files that providers only refer to. Their addresses expire: it happens right after the message was stored."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.queueing import back_off
from inbox.adapters import DeliveryError, MediaGone, adapter_for
from inbox.channel_health import note_refusal
from inbox.filing import Filing
from inbox.live_updates import tell_account
from inbox.models import Attachment

log = structlog.get_logger("hilo.attachments")

MOST_ATTEMPTS = 8
# Longer than any fetch: a row whose lease has run out belongs to a worker that died.
LEASE = timedelta(minutes=3)


def fetch(*, attachment_id: int) -> None:
    """Fetch and keep one file, if it is due and nobody else is at it. Safe to run any number of times."""
    attachment = _claim(attachment_id)
    if attachment is None or attachment.message.channel is None:
        return
    channel = attachment.message.channel
    try:
        content, content_type = adapter_for(channel.kind).fetch_media(channel=channel, attachment=attachment)
    except MediaGone as error:
        _give_up(attachment, str(error) or "gone")
    except Exception as error:
        if isinstance(error, DeliveryError):
            note_refusal(channel, error)
        log.warning("fetch_failed", attachment=attachment.pk, channel=channel.pk, error=type(error).__name__, exc_info=True)
        if attachment.attempts >= MOST_ATTEMPTS:
            _give_up(attachment, type(error).__name__)
        else:
            Attachment.scoped().filter(pk=attachment.pk, state=Attachment.State.WAITING).update(
                next_attempt_at=timezone.now() + back_off(attachment.attempts), error=type(error).__name__
            )
    else:
        if len(content) > settings.ATTACHMENT_MAX_BYTES:
            _give_up(attachment, "too large")
        else:
            _keep(attachment, content, content_type)


def _claim(attachment_id: int) -> Attachment | None:
    with transaction.atomic():
        attachment = (
            Attachment.scoped()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("message__channel", "message__strand")
            .filter(pk=attachment_id, state=Attachment.State.WAITING, next_attempt_at__lte=timezone.now())
            .first()
        )
        if attachment is not None:
            attachment.attempts += 1
            attachment.next_attempt_at = timezone.now() + LEASE
            attachment.save(update_fields=["attempts", "next_attempt_at"])
        return attachment


def _keep(attachment: Attachment, content: bytes, content_type: str) -> None:
    with Filing() as filing, transaction.atomic():
        locked = Attachment.scoped().select_for_update().filter(pk=attachment.pk, state=Attachment.State.WAITING).first()
        if locked is None:
            return
        locked.content_type = (content_type or locked.content_type)[:120]
        locked.error = ""
        filing.store(locked, content)
        locked.save()
        _tell(attachment)


@transaction.atomic
def _give_up(attachment: Attachment, error: str) -> None:
    Attachment.scoped().filter(pk=attachment.pk, state=Attachment.State.WAITING).update(state=Attachment.State.FAILED, error=error[:300])
    _tell(attachment)


def _tell(attachment: Attachment) -> None:
    tell_account(attachment.account_id, "message", conversation=attachment.message.strand.conversation_id, message=attachment.message_id)
