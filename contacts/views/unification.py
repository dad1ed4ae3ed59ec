"""``/a/<slug>/settings/unification/``: what it does, what would change here, and the switch."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.models import Account
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.marking import mark_shared
from contacts.models import Identifier, UnificationRun
from contacts.unification import switching
from contacts.unification.advising import advice

STEPS = ("what", "change", "switch")


@require_safe
@never_cache
@needs(Ability.MANAGE_ACCOUNT)
def unification(request: AccountRequest) -> HttpResponse:
    """Three steps on one address; while a switch is under way, its progress."""
    account = Account.objects.get(pk=request.account.pk)
    under_way = switching.switch_under_way()
    step = request.GET.get("step") or ("switch" if under_way else "what")
    if step not in STEPS:
        raise Http404
    preview = switching.latest_run(UnificationRun.Kind.PREVIEW)
    context = {
        "step": step,
        "under_way": under_way,
        "is_on": account.unification_enabled,
        "preview": preview,
        "figures": preview.figures if preview and preview.state == UnificationRun.State.DONE else None,
        "advice": advice(preview.figures) if preview and preview.state == UnificationRun.State.DONE else [],
        "last": switching.latest_run(*switching.SWITCHES),
        "silence": account.new_contact_after_hours,
    }
    return render(request, "contacts/unification.html", context)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def preview(request: AccountRequest) -> HttpResponse:
    switching.ask_for_preview(account=request.account, by=request.actor)
    return _to(request, "change")


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def switch(request: AccountRequest) -> HttpResponse:
    """``enabled`` is yes or no; with no, ``contacts`` is back or keep."""
    wanted, contacts = request.POST.get("enabled"), request.POST.get("contacts", "back")
    if wanted not in ("yes", "no") or contacts not in ("back", "keep"):
        return HttpResponseBadRequest()
    account = Account.objects.get(pk=request.account.pk)
    switching.switch(account=account, enabled=wanted == "yes", by=request.actor, gives_back=contacts == "back")
    return _to(request, "switch")


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def again(request: AccountRequest) -> HttpResponse:
    """Go on with a switch of which something failed."""
    switching.try_again(by=request.actor)
    return _to(request, "switch")


@require_safe
@never_cache
@needs(Ability.MANAGE_ACCOUNT)
def progress(request: AccountRequest, run_id: int) -> HttpResponse:
    """How far a run is, for a page that asks every second; once it has ended the page loads itself anew."""
    run = get_object_or_404(UnificationRun.scoped(), pk=run_id)
    answer = render(request, "contacts/_unification_progress.html", {"run": run})
    if run.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def share(request: AccountRequest, identifier_id: int) -> HttpResponse:
    """Mark a value that the preview found as shared."""
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id)
    mark_shared(identifier=identifier, by=request.actor, reason=_("Found by the preview of unification"))
    messages.success(request, _("%(value)s joins nobody by itself from now on.") % {"value": identifier.value})
    switching.ask_for_preview(account=request.account, by=request.actor)
    return _to(request, "change")


def _to(request: AccountRequest, step: str) -> HttpResponse:
    return redirect(f"{reverse('contacts:unification', args=[request.account.slug])}?step={step}")
