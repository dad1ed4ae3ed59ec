"""What came in, what goes out, and the conversations it is woven into."""

import uuid
from pathlib import PurePath

from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Channel, Membership
from accounts.tenancy import TenantModel
from consent.models import Decision
from contacts.models import Identifier, Profile


class InboundEvent(TenantModel):
    """One webhook body or one mail as it arrived: the queue of record. Unique by channel and SHA-256 of the raw bytes."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        PROCESSED = "processed", _("Processed")
        PARTLY = "partly", _("Partly unreadable")
        UNREADABLE = "unreadable", _("Unreadable")
        FAILED = "failed", _("Failed")

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+")
    sha256 = models.BinaryField(max_length=32, editable=False)
    body = models.BinaryField(editable=False)
    # What the adapter needs beside the body (content type, IMAP uid …); never a credential.
    context = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    received_at = models.DateTimeField(db_default=TransactionNow())
    next_attempt_at = models.DateTimeField(db_default=TransactionNow())
    processed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "channel", "sha256"], name="inbound_event_once")]
        indexes = [
            models.Index(fields=["account", "next_attempt_at"], condition=models.Q(state="pending"), name="inbound_event_pending"),
            models.Index(
                fields=["account", "-received_at"],
                condition=models.Q(state__in=["partly", "unreadable", "failed"]),
                name="inbound_event_broken",
            ),
        ]


class ConversationStatus(models.TextChoices):
    OPEN = "open", _("Open")
    RESOLVED = "resolved", _("Resolved")


class Conversation(TenantModel):
    """One matter of one contact, on whatever channels it went on: woven of strands, one per profile."""

    # The profile that was active last. Its contact is the conversation's contact: all strands belong to one.
    profile = models.ForeignKey(Profile, on_delete=models.PROTECT, related_name="+")
    # The channel of the last message either way, for the list's mark and filters.
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=ConversationStatus.choices, default=ConversationStatus.OPEN)
    assignee = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    subject = models.CharField(max_length=300, blank=True)
    # Set while the agent has to say who is writing (a message on a shared address that nothing assigns).
    asks_who = models.BooleanField(default=False)
    last_message_at = models.DateTimeField(help_text="Time of the last message either way.")
    last_inbound_at = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True, help_text="First inbound message that nobody has answered yet; null when answered.")
    preview = models.CharField(max_length=200, blank=True)
    preview_is_ours = models.BooleanField(default=False)
    message_count = models.PositiveIntegerField(default=0)
    resolved_at = models.DateTimeField(null=True)
    split_from = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "status", "-last_message_at", "-id"], name="conversation_list"),
            models.Index(fields=["account", "-last_message_at", "-id"], name="conversation_recent"),
            models.Index(fields=["account", "assignee", "status", "-last_message_at", "-id"], name="conversation_mine"),
            models.Index(fields=["account", "channel", "status", "-last_message_at", "-id"], name="conversation_by_channel"),
            models.Index(fields=["account", "profile", "status", "-last_message_at"], name="conversation_of_profile"),
        ]


class Strand(TenantModel):
    """One profile's part of a conversation. Splitting a conversation moves strands, never messages."""

    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="strands")
    profile = models.ForeignKey(Profile, on_delete=models.PROTECT, related_name="strands")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "conversation", "profile"], name="strand_once")]
        indexes = [models.Index(fields=["account", "profile"])]


class Direction(models.TextChoices):
    IN = "in", _("Received")
    OUT = "out", _("Sent")
    NOTE = "note", _("Internal note")
    EVENT = "event", _("Event")


class MessageStatus(models.TextChoices):
    """Where an outgoing message is. The order is the rank: a later word never takes a message back to an earlier one."""

    RECEIVED = "received", _("Received")
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")


