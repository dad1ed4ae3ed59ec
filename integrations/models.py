"""State of the connections to providers."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from accounts.models import Channel
from accounts.tenancy import TenantModel
from contacts.models import Profile


class MailboxCursor(TenantModel):
    """How far a mailbox has been read: IMAP's (UIDVALIDITY, last UID) per folder."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    folder = models.CharField(max_length=120, default="INBOX")
    uidvalidity = models.BigIntegerField(null=True)
    last_uid = models.BigIntegerField(default=0)
    checked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "channel", "folder"], name="mailbox_cursor_once")]


class Visitor(TenantModel):
    """A browser that opened the web chat: a device, not a person. Its token is kept hashed."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    visitor_id = models.UUIDField()
    token_digest = models.CharField(max_length=64)
    # The profile that the browser speaks for now; another verified person in the same browser starts another.
    profile = models.ForeignKey(Profile, on_delete=models.SET_NULL, null=True, related_name="+")
    external_id = models.CharField(max_length=200, blank=True, help_text="Who the host page says it is, checked by HMAC.")
    read_at = models.DateTimeField(null=True, help_text="Up to when the visitor has read our messages.")
    last_seen_at = models.DateTimeField(db_default=TransactionNow())
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "channel", "visitor_id"], name="visitor_once")]
