"""``/a/<slug>/settings/requests/``: what people asked for by right, the most urgent first, and the answer to each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent import answering_requests
from consent.models import RightsRequest
from contacts.models import Contact, Profile

MOST_CLOSED = 50


@dataclass(frozen=True)
class Line:
    """One request as the page shows it. ``beyond``: the contact has other sources, which nobody has shown to be the asker's."""

    request: RightsRequest
    contact: Contact | None
    is_late: bool
    beyond: bool
    is_by_worker: bool
    is_under_way: bool
    has_archive: bool


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def requests(request: AccountRequest) -> HttpResponse:
    every = RightsRequest.scoped().select_related("assignee__user")
    waiting = list(every.filter(status__in=answering_requests.OPEN).order_by("due_at", "pk"))
    closed = list(every.exclude(status__in=answering_requests.OPEN).order_by("-closed_at", "-pk")[:MOST_CLOSED])
    asked_by = {row.profile_id for row in (*waiting, *closed) if row.profile_id}
    contact_of = {profile.pk: profile.contact for profile in Profile.scoped().filter(pk__in=asked_by).select_related("contact")}
    context = {
        "waiting": [_line(row, contact_of.get(row.profile_id or 0)) for row in waiting],
        "closed": [_line(row, contact_of.get(row.profile_id or 0)) for row in closed],
    }
    return render(request, "consent/rights_requests.html", context)


def _line(row: RightsRequest, contact: Contact | None) -> Line:
    is_open = row.status in answering_requests.OPEN
    return Line(
        request=row,
        contact=None if contact is None or contact.is_erased else contact,
        is_late=is_open and row.due_at < timezone.now(),
        beyond=bool(row.detail.get("beyond")),
        is_by_worker=row.kind in (*answering_requests.EXPORTS, RightsRequest.Kind.ERASURE),
        is_under_way=row.status == RightsRequest.Status.WORKING and "begun_at" in row.outcome,
        has_archive=bool(answering_requests.archive_of(row)),
    )


@require_POST
@needs(Ability.MANAGE_CONSENT)
def begin(request: AccountRequest, request_id: int) -> HttpResponse:
    """Export or erase. Erasing asks for the tick: nothing brings it back."""
    found = get_object_or_404(RightsRequest.scoped(), pk=request_id)
    if found.kind == RightsRequest.Kind.ERASURE and request.POST.get("understood") != "yes":
        messages.error(request, _("Tick the box first: what is erased cannot be brought back."))
        return _back(request)
    return _do(request, lambda: answering_requests.begin(request=found, by=request.actor), _("A worker is at it."))


@require_POST
@needs(Ability.MANAGE_CONSENT)
def close(request: AccountRequest, request_id: int) -> HttpResponse:
    """``decision`` is done or refused, with a ``reason``."""
    found = get_object_or_404(RightsRequest.scoped(), pk=request_id)
    refused, reason = request.POST.get("decision") == "refused", request.POST.get("reason", "")

    def act() -> None:
        answering_requests.close(request=found, by=request.actor, reason=reason, refused=refused)

    return _do(request, act, _("The request is closed."))


@require_safe
@never_cache
@needs(Ability.EXPORT_PEOPLE)
def archive(request: AccountRequest, request_id: int) -> HttpResponse:
    """The archive, for a week."""
    path = answering_requests.archive_of(get_object_or_404(RightsRequest.scoped(), pk=request_id))
    try:
        content = default_storage.open(path) if path else None
    except FileNotFoundError as error:
        raise Http404 from error
    if content is None:
        raise Http404
    answer = FileResponse(content, as_attachment=True, filename=f"{request_id}.zip", content_type="application/zip")
    return cast(HttpResponse, answer)


def _do(request: AccountRequest, act: Callable[[], object], said: str) -> HttpResponse:
    try:
        act()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, said)
    return _back(request)


def _back(request: AccountRequest) -> HttpResponse:
    return redirect("consent:requests", request.account.slug)
