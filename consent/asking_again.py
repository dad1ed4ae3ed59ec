"""Ask people again whose wording changed: whom, and what they answered. A campaign asks; the portal takes the answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from accounts.tenancy import TenantQuerySet
from consent.gate import Question, Ruling, decide_many
from consent.models import ConsentState, NoticeVersion, Purpose, ReconsentCampaign, ReconsentInvitation
from consent.points import LinkedPoint, points_of_person
from consent.queries import CHANNELS
from consent.reconsent_letters import ready_senders
from consent.vocabulary import Reason
from contacts.models import Profile

EXAMPLES = 10
Invited = ReconsentInvitation.State
State = ReconsentCampaign.State
# What the gate says of somebody whose only lack is the older wording.
MISSING = frozenset({Reason.NO_CONSENT})
# Said against the purpose since: they are not asked again.
SAID_NO = frozenset({Reason.SUPPRESSED, Reason.STOPPED, Reason.WITHDRAWN, Reason.PLATFORM_OPT_OUT, Reason.GATE_UNAVAILABLE})


class Refused(ValidationError):
    """The campaign cannot be begun or stopped now; the message says why."""


@dataclass(frozen=True)
class Example:
    """Somebody who would be asked; ``profile`` is whose grant it is."""

    profile: Profile
    problem: str


@dataclass(frozen=True)
class Preview:
    """What a campaign would do. ``points`` have a grant to an older wording, of so many ``people``."""

    number: int
    points: int
    people: int
    examples: tuple[Example, ...]
    can_be_sent: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a campaign, in points."""

    total: int = 0
    asked: int = 0
    waiting: int = 0
    unreachable: int = 0
    unknown: int = 0
    confirmed: int = 0
    refused: int = 0

    @property
    def unanswered(self) -> int:
        """Of those that were asked."""
        return max(0, self.asked - self.confirmed - self.refused)


def material_number(purpose: Purpose) -> int:
    """Number of the latest wording that asks everybody again; 0 where there is none."""
    return NoticeVersion.scoped().filter(purpose=purpose, is_material=True).aggregate(last=Max("number"))["last"] or 0


def older_grants(purpose: Purpose, number: int) -> TenantQuerySet[ConsentState]:
    """The states with a grant to a wording before ``number``, and none to it. What was said against them since is the gate's to know."""
    older = Q(proven_at__isnull=False, proven_notice__lt=number) | Q(attested_at__isnull=False, attested_notice__lt=number)
    newer = Q(proven_at__isnull=False, proven_notice__gte=number) | Q(attested_at__isnull=False, attested_notice__gte=number)
    withdrawn = Q(withdrawn_at__gt=F("proven_at")) | Q(withdrawn_at__gt=F("attested_at"), proven_at=None)
    found = ConsentState.scoped().filter(older, purpose__in=(purpose.key, "")).exclude(newer)
    return found.exclude(withdrawn).exclude(suppressed_at__isnull=False, proven_at=None)


def preview(purpose: Purpose) -> Preview:
    """How many would be asked, and the first of them. A constant number of queries, and one for each example."""
    number = material_number(purpose)
    grants = older_grants(purpose, number)
    counted = grants.aggregate(points=Count("point", distinct=True), people=Count("profile", distinct=True))
    rows = list(grants.exclude(profile=None).order_by("pk").values_list("profile_id", "channel")[:EXAMPLES])
    profiles = Profile.scoped().select_related("contact").in_bulk([profile_id for profile_id, _channel in rows])
    examples = tuple(Example(profiles[pk], problem_of(profiles[pk])) for pk in dict.fromkeys(pk for pk, _c in rows) if pk in profiles)
    return Preview(number, counted["points"], counted["people"], examples, bool(ready_senders()))


def problem_of(profile: Profile) -> str:
    """Why nobody can ask the profile's person by letter; empty where somebody can."""
    reached = {kind for sender in ready_senders() for kind in sender.reaches}
    if not any(linked.identifier.kind in reached for linked in points_of_person(profile)):
        return _("No address that a letter reaches")
    return ""


def standing_question(invitation: ReconsentInvitation, linked: Sequence[LinkedPoint], purpose: Purpose, channel: str) -> Ruling | None:
    """The gate's word on the purpose itself at the granted point; ``None`` where the point no longer leads to the person."""
    found = next((each for each in linked if each.ref.lookup == invitation.point.lookup_hmac), None)
    if found is None:
        return None
    kinds = CHANNELS.get(found.ref.kind, ("",))
    question = Question(
        ref=found.ref,
        profile_id=invitation.profile_id,
        channel=channel or kinds[0],
        purpose=purpose.key,
        at=timezone.now(),
        has_unsubscribe=True,
    )
    return decide_many([question])[0]


