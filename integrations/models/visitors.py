"""Who opened the web chat, and what was said there."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from accounts.models import Channel
from accounts.tenancy import TenantModel
from contacts.models import Profile
from inbox.models import Message


class Visitor(TenantModel):
    """One person in one browser that opened the web chat. The token by which the browser proves it is kept hashed.

    Another person in the same browser is another visitor, with another token: neither ever sees the other's messages.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    visitor_id = models.UUIDField()
    token_digest = models.CharField(max_length=64)
    # The profile the visitor's last message or form went to; null until there is one.
    profile = models.ForeignKey(Profile, on_delete=models.SET_NULL, null=True, related_name="+")
    external_id = models.CharField(max_length=200, blank=True, help_text="Who the host page says it is, checked by HMAC.")
    identity = models.JSONField(default=dict, help_text="What the host page last said about that person, checked by HMAC.")
    language = models.CharField(max_length=5, blank=True)
    # Both count VisitorMessage.sequence.
    last_sequence = models.PositiveIntegerField(default=0)
    read_sequence = models.PositiveIntegerField(default=0, help_text="Up to where the visitor has read.")
    last_seen_at = models.DateTimeField(db_default=TransactionNow())
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "channel", "visitor_id"], name="visitor_once")]


class VisitorMessage(TenantModel):
    """One message of a visitor's conversation, numbered without gaps in the order of commits.

    Ids are drawn before the commit, so that a later id may be seen first; who resumes after a number misses nothing.
    """

    visitor = models.ForeignKey(Visitor, on_delete=models.CASCADE, related_name="messages")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    sequence = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "visitor", "sequence"], name="visitor_message_number"),
            models.UniqueConstraint(fields=["account", "message"], name="visitor_message_once"),
        ]
