"""A visit of the portal: an hour, one browser, and the points that were shown in it."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils import timezone

from consent.fingerprints import PointRef
from consent.models import ContactPoint, PortalProof, PortalSignIn, PortalVisit
from consent.points import ensure_point
from consent.portal.addresses import kept

LIFE = timedelta(hours=1)
# What is left of a visit, and of a request to get in, is of no use to anybody after a day.
FORGOTTEN_AFTER = timedelta(days=1)


def open_visit(*, at: datetime) -> tuple[PortalVisit, str]:
    """A visit, and the token for its cookie."""
    token = secrets.token_urlsafe(32)
    return PortalVisit.objects.create(digest=_digest(token), opened_at=at, expires_at=at + LIFE), token


def visit_of(token: str) -> PortalVisit | None:
    """The visit of a cookie, while it lasts. Reading it changes nothing: a visit ends after an hour, whatever is done in it."""
    if not token:
        return None
    return PortalVisit.scoped().filter(digest=_digest(token), ended_at=None, expires_at__gt=timezone.now()).first()


def add_proof(*, visit: PortalVisit, ref: PointRef, at: datetime) -> None:
    """Note that whoever is there holds the point."""
    point = ensure_point(ref)
    PortalProof.scoped().get_or_create(visit=visit, point=point, defaults={"address": kept(ref), "proven_at": at})
    ContactPoint.scoped().filter(pk=point.pk).exclude(verified_at__gte=at).update(verified_at=at)


def end_visit(visit: PortalVisit) -> None:
    """Nothing is left of it: not the cookie's right, not the addresses."""
    PortalProof.scoped().filter(visit=visit).delete()
    PortalVisit.scoped().filter(pk=visit.pk).update(ended_at=timezone.now())


def forget_old_visits() -> int:
    """Delete visits and requests to get in that are over for a day. Returns how many visits."""
    before = timezone.now() - FORGOTTEN_AFTER
    PortalSignIn.scoped().filter(asked_at__lt=before).delete()
    rows = PortalVisit.scoped().filter(expires_at__lt=before)
    count = rows.count()
    rows.delete()
    return count


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
