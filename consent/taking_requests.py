"""What somebody asks for by right goes into the team's queue, with the day by which their country wants an answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from consent.answering_requests import OPEN
from consent.due_dates import due_at
from consent.fingerprints import PointRef
from consent.models import RightsRequest
from consent.points import country_of, ensure_point, linked
from consent.vocabulary import Origin
from contacts.locks import hold
from contacts.models import Contact, Identifier, Profile

MOST_FIELDS, LONGEST_VALUE = 20, 300


@transaction.atomic
def take_request(
    *,
    contact: Contact,
    kind: RightsRequest.Kind,
    by: Actor,
    received_at: datetime | None = None,
    is_verified: bool = False,
    fields: Mapping[str, str] | None = None,
) -> tuple[RightsRequest, bool]:
    """Put a request that reached us elsewhere into the queue, for all of the contact's profiles. Gives it, and whether it is new.

    The one of that kind that is still open for the contact is given again. ``received_at`` is when the person asked; the time to
    answer runs from then. ``is_verified``: somebody of ours made sure that it is the person. ``fields`` (name → value) are what to
    correct, of a rectification. Raises ``ValidationError``, ``PermissionDenied``.
    """
    require(by, Ability.RECORD_CONSENT)
    now = timezone.now()
    asked_at = received_at or now
    if asked_at > now:
        raise ValidationError({"received_at": _("This lies in the future.")})
    wanted = _checked(kind, fields or {})
    home = hold(
        lambda: dict(Profile.scoped().filter(contact=contact, erased_at=None).values_list("pk", "contact_id")),
        contacts_of=lambda found: found,
    )
    profiles = sorted(home)
    if not profiles:
        raise ValidationError(_("There is nobody whom the request is about."), code="nobody")
    waiting = RightsRequest.scoped().filter(profile__in=profiles, kind=kind, status__in=OPEN).order_by("pk").first()
    if waiting is not None:
        return waiting, False
    identifiers = Identifier.scoped().filter(profile__in=profiles, valid_to=None).order_by("pk")
    refs = [each.ref for each in linked(identifiers)]
    return (
        put_into_queue(
            kind=kind,
            profiles=profiles,
            refs=refs,
            points=[ensure_point(ref).pk for ref in refs[:1]],
            source=Origin.API if by.kind == "api" else Origin.AGENT,
            status=RightsRequest.Status.RECEIVED if is_verified else RightsRequest.Status.VERIFYING,
            detail={"fields": wanted} if wanted else {},
            received_at=asked_at,
            by=by,
        ),
        True,
    )


def put_into_queue(
    *,
    kind: RightsRequest.Kind,
    profiles: Sequence[int],
    refs: Sequence[PointRef],
    points: Sequence[int],
    source: Origin,
    detail: Mapping[str, Any],
    received_at: datetime,
    by: Actor,
    status: RightsRequest.Status = RightsRequest.Status.RECEIVED,
) -> RightsRequest:
    """Write the request down. Its country is that of the first number among ``refs``, else the account's own."""
    country = next(filter(None, map(country_of, refs)), "") or _home()
    request = RightsRequest.objects.create(
        kind=kind,
        status=status,
        profile_id=next(iter(profiles), None),
        point_id=next(iter(points), None),
        country=country,
        source=source,
        detail={"profiles": list(profiles), "points": list(points), "beyond": False, "about": "", **detail},
        received_at=received_at,
        due_at=due_at(kind=kind, country=country, received_at=received_at),
    )
    record(actor=by, action="rights_request.create", target=request, kind=kind)
    return request


def _checked(kind: RightsRequest.Kind, fields: Mapping[str, str]) -> dict[str, str]:
    if fields and kind != RightsRequest.Kind.RECTIFICATION:
        raise ValidationError({"fields": _("Only a rectification names fields.")})
    if len(fields) > MOST_FIELDS or any(len(text) > LONGEST_VALUE for pair in fields.items() for text in pair):
        raise ValidationError({"fields": _("So much does not fit into one request.")})
    return {name: value.replace("\x00", "") for name, value in fields.items()}


def _home() -> str:
    return Account.objects.only("default_region").get(pk=current_account_id()).default_region
