"""Who is told what happens in the account: subscriptions, the outbox of events, and what became of each delivery."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.encryption import EncryptedJSONField
from accounts.models import Membership
from accounts.tenancy import TenantModel, TenantQuerySet
from contacts.models import Profile


class WebhookSubscription(TenantModel):
    """One address that hears about events. What it keeps secret is encrypted and shown once."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", _("Webhook")
        SEGMENT = "segment", _("Customer data platform")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        FAILING = "failing", _("Paused by Hilo")

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.WEBHOOK)
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=1000)
    events = ArrayField(models.CharField(max_length=40), help_text="The types that it hears about.")
    secrets = EncryptedJSONField(help_text="{'current': …, 'previous': …}; both sign until previous_until.")
    previous_until = models.DateTimeField(null=True, help_text="Until when the secret before the current one signs too.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    failing_since = models.DateTimeField(null=True, help_text="First failure since the last success; null while it works.")
    last_success_at = models.DateTimeField(null=True)
    owner = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Who is told when it is paused."
    )
    created_at = models.DateTimeField(db_default=TransactionNow())
    history = HistoricalRecords(historical_queryset=TenantQuerySet, excluded_fields=["secrets", "failing_since", "last_success_at"])

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "kind"])]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(TenantModel):
    """The outbox: something happened, written in the transaction in which it did. It holds ids; what is said of them is read when it
    is sent, so that nothing of an erased person waits here."""

    # What the receiver knows it by: the same for every attempt and every replay.
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    type = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField(default=1)
    order_key = models.CharField(max_length=60, help_text="Events with one key arrive in their order: 'contact:12', 'conversation:7'.")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, null=True, related_name="+", help_text="Whom it is about.")
    subject_id = models.BigIntegerField(default=0, help_text="The row that the type is about; 0 for none.")
    detail = models.JSONField(default=dict, help_text="What cannot be read later: ids, kinds, states. No personal data.")
    occurred_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "profile"]),
            models.Index(fields=["account", "occurred_at"]),
            models.Index(fields=["account", "order_key", "-id"]),
        ]


class WebhookDelivery(TenantModel):
    """One event on its way to one subscription."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")
        SKIPPED = "skipped", _("Nothing to tell")

    subscription = models.ForeignKey(WebhookSubscription, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="deliveries")
    # The event's, again, so that one index finds what stands before a delivery.
    order_key = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Since it was first sent, or last replayed.")
    next_attempt_at = models.DateTimeField(db_default=TransactionNow(), help_text="While a worker has it: when it counts as abandoned.")
    settled_at = models.DateTimeField(null=True)
    replayed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "subscription", "event"], name="webhook_delivery_once")]
        indexes = [
            models.Index(
                fields=["account", "subscription", "order_key", "event"], condition=models.Q(state="pending"), name="webhook_line"
            ),
            models.Index(fields=["account", "next_attempt_at"], condition=models.Q(state="pending"), name="webhook_due"),
            models.Index(fields=["account", "subscription", "-event"], name="webhook_log"),
            models.Index(fields=["account", "subscription", "-created_at", "-id"], name="webhook_log_by_time"),
        ]


class WebhookAttempt(TenantModel):
    """One request and its answer, for the log: cut to size, without signatures and keys, for as long as the log is kept."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField(null=True)
    request = models.JSONField(default=dict, help_text="{url, headers, body}: the address without its query.")
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status; null where there was no answer.")
    answer = models.JSONField(default=dict, help_text="{headers, body}.")
    error = models.CharField(max_length=300, blank=True)
    # Whose data the request shows: their erasure empties it. A contact's body shows every profile of the contact.
    profiles = ArrayField(models.BigIntegerField(), default=list)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "delivery", "id"]), models.Index(fields=["account", "at"])]
