"""What a visitor asks for by right: a copy of their data, its erasure. It goes to the team's queue with the day it is due."""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.tenancy import TenantQuerySet
from consent.answering_requests import OPEN, archive_of
from consent.fingerprints import fingerprint
from consent.models import RightsRequest
from consent.portal.choosing import PERSON
from consent.portal.reach import Reach
from consent.taking_requests import put_into_queue
from consent.vocabulary import Origin
from contacts.locks import lock_keys


@transaction.atomic
def ask_for(*, kind: RightsRequest.Kind, reach: Reach, about: str = "") -> RightsRequest:
    """Put a request into the queue, or give the one of that kind that is still open there.

    It covers the profiles that the visit reaches; ``detail["beyond"]`` tells the team that the unified contact has others, which
    nobody has shown to be theirs. ``about`` is a code that says more.
    """
    first, points = reach.first, [point.point_id for point in reach.points]
    lock_keys([("rights", fingerprint(str(points)))])
    waiting = requests_of(reach).filter(kind=kind, status__in=OPEN, detail__about=about).first()
    if waiting is not None and set(reach.profile_ids) <= set(waiting.detail["profiles"]):
        return waiting
    return put_into_queue(
        kind=kind,
        profiles=[first.pk] if first is not None else [],
        refs=[point.ref for point in reach.points],
        points=points,
        source=Origin.PORTAL,
        detail={"profiles": reach.profile_ids, "beyond": reach.beyond, "about": about},
        received_at=timezone.now(),
        by=PERSON,
    )


def requests_of(reach: Reach) -> TenantQuerySet[RightsRequest]:
    """What the visitor has asked for, the latest first."""
    mine = Q(profile__in=reach.profile_ids) | Q(profile=None, point__in=[point.point_id for point in reach.points])
    return RightsRequest.scoped().filter(mine).order_by("-received_at", "-pk")


def archive_for(*, reach: Reach, request_id: int) -> str:
    """The path of the archive that answers one of the visitor's requests; empty where there is none to fetch."""
    request = requests_of(reach).filter(pk=request_id).first()
    return archive_in(request, reach=reach) if request is not None else ""


def archive_in(request: RightsRequest, *, reach: Reach) -> str:
    """As above. It holds what all the profiles of the request gave, so every one of them has to be reached by this visit."""
    return archive_of(request) if set(request.detail.get("profiles", [])) <= set(reach.profile_ids) else ""
