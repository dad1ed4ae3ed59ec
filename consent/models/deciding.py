"""What the gate answered, and the service windows it reads."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from accounts.models import Channel
from accounts.tenancy import TenantModel
from consent.models.points import ContactPoint
from consent.vocabulary import Category, Verdict
from contacts.models import Profile


class ServiceWindow(TenantModel):
    """When a point last wrote to one of our channels: platforms let us answer for so long after it."""

    point = models.ForeignKey(ContactPoint, on_delete=models.CASCADE, related_name="windows")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    last_inbound_at = models.DateTimeField(help_text="The provider's time.")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "point", "channel"], name="service_window_once")]


class PolicySnapshot(TenantModel):
    """What the rules were when something was decided: the purpose, the account's settings and the country's figures."""

    version = models.CharField(max_length=40, help_text="Digest of the content.")
    content = models.JSONField()
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "version"], name="policy_snapshot_once")]


class Decision(TenantModel):
    """One answer of the gate about one message, with everything it was drawn from, so that it can be drawn again."""

    class Stage(models.TextChoices):
        ACCEPTED = "accepted", "accepted"  # when the message was taken
        LEAVING = "leaving", "leaving"  # right before the call to the provider
        ASKED = "asked", "asked"  # by the API, about a message that somebody else sends

    subject = models.CharField(max_length=80, blank=True, help_text="What it is about: message:12, code:7 …")
    stage = models.CharField(max_length=8, choices=Stage.choices)
    point = models.ForeignKey(ContactPoint, on_delete=models.PROTECT, null=True, related_name="+")
    profile = models.ForeignKey(Profile, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, related_name="+")
    purpose = models.CharField(max_length=40)
    category = models.CharField(max_length=20, choices=Category.choices, blank=True)
    verdict = models.CharField(max_length=7, choices=Verdict.choices)
    reasons = models.JSONField(default=list, help_text="Every row of the table that fired, the one that decided first.")
    obligations = models.JSONField(default=list)
    not_before = models.DateTimeField(null=True)
    counts = models.BooleanField(default=False, help_text="It counts towards the person's cap.")
    policy_version = models.CharField(max_length=40)
    state_sequence = models.BigIntegerField(default=0, help_text="Id of the latest event of the point that was taken into account.")
    question = models.JSONField(default=dict)
    facts = models.JSONField(default=dict, help_text="What was known: states, windows, preferences. No personal data.")
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "subject"]),
            models.Index(fields=["account", "point", "-at"]),
            models.Index(fields=["account", "profile", "at"], condition=models.Q(counts=True, stage="leaving"), name="decision_counts"),
        ]
