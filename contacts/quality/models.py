"""What the work on data quality keeps: words of people on single problems, review campaigns, and what each cleaning did."""

from datetime import timedelta

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.background_runs import BackgroundRun
from accounts.models import Membership
from accounts.tenancy import TenantModel
from contacts.models import Identifier, Profile


class ProblemKept(TenantModel):
    """A person looked at a problem and said that it is none. It holds as long as an identifier counts as fresh."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    problem = models.CharField(max_length=20)
    identifier = models.ForeignKey(Identifier, on_delete=models.CASCADE, related_name="+", null=True)
    field = models.CharField(max_length=40, blank=True)
    membership = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "profile", "problem", "identifier", "field"], nulls_distinct=False, name="problem_kept_once"
            )
        ]


class ReviewCampaign(TenantModel):
    """One round through the contacts that have one kind of problem: a queue of cards, each decided by a person."""

    class Kind(models.TextChoices):
        STALE = "stale", _("Not heard from for long")
        UNVERIFIED = "unverified", _("Only typed, never confirmed")
        SHARED = "shared", _("Shared by several persons")
        CONFLICTING = "conflicting", _("Sources that contradict each other")

    class State(models.TextChoices):
        OPEN = "open", _("Under way")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Ended early")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    started_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=TransactionNow())
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "kind"], condition=models.Q(state="open"), name="review_campaign_one_of_a_kind")
        ]
        indexes = [models.Index(fields=["account", "-created_at"])]


class ReviewCard(TenantModel):
    """One problem of one contact in a campaign, and what was decided about it, with all that the undo takes back."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DECIDED = "decided", _("Decided")
        SKIPPED = "skipped", _("Skipped")
        GONE = "gone", _("Settled otherwise")

    class Decision(models.TextChoices):
        KEEP = "keep", _("Kept as it is")
        END = "end", _("No longer in use")
        SHARE = "share", _("Marked as shared")
        UNSHARE = "unshare", _("Not shared")
        CODE = "code", _("Asked for a code")
        CHOOSE = "choose", _("One value chosen")

    campaign = models.ForeignKey(ReviewCampaign, on_delete=models.CASCADE, related_name="cards")
    number = models.PositiveIntegerField(help_text="Its place in the queue, from 1.")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    identifier = models.ForeignKey(Identifier, on_delete=models.CASCADE, related_name="+", null=True)
    field = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True)
    taken_back_by = models.JSONField(default=dict, help_text="What the undo needs: ids of rows that the decision wrote or changed.")
    decided_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "campaign", "number"], name="review_card_number_once")]
        indexes = [
            models.Index(fields=["account", "campaign", "state", "number"]),
            models.Index(fields=["account", "decided_by", "-decided_at"]),
        ]


class CleaningReport(BackgroundRun):
    """One scheduled cleaning: only what is safe and can be taken back. ``asked_by`` is null where the schedule did."""

    # The scores of a large account are one step.
    DEAD_AFTER = timedelta(minutes=30)

    class Meta(BackgroundRun.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=models.Q(state__in=["queued", "running"]), name="cleaning_one_at_a_time")
        ]
        indexes = [models.Index(fields=["account", "-created_at"])]

    @property
    def did_anything(self) -> bool:
        return any(step.count for step in self.steps.all())


class CleaningStep(TenantModel):
    """What one step of a cleaning changed, row by row as it was before, so that it can be taken back."""

    class Kind(models.TextChoices):
        NORMALISED = "normalised", _("Identifiers read by the newest rules")
        VISITORS = "visitors", _("Empty visitors retired")
        SUGGESTIONS = "suggestions", _("Suggestions closed that had nothing left to ask")
        CODES = "codes", _("Expired verification codes forgotten")
        SCORES = "scores", _("Quality scores that changed")

    report = models.ForeignKey(CleaningReport, on_delete=models.CASCADE, related_name="steps")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    count = models.PositiveIntegerField(default=0)
    before = models.JSONField(default=list, help_text="The changed rows as they were; empty where there is nothing to take back.")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "report", "kind"], name="cleaning_step_once")]


class RecomputeRun(BackgroundRun):
    """Every contact computed anew by changed survivorship rules; its steps are contacts."""

    changed = models.PositiveIntegerField(default=0, help_text="Contacts that look different now.")
    after_id = models.BigIntegerField(default=0, help_text="The last contact that was computed: where a worker goes on.")

    class Meta(BackgroundRun.Meta):
        indexes = [models.Index(fields=["account", "-created_at"])]
