"""Files that were taken in, how far each got, and what became of its rows."""

import uuid
from typing import ClassVar

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.background_runs import BackgroundRun
from accounts.models import Membership
from accounts.scope import current_account_id
from accounts.tenancy import TenantModel
from contacts.models import Profile
from inbox.models import Message


def import_path(imported: "Import", _name: str) -> str:
    """Where the uploaded bytes live until the file was run; what it was called stays in the row."""
    return f"imports/{current_account_id()}/{uuid.uuid4().hex}"


class Import(TenantModel):
    """One uploaded file, what its columns mean, and what was made of it."""

    class Kind(models.TextChoices):
        CONTACTS = "contacts", _("Contacts")
        CONVERSATIONS = "conversations", _("Conversations")
        CONSENTS = "consents", _("Consents")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"
        VCARD = "vcard", "vCard"

    kind = models.CharField(max_length=14, choices=Kind.choices)
    format = models.CharField(max_length=6, choices=Format.choices)
    name = models.CharField(max_length=200, help_text="What the file was called.")
    file = models.FileField(upload_to=import_path, max_length=200, blank=True)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    has_header = models.BooleanField(default=True)
    headings = models.JSONField(default=list, help_text="What the columns are called, in their order.")
    mapping = models.JSONField(default=list, help_text="What each column means, in their order; empty: left out.")
    source = models.CharField(max_length=60, blank=True, help_text="Which other system its ids are of; equal ids of two systems differ.")
    uploaded_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    # What the file says was so at this moment, where its rows give no time of their own.
    uploaded_at = models.DateTimeField(db_default=TransactionNow())
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "-id"])]

    def __str__(self) -> str:
        return self.name


class ImportRun(BackgroundRun):
    """One pass over a file: a check that writes nothing, the run itself, or its undo. One at a time in an account."""

    class Kind(models.TextChoices):
        CHECK = "check", pgettext_lazy("import", "Check")
        RUN = "run", _("Import")
        UNDO = "undo", _("Undo")

    imported = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    # Written down in the transaction of each lot, so that whoever goes on after a worker's death takes no row in twice.
    reached = models.PositiveIntegerField(default=0, help_text="Rows that are behind it; an undo counts those it has looked at.")

    class Meta(BackgroundRun.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=models.Q(state__in=["queued", "running"]), name="import_one_at_a_time")
        ]
        indexes = [models.Index(fields=["account", "imported", "-id"])]


class ImportedRow(TenantModel):
    """One row that said something new: whose it is, and what to put back. A row that changes nothing leaves none."""

    class Outcome(models.TextChoices):
        CREATED = "created", _("New contact")
        ATTACHED = "attached", _("Joined an existing contact")
        MERGED = "merged", _("Linked two contacts")
        SUGGESTED = "suggested", _("Kept apart, suggested")
        UPDATED = "updated", _("Changed what an earlier import said")
        ADDED = "added", _("Added")
        FILED = "filed", _("Message filed")

    MADE: ClassVar = (Outcome.CREATED, Outcome.ATTACHED, Outcome.MERGED, Outcome.SUGGESTED)

    imported = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()
    # Keyed hashes: of the row's id in the other system (or of all it says), and of all it says. The newest row of a key is its state.
    key = models.UUIDField()
    digest = models.UUIDField()
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, null=True, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    # Of a message: the conversation of the other system, as a keyed hash like the others, and what it became. Where that was
    # erased or let go of, the row stays, so that the same file does not bring it back.
    group = models.UUIDField(null=True)
    message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    before = models.JSONField(null=True, help_text="What an earlier version of the record said, for the undo.")

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "key"]),
            models.Index(fields=["account", "imported", "number"]),
            models.Index(fields=["account", "profile"]),
            models.Index(fields=["account", "group"], condition=models.Q(group__isnull=False), name="imported_row_group"),
            models.Index(fields=["message"], condition=models.Q(message__isnull=False), name="imported_row_message"),
        ]


class RejectedRow(TenantModel):
    """One row that was not taken in, as it stood in the file, and why. Kept for some days, or until its person is erased."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rejected")
    number = models.PositiveIntegerField()
    cells = models.JSONField()
    reason = models.CharField(max_length=20, help_text="A code of integrations.importing.rows.Reason.")
    column = models.CharField(max_length=100, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "run", "number"])]
