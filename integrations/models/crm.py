"""Connections to other systems that keep records of people, and how far each is in step with us."""

from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.background_runs import BackgroundRun
from accounts.encryption import EncryptedJSONField
from accounts.models import Membership, channel_key
from accounts.tenancy import TenantModel
from contacts.models import Profile


class Connection(TenantModel):
    """One account of another system (CRM, ERP, address book) that is kept in step with ours."""

    class State(models.TextChoices):
        WORKING = "working", _("Works")
        FAILING = "failing", _("Cannot be reached")
        MISCONFIGURED = "misconfigured", _("Needs you")
        BRAKED = "braked", _("Stopped by the brake")

    class OnDeletion(models.TextChoices):
        REVIEW = "review", _("Ask me")
        KEEP = "keep", _("Keep what we know")
        ERASE = "erase", _("Erase the record here too")

    kind = models.CharField(max_length=20, help_text="A name in integrations.crm.registry.")
    name = models.CharField(max_length=80)
    key = models.CharField(max_length=32, unique=True, default=channel_key, editable=False, help_text="Names it in its public address.")
    settings = models.JSONField(default=dict, help_text="What is not secret.")
    credentials = EncryptedJSONField()
    paused = models.BooleanField(default=False)
    state = models.CharField(max_length=14, choices=State.choices, default=State.WORKING)
    problem = models.CharField(max_length=300, blank=True, help_text="Why it does not work now, in words.")
    failures = models.PositiveIntegerField(default=0, help_text="Failures one after the other; says how long to wait.")
    creates_there = models.BooleanField(default=False, help_text="Whether new contacts of ours become records there.")
    merges_there = models.BooleanField(default=False, help_text="Whether a merge here merges the records there, where the system can.")
    erases_there = models.BooleanField(default=True, help_text="Whether a person who is erased here is erased there.")
    on_deletion = models.CharField(max_length=8, choices=OnDeletion.choices, default=OnDeletion.REVIEW)
    poll_seconds = models.PositiveIntegerField(default=10, help_text="How often changes are asked for.")
    cursor = models.TextField(blank=True, help_text="Where the next question for changes begins; empty until the first back-fill.")
    # By how many seconds the other system's clock is ahead of ours, as its answers to our own writes show.
    clock_offset = models.FloatField(default=0)
    brake_lifted = models.BooleanField(default=False, help_text="The next run may change as much as it finds.")
    next_pull_at = models.DateTimeField(db_default=TransactionNow())
    # A worker that asks for changes holds the connection until then; dead, it gives it back by itself.
    held_until = models.DateTimeField(null=True)
    pulled_at = models.DateTimeField(null=True)
    pushed_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True, help_text="When its latest webhook came.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "next_pull_at"])]

    def __str__(self) -> str:
        return self.name


class EndedGrant(TenantModel):
    """A permission at another system that we no longer use: it is to be withdrawn there. Deleted when it was."""

    kind = models.CharField(max_length=20, help_text="A name in integrations.crm.registry.")
    name = models.CharField(max_length=80, help_text="How the connection was called.")
    secrets = EncryptedJSONField(help_text="The connection's settings and credentials.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=TransactionNow())
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "due_at"])]

    def __str__(self) -> str:
        return self.name


class Mapping(TenantModel):
    """One of our fields, or kind of identifier, and the property there that means the same."""

    class Type(models.TextChoices):
        TEXT = "text", _("Text")
        EMAIL = "email", _("Email")
        PHONE = "phone", _("Phone")
        DATE = "date", _("Date")
        ENUM = "enum", _("Choice")
        BOOLEAN = "boolean", _("Yes or no")

    class Direction(models.TextChoices):
        IN = "in", _("From there to here")
        OUT = "out", _("From here to there")
        BOTH = "both", _("Both ways")

    class Policy(models.TextChoices):
        OURS = "ours", _("Ours wins")
        THEIRS = "theirs", _("Theirs wins")
        NEWEST = "newest", _("The newer one wins")
        MANUAL = "manual", _("Ask me")

    class Empty(models.TextChoices):
        LEAVE = "leave", _("Empty says nothing")
        CLEAR = "clear", _("Empty empties the other side")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mappings")
    ours = models.CharField(max_length=40, help_text="A field of the contact, or a kind of identifier (email, phone, …).")
    remote = models.CharField(max_length=120, help_text="The property there.")
    type = models.CharField(max_length=8, choices=Type.choices, default=Type.TEXT)
    is_several = models.BooleanField(default=False, help_text="The property holds several values.")
    choices = models.JSONField(default=dict, help_text="For a choice: value there → value here.")
    direction = models.CharField(max_length=4, choices=Direction.choices, default=Direction.BOTH)
    policy = models.CharField(max_length=8, choices=Policy.choices, default=Policy.NEWEST)
    empty = models.CharField(max_length=6, choices=Empty.choices, default=Empty.CLEAR)
    problem = models.CharField(max_length=200, blank=True, help_text="The property is missing there: this line rests, the others go on.")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "connection", "ours"], name="mapping_once")]


