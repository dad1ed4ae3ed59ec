"""Answer what people ask for by right: an archive of their data, its erasure, or a decision that somebody took elsewhere.

A request is answered by a worker. It is safe to ask twice: what was erased stays erased, and an archive is written anew.
"""

import uuid
from datetime import datetime, timedelta
from tempfile import TemporaryFile

import structlog
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.queueing import GRACE, enqueue
from accounts.roles import Ability, require
from accounts.tenancy import TenantQuerySet
from consent.models import RightsRequest
from contacts.erasing import erase
from contacts.exporting import export
from contacts.merging import Refused
from contacts.models import Profile

log = structlog.get_logger("hilo.rights")
Kind, Status = RightsRequest.Kind, RightsRequest.Status
OPEN = (Status.RECEIVED, Status.VERIFYING, Status.WORKING)
EXPORTS = (Kind.ACCESS, Kind.PORTABILITY)
# How long an archive can be fetched; then it is deleted.
KEPT_FOR = timedelta(days=7)
LONGEST_REASON = 500


@transaction.atomic
def begin(*, request: RightsRequest, by: Actor) -> RightsRequest:
    """Have a worker export or erase what the request covers. Raises ``ValidationError`` for another kind or one that is closed."""
    locked = _locked(request, by)
    require(by, Ability.ERASE_PEOPLE if locked.kind == Kind.ERASURE else Ability.EXPORT_PEOPLE)
    if locked.kind not in (*EXPORTS, Kind.ERASURE):
        raise ValidationError(_("This kind of request is answered by hand."), code="by_hand")
    locked.status, locked.assignee = Status.WORKING, by.membership
    locked.outcome = {"begun_at": timezone.now().isoformat()}
    locked.save(update_fields=["status", "assignee", "outcome"])
    record(actor=by, action="rights_request.begin", target=locked, kind=locked.kind)
    _ask_worker(locked)
    return locked


@transaction.atomic
def close(*, request: RightsRequest, by: Actor, reason: str, refused: bool = False) -> RightsRequest:
    """Close it by hand: done elsewhere, or refused. ``reason`` is what the person is told. Raises ``ValidationError`` without one."""
    locked = _locked(request, by)
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise ValidationError({"reason": _("Write what was done, or why not: the person may ask.")})
    if len(reason) > LONGEST_REASON:
        raise ValidationError({"reason": _("At most %(count)d characters.") % {"count": LONGEST_REASON}})
    locked.status = Status.REFUSED if refused else Status.DONE
    locked.closed_at, locked.assignee = timezone.now(), by.membership
    locked.outcome = {"reason": reason}
    locked.save(update_fields=["status", "closed_at", "assignee", "outcome"])
    record(actor=by, action="rights_request.close", target=locked, kind=locked.kind, state=locked.status)
    return locked


def carry_out(*, request_id: int) -> None:
    """Do the work of one request that was begun. Safe to call any number of times."""
    with transaction.atomic():
        request = RightsRequest.scoped().select_for_update(skip_locked=True).filter(pk=request_id, status=Status.WORKING).first()
        if request is None or "begun_at" not in request.outcome:
            return
        by = Actor.person(request.assignee) if request.assignee else SYSTEM
        language = Account.objects.only("language").get(pk=request.account_id).language
        with translation.override(language):
            outcome = _erase(request, by) if request.kind == Kind.ERASURE else _export(request, by)
        # Erasure rewrote what the request said about the person.
        request.refresh_from_db()
        request.status, request.closed_at, request.outcome = Status.DONE, timezone.now(), outcome
        request.save(update_fields=["status", "closed_at", "outcome"])
    log.info("rights_request_done", request=request_id, kind=request.kind)


def _profiles(request: RightsRequest) -> list[Profile]:
    """Those that the request covers and that sit in the contact of the one who asked, whatever happened since."""
    if request.profile_id is None:
        return []
    home = Profile.scoped().filter(pk=request.profile_id).values("contact_id")
    wanted = {request.profile_id, *request.detail.get("profiles", [])}
    return list(Profile.scoped().filter(pk__in=wanted, contact__in=home, erased_at=None))


def _erase(request: RightsRequest, by: Actor) -> dict[str, object]:
    try:
        return {"report": erase(profiles=_profiles(request), by=by).as_json()}
    except Refused:
        return {"report": {"removed": {}, "kept": {}, "mentions": [], "profiles": []}, "nothing": True}


def _export(request: RightsRequest, by: Actor) -> dict[str, object]:
    with TemporaryFile() as packed:
        try:
            export(profiles=_profiles(request), by=by, to=packed)
        except Refused:
            return {"nothing": True}
        path = default_storage.save(f"exports/{request.account_id}/{uuid.uuid4().hex}.zip", File(packed))
    return {"archive": path, "expires_at": (timezone.now() + KEPT_FOR).isoformat()}


def archive_of(request: RightsRequest) -> str:
    """The path of the archive in the storage, as long as it can be fetched; otherwise empty."""
    expires_at = request.outcome.get("expires_at")
    is_there = expires_at is not None and timezone.now() < datetime.fromisoformat(expires_at)
    return str(request.outcome["archive"]) if is_there else ""


def forget_expired_archives() -> int:
    """Delete the archives that can no longer be fetched. Returns how many."""
    forgotten = 0
    for request in RightsRequest.scoped().filter(outcome__has_key="archive"):
        if not archive_of(request):
            default_storage.delete(request.outcome.pop("archive"))
            request.save(update_fields=["outcome"])
            forgotten += 1
    return forgotten


def begun() -> TenantQuerySet[RightsRequest]:
    """Requests that a worker has, or that the broker lost."""
    since = (timezone.now() - GRACE).isoformat()
    return RightsRequest.scoped().filter(status=Status.WORKING, outcome__begun_at__lt=since)


def _locked(request: RightsRequest, by: Actor) -> RightsRequest:
    locked = RightsRequest.scoped().select_for_update().get(pk=request.pk)
    require(by, Ability.MANAGE_CONSENT)
    if locked.status not in OPEN:
        raise ValidationError(_("The request is closed already."), code="closed")
    return locked


def _ask_worker(request: RightsRequest) -> None:
    from consent.tasks import carry_out_rights_request

    enqueue(carry_out_rights_request, account_id=request.account_id, request_id=request.pk)
