""" "This isn't me": the point reached somebody else than it was meant for. Nothing more is written to it, and the team looks."""

from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from consent.models import RightsRequest
from consent.portal.choosing import PERSON
from consent.portal.reach import Reach
from consent.portal.rights import ask_for
from consent.suppressing import suppress
from consent.vocabulary import Origin, SuppressionReason

ABOUT = "wrong_person"


@transaction.atomic
def disown(*, reach: Reach) -> RightsRequest:
    """Suppress every point that was shown in the visit, and ask the team to part it from the person it was taken for.

    Only a new and proven opt-in lifts the suppression.
    """
    now, key = timezone.now(), f"portal-disown:{uuid4().hex}"
    request = ask_for(kind=RightsRequest.Kind.OBJECTION, reach=reach, about=ABOUT)
    for point in reach.points:
        suppress(
            ref=point.ref,
            reason=SuppressionReason.WRONG_PERSON,
            at=now,
            key=key,
            origin=Origin.PORTAL,
            profile=reach.profile_at(point),
            possession_proven=True,
            by=PERSON,
        )
    return request
