"""``/a/<slug>/settings/duplicates/``: the search for duplicates. Supervisors look, administrators act."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.changing_settings import change_settings
from accounts.middleware import AccountRequest
from accounts.models import Account
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import controlling_searches
from contacts.models import DeduplicationRun
from contacts.suggestion_figures import AUTOMATIC_NEEDS, figures
from contacts.suggestion_queries import open_count
from contacts.views.answering import say_refused


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def deduplication(request: AccountRequest) -> HttpResponse:
    """What it found, how the last searches went, and the settings."""
    found = figures()
    context = {
        "under_way": controlling_searches.search_under_way(),
        "runs": [{"run": run, "seconds": controlling_searches.seconds_of(run)} for run in controlling_searches.latest_searches()],
        "models": controlling_searches.model_versions(),
        "merges": Account.objects.get(pk=request.account.pk).deduplication_merges,
        "open": open_count(),
        "figures": found,
        "needed": AUTOMATIC_NEEDS,
        "automatic": None if found.automatic is None else found.automatic * 100,
        "queue": None if found.queue is None else found.queue * 100,
    }
    return render(request, "contacts/deduplication.html", context)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def start(request: AccountRequest) -> HttpResponse:
    """Search now: ``kind`` is whole or changed."""
    kind = request.POST.get("kind", "")
    if kind not in DeduplicationRun.Kind:
        raise Http404
    controlling_searches.start_search(kind=kind, by=request.actor)
    return _back(request)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def cancel(request: AccountRequest, run_id: int) -> HttpResponse:
    run = get_object_or_404(DeduplicationRun.scoped(), pk=run_id)
    try:
        controlling_searches.cancel_search(run=run, by=request.actor)
    except ValidationError as refused:
        say_refused(request, refused)
    else:
        messages.success(request, _("Cancelled. What it suggested until then stays."))
    return _back(request)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def choose_merging(request: AccountRequest) -> HttpResponse:
    """Whether the search merges by itself what is beyond doubt."""
    change_settings(account=request.account, changes={"deduplication_merges": request.POST.get("merges") == "yes"}, by=request.actor)
    messages.success(request, _("Saved."))
    return _back(request)


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def progress(request: AccountRequest, run_id: int) -> HttpResponse:
    """How far a search is, for a page that asks every second; once it has ended the page loads itself anew."""
    run = get_object_or_404(DeduplicationRun.scoped(), pk=run_id)
    answer = render(request, "contacts/_deduplication_progress.html", {"run": run})
    if run.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


def _back(request: AccountRequest) -> HttpResponse:
    return redirect("contacts:deduplication", account_slug=request.account.slug)
