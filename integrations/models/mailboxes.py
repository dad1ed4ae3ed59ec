"""How far the mailboxes have been read."""

from django.db import models

from accounts.models import Channel
from accounts.tenancy import TenantModel


class MailboxCursor(TenantModel):
    """How far a mailbox has been read: IMAP's (UIDVALIDITY, last UID) per folder."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    folder = models.CharField(max_length=120, default="INBOX")
    uidvalidity = models.BigIntegerField(null=True)
    last_uid = models.BigIntegerField(default=0)
    checked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "channel", "folder"], name="mailbox_cursor_once")]
