"""Start and stop the search for duplicates by hand, with the right to do so and a line in the audit."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.deduplication.running import ask
from contacts.merging import Refused
from contacts.models import DeduplicationRun, MatchModel

LATEST = 12


@transaction.atomic
def start_search(*, kind: str, by: Actor) -> DeduplicationRun:
    """Ask for a search now; the one that is under way, where there is one. Raises ``PermissionDenied``, ``ValueError`` for no kind."""
    require(by, Ability.MANAGE_ACCOUNT)
    if kind not in DeduplicationRun.Kind:
        raise ValueError(kind)
    run = DeduplicationRun.unfinished().first()
    if run is None:
        run = ask(kind=kind, by=by.membership)
        record(actor=by, action="deduplication.start", target=run, kind=run.kind)
    return run


@transaction.atomic
def cancel_search(*, run: DeduplicationRun, by: Actor) -> None:
    """Stop a search at its next step; what it suggested until then stays. Raises ``Refused`` where it is over, ``PermissionDenied``."""
    require(by, Ability.MANAGE_ACCOUNT)
    fresh = DeduplicationRun.scoped().select_for_update().get(pk=run.pk)
    if fresh.state not in DeduplicationRun.UNFINISHED:
        raise Refused(_("It is over already."), code="over")
    fresh.cancel()
    record(actor=by, action="deduplication.cancel", target=fresh, kind=fresh.kind)


def search_under_way() -> DeduplicationRun | None:
    """One query."""
    return DeduplicationRun.unfinished().first()


def latest_searches(limit: int = LATEST) -> list[DeduplicationRun]:
    """The newest first. One query."""
    return list(DeduplicationRun.scoped().select_related("asked_by__user", "model").order_by("-pk")[:limit])


def seconds_of(run: DeduplicationRun) -> float | None:
    """How long its steps took together; ``None`` before the first one was done."""
    seconds = run.figures.get("seconds")
    return round(sum(seconds.values()), 1) if seconds else None


def model_versions(limit: int = LATEST) -> list[MatchModel]:
    """The newest first, without their parameters. One query."""
    return list(MatchModel.scoped().defer("parameters").order_by("-version")[:limit])