class Message(TenantModel):
    """One message, note or event on a strand. It names the channel and the address it used."""

    strand = models.ForeignKey(Strand, on_delete=models.PROTECT, related_name="messages")
    direction = models.CharField(max_length=5, choices=Direction.choices)
    kind = models.CharField(
        max_length=20,
        default="text",
        help_text="text, image, audio, video, document, sticker, location, contacts, button, interactive, order, "
        "story_reply, story_mention, template, system, unsupported; for events the event's name.",
    )
    body = models.TextField(blank=True, help_text="What a person reads, as plain text.")
    html = models.TextField(blank=True, help_text="Sanitised HTML of an email; shown in a sandboxed frame.")
    folded = models.TextField(blank=True, help_text="The quoted part of 'body' that is folded away; a display hint.")
    payload = models.JSONField(default=dict, help_text="What the kind needs: coordinates, buttons, template name, subject, event data …")
    raw = models.JSONField(null=True, help_text="This message's own part of what the provider sent.")
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, null=True, related_name="+")
    identifier = models.ForeignKey(
        Identifier, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The address it came from or goes to."
    )
    provider_id = models.CharField(max_length=400, blank=True, help_text="wamid, mid, Message-ID, the widget's UUID.")
    reply_to = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    author = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    author_kind = models.CharField(
        max_length=10, default="contact", help_text="contact, person, api, bot, system, native (the provider's own app), imported"
    )
    status = models.CharField(max_length=10, choices=MessageStatus.choices, default=MessageStatus.RECEIVED)
    problem = models.JSONField(default=dict, help_text="Why it failed: {'code': …, 'text': …, 'permanent': bool}.")
    reactions = models.JSONField(default=dict, help_text="Who → emoji; 'contact' or a membership id.")
    edited_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True, help_text="Unsent or revoked by its author.")
    occurred_at = models.DateTimeField(help_text="The provider's time, or when we wrote it.")
    created_at = models.DateTimeField(db_default=TransactionNow())
    # The words of subject and body, folded in Python; read by inbox.searching only.
    words = SearchVectorField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "provider_id"], condition=~models.Q(provider_id=""), name="message_once")
        ]
        indexes = [
            models.Index(fields=["account", "strand", "-occurred_at", "-id"], name="message_of_strand"),
            GinIndex(fields=["account", "words"], name="message_words"),
        ]


def attachment_path(attachment: "Attachment", filename: str) -> str:
    """Where the bytes live. The name is ours: what the sender called it stays in the row."""
    return f"attachments/{attachment.account_id}/{uuid.uuid4().hex}{PurePath(filename).suffix[:10].lower()}"


class Attachment(TenantModel):
    """A file of a message. Inbound ones are stored first as a reference and fetched right after."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being fetched")
        STORED = "stored", _("Stored")
        FAILED = "failed", _("Could not be fetched")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    file = models.FileField(upload_to=attachment_path, max_length=200, blank=True)
    name = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=120, blank=True)
    size = models.PositiveBigIntegerField(null=True, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True)
    content_id = models.CharField(max_length=255, blank=True, help_text="Names an inline image in the HTML of its email.")
    remote = models.JSONField(default=dict, help_text="How the adapter fetches it: media id, URL.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=TransactionNow())
    error = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "message"]),
            models.Index(fields=["account", "next_attempt_at"], condition=models.Q(state="waiting"), name="attachment_waiting"),
        ]


class OutboundMessage(TenantModel):
    """The outbox row of a message: claimed by a worker, gated again, handed to the adapter, settled by the receipt."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        CLAIMED = "claimed", _("Being sent")
        SENT = "sent", _("Handed over")
        FAILED = "failed", _("Failed")
        UNKNOWN = "unknown", _("Unknown")  # the worker died between the call and the receipt

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="outbound")
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Idempotency key towards the provider.")
    client_key = models.CharField(max_length=160, blank=True, help_text="The writer's own key: a double submit makes one message.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=TransactionNow())
    claimed_at = models.DateTimeField(null=True)
    verdict = models.JSONField(default=dict, help_text="The gate's decision when it was accepted, and again when it left.")
    decision = models.ForeignKey(Decision, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The latest of the two.")
    receipt = models.JSONField(default=dict, help_text="What the provider answered.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "client_key"], condition=~models.Q(client_key=""), name="outbound_message_once")
        ]
        indexes = [
            models.Index(
                fields=["account", "next_attempt_at"], condition=models.Q(state__in=["queued", "claimed"]), name="outbound_message_pending"
            )
        ]


class StatusReceipt(TenantModel):
    """A provider's word on one of our messages. It may arrive before our own send has stored the provider's id."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    provider_id = models.CharField(max_length=400)
    status = models.CharField(max_length=12)
    recipient = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    problem = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "provider_id", "status", "recipient"], name="status_receipt_once")
        ]


class ProviderPart(TenantModel):
    """A further provider id of a message of ours that left as several (a caption and files): its statuses and echo name it."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    provider_id = models.CharField(max_length=400)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "channel", "provider_id"], name="provider_part_once")]


class ReadMark(TenantModel):
    """Up to when a member has read a conversation."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="read_marks")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "membership", "conversation"], name="read_mark_once")]


class BotSession(TenantModel):
    """What the greeting bot has gathered from one profile, and what it asks next."""

    profile = models.OneToOneField(Profile, on_delete=models.CASCADE, related_name="bot_session")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    step = models.CharField(max_length=20, blank=True, help_text="What was asked last: name, contact, reason; empty before, done after.")
    gathered = models.JSONField(default=dict, help_text="name, email, phone, reason: as they were written.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Answers to this step that could not be read.")
    heard_until = models.BigIntegerField(default=0, help_text="Id of the last message that was taken into account.")
    due_at = models.DateTimeField(null=True, help_text="Since when a message waits for the bot's turn; null when none does.")
    finished_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "due_at"], condition=models.Q(due_at__isnull=False), name="bot_session_due")]