class ExternalRecord(TenantModel):
    """A record there and the profile that it is here. Both ways at most one; ids that were merged away stay as aliases."""

    class State(models.TextChoices):
        LIVE = "live", _("In step")
        GONE = "gone", _("Deleted there")
        MERGED = "merged", _("Merged there")
        ERASED = "erased", _("Erased")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="records")
    object_type = models.CharField(max_length=40)
    external_id = models.CharField(max_length=500)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.LIVE)
    alias_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="aliases", help_text="The record that stands for this one."
    )
    version = models.CharField(max_length=300, blank=True, help_text="As it was when both sides were last compared.")
    modified_at = models.DateTimeField(null=True, help_text="By the clock there.")
    # Our name of a field → {"ours": …, "theirs": …} when both sides were last in step: what the next comparison starts from.
    base = models.JSONField(default=dict)
    synced_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(db_default=TransactionNow(), help_text="When it was last known to exist.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "connection", "object_type", "external_id"], name="external_record_once"),
            models.UniqueConstraint(
                fields=["account", "connection", "object_type", "profile"],
                condition=models.Q(state="live"),
                name="external_record_one_per_profile",
            ),
        ]
        indexes = [models.Index(fields=["account", "profile"]), models.Index(fields=["account", "connection", "state"])]


class SyncOutbox(TenantModel):
    """Something that the other system is still to hear. Written in the transaction of the change, deleted when it was said."""

    class Kind(models.TextChoices):
        PUSH = "push", _("Change")
        ERASE = "erase", _("Erasure")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="outbox")
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.PUSH)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    record = models.ForeignKey(ExternalRecord, on_delete=models.CASCADE, null=True, related_name="+")
    # Counts the changes: what was said is only done with if nothing changed while it was being said.
    asked = models.PositiveIntegerField(default=1)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=TransactionNow())
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "connection", "kind", "profile"], name="sync_outbox_once")]
        indexes = [models.Index(fields=["account", "due_at"])]


class ChangeNotice(TenantModel):
    """A record that a webhook named: it is to be read again. Deleted when it was."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="notices")
    external_id = models.CharField(max_length=500)
    is_erasure = models.BooleanField(default=False, help_text="It is said to be destroyed by the person's right.")
    # Counts the webhooks: a record that was read is only done with if none came while it was being read.
    asked = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=TransactionNow())
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "connection", "external_id"], name="change_notice_once")]
        indexes = [models.Index(fields=["account", "due_at"])]


class EchoEntry(TenantModel):
    """Something we wrote there ourselves: when it is read back, from a lagging index or a webhook, nobody changed anything."""

    record = models.ForeignKey(ExternalRecord, on_delete=models.CASCADE, related_name="+")
    field = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "record", "field", "digest"], name="echo_entry_once")]
        indexes = [models.Index(fields=["account", "expires_at"])]


class Conflict(TenantModel):
    """Something that only a person can settle."""

    class Kind(models.TextChoices):
        FIELD = "field", _("Two values")
        MERGE = "merge", _("Merged there, marked as different people here")
        DELETION = "deletion", _("Deleted there")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        SETTLED = "settled", _("Settled")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="conflicts")
    record = models.ForeignKey(ExternalRecord, on_delete=models.CASCADE, related_name="conflicts")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    field = models.CharField(max_length=40, blank=True)
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    decision = models.CharField(max_length=10, blank=True, help_text="ours, theirs, merged, kept, erased, gone")
    decided_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    before = models.JSONField(null=True, help_text="What the answer changed here, so that it can be taken back.")
    says_again = models.BooleanField(default=False, help_text="The answer was taken back: what stood there is to be said there again.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "record", "kind", "field"], condition=models.Q(state="open"), name="conflict_open_once"
            )
        ]
        indexes = [models.Index(fields=["account", "connection", "state"])]


class DeadLetter(TenantModel):
    """A record that one side refuses. It blocks nothing else; a person may have it tried again."""

    class Direction(models.TextChoices):
        IN = "in", _("From there to here")
        OUT = "out", _("From here to there")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="dead_letters")
    direction = models.CharField(max_length=3, choices=Direction.choices)
    object_type = models.CharField(max_length=40)
    external_id = models.CharField(max_length=500, blank=True)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, null=True, related_name="+")
    error = models.CharField(max_length=300)
    attempts = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=TransactionNow())
    tried_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "connection", "direction", "object_type", "external_id", "profile"],
                nulls_distinct=False,
                name="dead_letter_once",
            )
        ]


class SyncLog(TenantModel):
    """What happened to one record, with the values before and after."""

    class Action(models.TextChoices):
        LINKED = "linked", _("Linked")
        TAKEN = "taken", _("Taken from there")
        SENT = "sent", _("Sent there")
        CREATED = "created", _("Created there")
        CONFLICT = "conflict", _("Waits for you")
        MERGED = "merged", _("Merged")
        GONE = "gone", _("Deleted there")
        ERASED = "erased", _("Erased")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="log")
    record = models.ForeignKey(ExternalRecord, on_delete=models.CASCADE, null=True, related_name="+")
    action = models.CharField(max_length=8, choices=Action.choices)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "connection", "-at", "-id"]), models.Index(fields=["account", "record"])]


class SyncRun(BackgroundRun):
    """One back-fill of everything that is there, or its rehearsal. Its cursor says where a worker goes on after another died."""

    DEAD_AFTER: ClassVar[timedelta] = timedelta(seconds=90)

    class Kind(models.TextChoices):
        BACK_FILL = "back_fill", _("Back-fill")
        REHEARSAL = "rehearsal", _("Dry run")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    cursor = models.TextField(blank=True, help_text="The pages before it are written.")

    class Meta(BackgroundRun.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "connection"], condition=models.Q(state__in=["queued", "running"]), name="sync_run_one_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["account", "connection", "-created_at"])]
