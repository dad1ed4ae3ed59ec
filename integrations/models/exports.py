"""Files that leave the house: asked for by somebody, or by a schedule."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.background_runs import BackgroundRun


class Export(BackgroundRun):
    """One file of people, messages or consents; it is taken away when its time is over."""

    class Kind(models.TextChoices):
        CONTACTS = "contacts", _("Contacts")
        CONVERSATIONS = "conversations", _("Conversations")
        CONSENTS = "consents", _("Consents")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"
        VCARD = "vcard", "vCard"
        JSONL = "jsonl", "JSON lines"
        PARQUET = "parquet", "Parquet"

    kind = models.CharField(max_length=14, choices=Kind.choices)
    format = models.CharField(max_length=8, choices=Format.choices)
    # What the directory was filtered by: q (words), fix (a problem of the data).
    filters = models.JSONField(default=dict)
    language = models.CharField(max_length=5, default="es")
    file = models.CharField(max_length=200, blank=True, help_text="Where the bytes live; empty before and after.")
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True)
    # In the link, so that a link of one export opens no other.
    token = models.UUIDField(default=uuid.uuid4, editable=False)
    expires_at = models.DateTimeField(null=True)

    class Meta(BackgroundRun.Meta):
        indexes = [models.Index(fields=["account", "-id"])]