@transaction.atomic
def start_campaign(*, purpose: Purpose, by: Actor) -> ReconsentCampaign:
    """Ask everybody who agreed to an older wording of the purpose, by a worker. Raises ``Refused``, ``PermissionDenied``."""
    require(by, Ability.MANAGE_CONSENT)
    held = Purpose.scoped().select_for_update().get(pk=purpose.pk)
    number = material_number(held)
    if not number or not held.is_active:
        raise Refused(_("Publish a wording that asks people again first."), code="no_notice")
    if not ready_senders():
        raise Refused(_("Nobody can be asked yet: connect a mailbox."), code="no_sender")
    if not older_grants(held, number).exists():
        raise Refused(_("Nobody has to be asked: all grants are to the wording that holds."), code="nobody")
    try:
        with transaction.atomic():
            run = ReconsentCampaign.objects.create(purpose=held, number=number, asked_by=by.membership)
    except IntegrityError as error:
        raise Refused(_("People are asked about this wording already."), code="begun") from error
    audit(actor=by, action="reconsent.start", target=run, purpose=held.key, number=number)
    _ask_worker(run)
    return run


@transaction.atomic
def cancel_campaign(*, run: ReconsentCampaign, by: Actor) -> None:
    """Ask nobody more; who was asked can go on answering. Raises ``Refused`` where it is over, ``PermissionDenied``."""
    require(by, Ability.MANAGE_CONSENT)
    fresh = ReconsentCampaign.scoped().select_for_update().get(pk=run.pk)
    is_waiting = fresh.invitations.filter(state=Invited.WAITING).exists()
    if fresh.state not in ReconsentCampaign.UNFINISHED and not (fresh.state == State.DONE and is_waiting):
        raise Refused(_("It is over already."), code="over")
    ReconsentCampaign.scoped().filter(pk=fresh.pk).update(state=State.CANCELLED, finished_at=timezone.now())
    audit(actor=by, action="reconsent.cancel", target=fresh, purpose=fresh.purpose.key, number=fresh.number)


def outcome_of(run: ReconsentCampaign) -> Outcome:
    """How far it is and what was answered, as the ledger says. One query."""
    said = ConsentState.scoped().filter(purpose__in=(run.purpose.key, ""))
    newer = Q(proven_at__isnull=False, proven_notice__gte=run.number) | Q(attested_notice__gte=run.number)
    agreed = said.filter(newer, point=OuterRef("point"))
    # A no counts where it was agreed to, and where the letter went.
    said_no = said.filter(Q(point=OuterRef("point")) | Q(point=OuterRef("address")))
    asked_at = OuterRef("asked_at")
    declined = said_no.filter(Q(withdrawn_at__gte=asked_at) | Q(objected_at__gte=asked_at) | Q(suppressed_at__gte=asked_at))
    rows = ReconsentInvitation.scoped().filter(campaign=run).annotate(agreed=Exists(agreed), declined=Exists(declined))
    counted = rows.aggregate(
        total=Count("pk"),
        asked=Count("pk", filter=Q(state__in=(Invited.ASKED, Invited.UNKNOWN))),
        waiting=Count("pk", filter=Q(state__in=(Invited.WAITING, Invited.SENDING))),
        unreachable=Count("pk", filter=Q(state=Invited.UNREACHABLE)),
        unknown=Count("pk", filter=Q(state=Invited.UNKNOWN)),
        confirmed=Count("pk", filter=Q(agreed=True, declined=False)),
        refused=Count("pk", filter=Q(declined=True)),
    )
    return Outcome(**counted)


def due_again() -> TenantQuerySet[ReconsentCampaign]:
    """Campaigns that are through, but for people whose pause or quiet hours are over now."""
    now = timezone.now()
    waiting = ReconsentInvitation.scoped().filter(campaign=OuterRef("pk"), state=Invited.WAITING, not_before__lte=now)
    return ReconsentCampaign.scoped().filter(Exists(waiting), state=State.DONE)


def wake_due() -> int:
    """Queue them again; gives how many."""
    return due_again().update(state=State.QUEUED)


def _ask_worker(run: ReconsentCampaign) -> None:
    from consent.tasks import carry_out_reconsent

    enqueue(carry_out_reconsent, account_id=run.account_id, run_id=run.pk)
