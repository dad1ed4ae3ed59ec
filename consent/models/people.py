"""What people prefer, and what they ask for."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Membership
from accounts.tenancy import TenantModel, TenantQuerySet
from consent.models.points import ContactPoint
from contacts.models import Profile


class Preference(TenantModel):
    """What one profile's person wants. Of a person the strictest pause, hours and cap among the profiles rule
    (``consent.preferences``); language and channels are the latest."""

    profile = models.OneToOneField(Profile, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=5, blank=True)
    channels = models.JSONField(default=list, help_text="Kinds of channel, the preferred one first.")
    timezone = models.CharField(max_length=60, blank=True)
    quiet_from = models.TimeField(null=True, help_text="Local time; quiet hours may cross midnight.")
    quiet_to = models.TimeField(null=True)
    cap_count = models.PositiveSmallIntegerField(null=True, help_text="At most so many messages …")
    cap_days = models.PositiveSmallIntegerField(null=True, help_text="… within so many days.")
    paused_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "profile"])]


class OptInRequest(TenantModel):
    """A double opt-in under way: whoever opens the link that went to the point confirms it. The token is kept as a digest."""

    point = models.ForeignKey(ContactPoint, on_delete=models.CASCADE, related_name="+")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=20, blank=True)
    purpose = models.CharField(max_length=40)
    notice = models.ForeignKey("consent.NoticeVersion", on_delete=models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    asked_at = models.DateTimeField(db_default=TransactionNow())
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "point", "-asked_at"])]


class RightsRequest(TenantModel):
    """Somebody asks for what the law gives them; ``due_at`` comes from their country's rules."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("Access")
        PORTABILITY = "portability", _("Portability")
        RECTIFICATION = "rectification", _("Rectification")
        ERASURE = "erasure", _("Erasure")
        OBJECTION = "objection", _("Objection")

    class Status(models.TextChoices):
        RECEIVED = "received", _("Received")
        VERIFYING = "verifying", _("Waiting for proof")
        WORKING = "working", _("In progress")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    kind = models.CharField(max_length=14, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVED)
    profile = models.ForeignKey(Profile, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    point = models.ForeignKey(ContactPoint, on_delete=models.PROTECT, null=True, related_name="+")
    country = models.CharField(max_length=2, blank=True)
    source = models.CharField(max_length=14)
    detail = models.JSONField(default=dict, help_text="What is asked: fields to correct, profiles in question. No free text of others.")
    outcome = models.JSONField(default=dict, help_text="What was done, removed, kept and why.")
    assignee = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    received_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "status", "due_at"]),
            models.Index(fields=["account", "profile"]),
        ]
