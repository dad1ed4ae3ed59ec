"""What administrators of consent set going: people asked again, the ledger checked, old data deleted."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.background_runs import BackgroundRun
from accounts.models import Membership
from accounts.tenancy import TenantModel
from consent.models.points import ContactPoint
from consent.models.policy import Purpose
from contacts.models import Profile


class ReconsentCampaign(BackgroundRun):
    """Whoever agreed to an older wording of a purpose is asked about the one that holds, once."""

    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="campaigns")
    number = models.PositiveIntegerField(help_text="Of the notice that people are asked about.")

    class Meta(BackgroundRun.Meta):
        constraints = [
            # Cancelled and failed ones may be begun again; who was asked by them is not asked twice (consent.asking_again).
            models.UniqueConstraint(
                fields=["account", "purpose", "number"],
                condition=Q(state__in=["queued", "running", "done"]),
                name="reconsent_campaign_once",
            )
        ]


class ReconsentInvitation(TenantModel):
    """One point with a grant to an older wording, and what became of asking there. What was answered is in the ledger."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Not asked yet")
        SENDING = "sending", _("On its way")
        ASKED = "asked", _("Asked")
        UNREACHABLE = "unreachable", _("Not reachable")
        UNKNOWN = "unknown", _("Nobody knows whether it arrived")

    campaign = models.ForeignKey(ReconsentCampaign, on_delete=models.CASCADE, related_name="invitations")
    point = models.ForeignKey(ContactPoint, on_delete=models.PROTECT, related_name="+")
    profile = models.ForeignKey(Profile, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    address = models.ForeignKey(ContactPoint, on_delete=models.PROTECT, null=True, related_name="+", help_text="Where the letter went.")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was not sent, in words.")
    not_before = models.DateTimeField(null=True, help_text="A pause or quiet hours: not earlier.")
    asked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "campaign", "point", "profile"], nulls_distinct=False, name="reconsent_invitation_once"
            )
        ]
        indexes = [models.Index(fields=["account", "campaign", "state"])]


class LedgerCheck(BackgroundRun):
    """One walk along the whole chain. ``figures``: sealed, unsealed, anchors, broken, sequence, event."""


class RetentionRule(TenantModel):
    """How long one kind of data is kept. A kind without a row is kept for good."""

    kind = models.CharField(max_length=40, help_text="See consent.retention_kinds.")
    days = models.PositiveIntegerField(null=True, help_text="Older than that is deleted at night; null: kept.")
    changed_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "kind"], name="retention_rule_once")]


class RetentionRun(BackgroundRun):
    """One night's deleting. ``figures``: kind → how many were deleted."""
