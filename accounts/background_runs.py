"""Long work of an account as a row: it can be watched, cancelled, and gone on with after its worker died."""

from datetime import timedelta
from typing import ClassVar, Self

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from accounts.queueing import GRACE
from accounts.tenancy import TenantModel, TenantQuerySet

LONGEST_ERROR = 300


class Cancelled(Exception):
    """Somebody cancelled the run meanwhile. What it did until then stays."""


class BackgroundRun(TenantModel):
    """The state and progress that every kind of run has. Doing the work twice must do no harm: a dead worker's run is done again."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    UNFINISHED: ClassVar = (State.QUEUED, State.RUNNING)
    # A run that gave no sign of life for so long has lost its worker. Longer than the longest step.
    DEAD_AFTER: ClassVar[timedelta] = timedelta(seconds=90)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0, help_text="Steps of the work that are behind it.")
    total = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict, help_text="What was found or done.")
    error = models.CharField(max_length=LONGEST_ERROR, blank=True)
    asked_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=TransactionNow())
    started_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True, help_text="The worker's last sign of life.")
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        abstract = True

    @classmethod
    def unfinished(cls) -> TenantQuerySet[Self]:
        return cls.scoped().filter(state__in=cls.UNFINISHED)

    @classmethod
    def free(cls) -> TenantQuerySet[Self]:
        """Runs that nobody works on: not begun, or their worker is gone."""
        return cls.scoped().filter(Q(state=cls.State.QUEUED) | Q(state=cls.State.RUNNING, beat_at__lt=timezone.now() - cls.DEAD_AFTER))

    @classmethod
    def forgotten(cls) -> TenantQuerySet[Self]:
        """Free runs that nobody has just asked for: the broker lost them, or their worker died."""
        return cls.free().exclude(state=cls.State.QUEUED, created_at__gt=timezone.now() - GRACE)

    @classmethod
    def take(cls, run_id: int) -> Self | None:
        """Make the run this worker's; ``None`` when it is over or somebody else has it. Figures of a dead worker are kept."""
        now = timezone.now()
        if not cls.free().filter(pk=run_id).update(state=cls.State.RUNNING, started_at=now, beat_at=now, done=0, error=""):
            return None
        return cls.scoped().get(pk=run_id)

    def beat(self, *also: str) -> None:
        """Give a sign of life and write down how far it is, with the fields named. Raises ``Cancelled``."""
        self.beat_at = timezone.now()
        fields = {name: getattr(self, name) for name in ("done", "total", "figures", "beat_at", *also)}
        if not type(self).scoped().filter(pk=self.pk, state=self.State.RUNNING).update(**fields):
            raise Cancelled

    def end(self, state: str, error: str = "") -> None:
        """Write down how it ended."""
        self.state, self.error, self.finished_at = state, error[:LONGEST_ERROR], timezone.now()
        self.save()

    def cancel(self) -> None:
        """Stop it at its next step. Who may do so is the caller's to check; what is over stays as it ended."""
        type(self).unfinished().filter(pk=self.pk).update(state=self.State.CANCELLED, finished_at=timezone.now())
