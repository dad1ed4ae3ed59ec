"""An administrator lets us into another system: away to it, back at one fixed address, and a click that keeps what came back.

Reading changes nothing here either: going away is a link, and coming back shows a page whose form hands the code over.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from integrations.error_words import in_words
from integrations.models import Connection
from integrations.syncing import connecting, signing_in

REASON_LENGTH = 200


@require_safe
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def sign_in(request: AccountRequest, connection_id: int) -> HttpResponse:
    """Send the browser to the other system."""
    found = _connection(connection_id)
    try:
        there = signing_in.address(connection=found, account=request.account, session=_session(request), by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
        return redirect("integrations:connection_settings", account_slug=request.account.slug, connection_id=connection_id)
    return HttpResponseRedirect(there)


@require_safe
@login_required
@never_cache
def oauth_callback(request: HttpRequest) -> HttpResponse:
    """Where the other system sends the browser back to: what it said, and how to go on."""
    try:
        journey = signing_in.read_state(request.GET.get("state", ""), session=_session(request))
    except ValidationError as refused:
        return render(request, "integrations/signed_in.html", {"refusal": refused.messages[0]}, status=400)
    where = {"account_slug": journey.account_slug, "connection_id": journey.connection_id}
    context = {
        "label": journey.label,
        "back": reverse("integrations:connection", kwargs=where),
        "finish": reverse("integrations:connection_sign_in_finish", kwargs=where),
        "state": request.GET["state"],
        "code": request.GET.get("code", ""),
    }
    error = request.GET.get("error", "")
    if error == "access_denied":
        context["refusal"] = _("%(system)s says that access was denied. Nothing was changed.") % {"system": journey.label}
    elif error or not context["code"]:
        reason = (request.GET.get("error_description") or error or _("it sent no code"))[:REASON_LENGTH]
        context["refusal"] = _("%(system)s did not let Hilo in: %(reason)s") % {"system": journey.label, "reason": reason}
    return render(request, "integrations/signed_in.html", context, status=400 if "refusal" in context else 200)


@sensitive_post_parameters()
@require_POST
@needs(Ability.MANAGE_CHANNELS)
def finish(request: AccountRequest, connection_id: int) -> HttpResponse:
    """Keep what the code is worth, and try the connection. Takes as long as the other side does."""
    found = _connection(connection_id)
    try:
        signing_in.finish(
            connection=found,
            account=request.account,
            session=_session(request),
            state=request.POST.get("state", ""),
            code=request.POST.get("code", ""),
            by=request.actor,
        )
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    else:
        problems = connecting.check(connection=_connection(connection_id), by=request.actor)
        for problem in problems:
            messages.error(request, in_words(problem))
        if not problems:
            messages.success(request, _("Connected. Try a dry run, then take everything in."))
    return redirect("integrations:connection", account_slug=request.account.slug, connection_id=connection_id)


def _connection(connection_id: int) -> Connection:
    return get_object_or_404(Connection.scoped(), pk=connection_id)


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""
