"""``/a/<slug>/quality/``: how good the data is, the reviews, the duplicates over time, and what the cleaning did."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.models import Account
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.quality import cleaning, figures
from contacts.quality.campaign_queries import latest_campaigns
from contacts.quality.charts import stacked
from contacts.quality.models import CleaningReport, CleaningStep, ReviewCampaign
from contacts.quality.rules import grade
from contacts.quality.words import LABELS
from contacts.views.answering import say_refused

REPORTS = 10
PERIOD = "quality_period"


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def quality(request: AccountRequest) -> HttpResponse:
    """The page. ``?period=`` is ``days`` or ``weeks``; the session remembers it."""
    period = request.GET.get("period") or request.COOKIES.get(PERIOD, "days")
    if period not in figures.PERIODS:
        raise Http404
    found = figures.overview()
    steps = figures.trend(period)
    campaigns = latest_campaigns()
    under_way = {progress.campaign.kind: progress for progress in campaigns if progress.campaign.state == ReviewCampaign.State.OPEN}
    reports = list(CleaningReport.scoped().select_related("asked_by__user").prefetch_related("steps").order_by("-pk")[:REPORTS])
    decided = stacked([[("accepted", step.accepted), ("rejected", step.rejected)] for step in steps], [step.open for step in steps])
    rates = stacked([[("found", step.rate or 0)] for step in steps])
    context = {
        "found": found,
        "average": round(found.average) if found.average is not None else None,
        "grade": grade(round(found.average)) if found.average is not None else "",
        "problems": [
            {
                "name": name,
                "label": LABELS[name],
                "count": count,
                "share": 100 * count / found.contacts,
                "may_review": name in ReviewCampaign.Kind,
                "under_way": under_way.get(name),
            }
            for name, count in sorted(found.problems.items(), key=lambda entry: -entry[1])
        ],
        "campaigns": campaigns,
        "period": period,
        "steps": steps,
        "is_quiet": not any(step.found or step.accepted or step.rejected or step.open for step in steps),
        "decided": decided,
        "decided_bars": list(zip(decided.bars, steps, strict=True)),
        "rates": rates,
        "rate_bars": list(zip(rates.bars, steps, strict=True)),
        "reports": reports,
        "account_settings": Account.objects.get(pk=request.account.pk),
    }
    response = render(request, "contacts/quality/quality.html", context)
    if "period" in request.GET:
        response.set_cookie(PERIOD, period, max_age=365 * 24 * 3600, httponly=True, samesite="Lax", secure=request.is_secure())
    return response


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def clean(request: AccountRequest) -> HttpResponse:
    """Clean now instead of tonight."""
    cleaning.ask_for_cleaning(by=request.actor)
    messages.success(request, _("The cleaning has begun. Its report appears here."))
    return redirect("contacts:quality", account_slug=request.account.slug)


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def report(request: AccountRequest, report_id: int) -> HttpResponse:
    """One report, for a page that asks while it runs; once it has ended the page loads itself anew."""
    row = get_object_or_404(CleaningReport.scoped().prefetch_related("steps"), pk=report_id)
    answer = render(request, "contacts/quality/_report.html", {"report": row})
    if row.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def take_back(request: AccountRequest, step_id: int) -> HttpResponse:
    """Undo one step of a cleaning."""
    step = get_object_or_404(CleaningStep.scoped(), pk=step_id)
    try:
        count = cleaning.take_back(step=step, by=request.actor)
    except ValidationError as refused:
        say_refused(request, refused)
    else:
        messages.success(request, ngettext("%(n)d row is as it was.", "%(n)d rows are as they were.", count) % {"n": count})
    return redirect("contacts:quality", account_slug=request.account.slug)
