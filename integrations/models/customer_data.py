"""What customer data platforms tell us: who may write, what they wrote, and whose it is."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.encryption import EncryptedJSONField
from accounts.models import channel_key
from accounts.tenancy import TenantModel, TenantQuerySet
from contacts.models import Profile


class CustomerDataSource(TenantModel):
    """One site, app or platform that writes with a key of its own. Only the SHA-256 of a key is kept.

    A server may sign what it says instead: with a secret of the source, at an address of the source.
    """

    name = models.CharField(max_length=80)
    hint = models.CharField(max_length=24, help_text="How the key begins.")
    digest = models.CharField(max_length=64, unique=True)
    previous_digest = models.CharField(max_length=64, blank=True)
    previous_until = models.DateTimeField(null=True, help_text="Until when the key before the current one is taken too.")
    key = models.CharField(max_length=32, unique=True, default=channel_key, editable=False, help_text="Names it in its public address.")
    secrets = EncryptedJSONField(help_text="{'current': …, 'previous': …}: what its server signs with; empty until one is made.")
    previous_secret_until = models.DateTimeField(null=True, help_text="Until when the secret before the current one is taken too.")
    revoked_at = models.DateTimeField(null=True)
    last_message_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow())
    history = HistoricalRecords(
        historical_queryset=TenantQuerySet, excluded_fields=["digest", "previous_digest", "key", "secrets", "last_message_at"]
    )

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "name"])]

    def __str__(self) -> str:
        return self.name


class CustomerDataMessage(TenantModel):
    """One message as it arrived: the queue of record. Its body is emptied once it was taken; of what was refused it is kept."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        DONE = "done", _("Taken")
        REJECTED = "rejected", _("Rejected")
        FAILED = "failed", _("Failed")

    source = models.ForeignKey(CustomerDataSource, on_delete=models.CASCADE, related_name="+")
    message_id = models.CharField(max_length=200, help_text="The sender's: the same one again changes nothing.")
    kind = models.CharField(max_length=20, help_text="identify, track, alias, page, screen; anything else is rejected.")
    body = models.JSONField(default=dict)
    sent_at = models.DateTimeField(null=True, help_text="When the sender's clock said that it was sent.")
    received_at = models.DateTimeField(db_default=TransactionNow())
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was rejected or failed.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=TransactionNow())
    profile = models.ForeignKey(Profile, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "source", "message_id"], name="customer_message_once")]
        indexes = [
            models.Index(fields=["account", "next_attempt_at"], condition=models.Q(state="pending"), name="customer_message_pending"),
            models.Index(fields=["account", "-id"], condition=models.Q(state__in=["rejected", "failed"]), name="customer_message_broken"),
            models.Index(fields=["account", "source", "-id"], name="customer_message_latest"),
            models.Index(fields=["account", "received_at"]),
            models.Index(fields=["account", "profile"]),
        ]


class CustomerRecord(TenantModel):
    """Whose record an id of a source is: a user of it, or a visitor who has not said who they are."""

    class Kind(models.TextChoices):
        USER = "user", _("User")
        ANONYMOUS = "anonymous", _("Visitor")

    source = models.ForeignKey(CustomerDataSource, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    external_id = models.CharField(max_length=320)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "source", "kind", "external_id"], name="customer_record_once")]
        indexes = [models.Index(fields=["account", "profile"])]


class CustomerEvent(TenantModel):
    """Something that a person did elsewhere: bought, looked at a page, cancelled."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    source = models.ForeignKey(CustomerDataSource, on_delete=models.CASCADE, related_name="+")
    message_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, help_text="track, page, screen")
    name = models.CharField(max_length=200)
    properties = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(help_text="By our clock: the sender's is put right by when it said that it sent.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "source", "message_id"], name="customer_event_once")]
        indexes = [models.Index(fields=["account", "profile", "-occurred_at", "-id"], name="customer_event_of_profile")]
