"""Tables that leave the house by themselves, every day or week, for a warehouse to read."""

from datetime import datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.background_runs import BackgroundRun
from accounts.encryption import EncryptedJSONField
from accounts.models import Membership
from accounts.tenancy import TenantModel, TenantQuerySet


class ScheduledExport(TenantModel):
    """Which tables go where, when and in which format. ``owner`` answers for it: without their right to export it stops."""

    class Table(models.TextChoices):
        CONTACTS = "contacts", _("Contacts")
        CONVERSATIONS = "conversations", _("Conversations")
        MESSAGES = "messages", _("Messages")
        CONSENTS = "consents", _("Consents")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        JSONL = "jsonl", "JSON lines"
        PARQUET = "parquet", "Parquet"

    class Rhythm(models.TextChoices):
        DAILY = "daily", _("Every day")
        WEEKLY = "weekly", _("Every week")

    class Place(models.TextChoices):
        FOLDER = "folder", _("Folder of the server")
        BUCKET = "bucket", _("S3-compatible bucket")

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    name = models.CharField(max_length=80)
    tables = ArrayField(models.CharField(max_length=14, choices=Table.choices))
    format = models.CharField(max_length=8, choices=Format.choices)
    is_full = models.BooleanField(default=False, help_text="Everything each time, instead of what changed since the last one.")
    rhythm = models.CharField(max_length=6, choices=Rhythm.choices, default=Rhythm.DAILY)
    hour = models.PositiveSmallIntegerField(default=3, help_text="0 to 23, in the account's time zone.")
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices, default=Weekday.MONDAY)
    place = models.CharField(max_length=6, choices=Place.choices)
    # Below the account's own folder; in a bucket what the names of the files begin with.
    folder = models.CharField(max_length=200, blank=True)
    bucket = models.CharField(max_length=63, blank=True)
    endpoint = models.CharField(max_length=300, blank=True, help_text="https://…; empty: Amazon's own of the region.")
    region = models.CharField(max_length=40, blank=True)
    secrets = EncryptedJSONField(help_text="{'key_id': …, 'key': …}")
    is_active = models.BooleanField(default=True)
    owner = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    next_at = models.DateTimeField(help_text="When it is due.")
    reached = models.DateTimeField(null=True, help_text="Until when the changes were written by the last run that ended well.")
    created_at = models.DateTimeField(db_default=TransactionNow())
    history = HistoricalRecords(historical_queryset=TenantQuerySet, excluded_fields=["secrets", "next_at", "reached"])

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "next_at"], condition=models.Q(is_active=True), name="scheduled_export_due")]

    def __str__(self) -> str:
        return self.name

    def next_after(self, moment: datetime, *, zone: ZoneInfo) -> datetime:
        """The first time after ``moment`` (aware) at which it is due."""
        day = moment.astimezone(zone).date()
        while True:
            due = datetime.combine(day, time(self.hour), tzinfo=zone)
            if due > moment and (self.rhythm == self.Rhythm.DAILY or day.weekday() == self.weekday):
                return due
            day += timedelta(days=1)


class ScheduledExportRun(BackgroundRun):
    """One writing of a scheduled export. ``figures["files"]`` are those that are written: whoever goes on leaves them as they are."""

    DEAD_AFTER: ClassVar[timedelta] = timedelta(minutes=5)

    export = models.ForeignKey(ScheduledExport, on_delete=models.CASCADE, related_name="runs")
    since = models.DateTimeField(null=True, help_text="From when on changes are in it; null: everything.")
    until = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(BackgroundRun.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "export"], condition=models.Q(state__in=["queued", "running"]), name="scheduled_export_one_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["account", "export", "-id"])]
