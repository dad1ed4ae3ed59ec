"""What of the conversations an account may let go of by age, and how (``consent.retention_kinds``)."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy

from accounts.tenancy import TenantQuerySet
from consent.retention_kinds import RetentionKind, register
from inbox.live_updates import tell_account
from inbox.models import Attachment, Conversation, ConversationStatus, Direction, InboundEvent, Message, StatusReceipt, Strand

LET_GO = {"let_go": True}


def register_retention() -> None:
    """Called once when the apps are ready."""
    register(
        RetentionKind(
            "stored_events",
            gettext_lazy("What providers sent, as it arrived"),
            gettext_lazy("The messages made of it stay. It serves to look for errors."),
            lambda before: _events(before).count(),
            _forget_events,
        )
    )
    register(
        RetentionKind(
            "attachments",
            gettext_lazy("Files of resolved conversations"),
            gettext_lazy("The messages stay and say that a file was there."),
            lambda before: _attachments(before).count(),
            _forget_attachments,
        )
    )
    register(
        RetentionKind(
            "conversations",
            gettext_lazy("Resolved conversations"),
            gettext_lazy("With their messages, notes and files. The people, their consent and its proofs stay."),
            lambda before: _conversations(before).count(),
            _forget_conversations,
        )
    )


def _events(before: datetime) -> TenantQuerySet[InboundEvent]:
    found = InboundEvent.scoped().filter(received_at__lt=before).exclude(state=InboundEvent.State.PENDING)
    return found.exclude(context=LET_GO).exclude(body=b"")


@transaction.atomic
def _forget_events(before: datetime, most: int) -> int:
    """Their digest stays, so that the same bytes are not taken in a second time."""
    ids = list(_events(before).select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)[:most])
    return InboundEvent.scoped().filter(pk__in=ids).update(body=b"", context=LET_GO, error="")


def _attachments(before: datetime) -> TenantQuerySet[Attachment]:
    resolved = {"message__strand__conversation__status": ConversationStatus.RESOLVED}
    return Attachment.scoped().filter(message__occurred_at__lt=before, **resolved).exclude(file="")


@transaction.atomic
def _forget_attachments(before: datetime, most: int) -> int:
    rows = list(_attachments(before).select_for_update(skip_locked=True, of=("self",)).order_by("pk")[:most])
    _delete_files(rows)
    Attachment.scoped().filter(pk__in=[row.pk for row in rows]).update(
        file="", state=Attachment.State.FAILED, sha256="", remote=LET_GO, error=""
    )
    return len(rows)


def _conversations(before: datetime) -> TenantQuerySet[Conversation]:
    return Conversation.scoped().filter(status=ConversationStatus.RESOLVED, resolved_at__lt=before, last_message_at__lt=before)


@transaction.atomic
def _forget_conversations(before: datetime, most: int) -> int:
    rows = list(_conversations(before).select_for_update(skip_locked=True).order_by("pk")[:most])
    strands = list(Strand.scoped().filter(conversation__in=rows).values_list("pk", flat=True))
    messages = Message.scoped().filter(strand__in=strands)
    _delete_files(list(Attachment.scoped().filter(message__in=messages).exclude(file="")))
    sent = messages.filter(direction=Direction.OUT).exclude(provider_id="")
    ours = sent.filter(channel=OuterRef("channel"), provider_id=OuterRef("provider_id"))
    StatusReceipt.scoped().filter(Exists(ours)).delete()
    messages.delete()
    Strand.scoped().filter(pk__in=strands).delete()
    for row in rows:
        tell_account(row.account_id, "conversation", conversation=row.pk)
        row.delete()
    return len(rows)


def _delete_files(rows: list[Attachment]) -> None:
    for file in [row.file for row in rows]:
        transaction.on_commit(lambda file=file: file.storage.delete(file.name))  # type: ignore[misc]
