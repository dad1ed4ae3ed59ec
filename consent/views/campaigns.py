"""``/a/<slug>/settings/purposes/<id>/campaigns/``: ask people again after a change of the wording."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.asking_again import cancel_campaign, outcome_of, start_campaign
from consent.models import Purpose, ReconsentCampaign
from consent.purposes import name_of


@require_POST
@needs(Ability.MANAGE_CONSENT)
def start(request: AccountRequest, purpose_id: int) -> HttpResponse:
    purpose = get_object_or_404(Purpose.scoped(), pk=purpose_id)
    try:
        run = start_campaign(purpose=purpose, by=request.actor)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("consent:purpose", account_slug=request.account.slug, purpose_id=purpose_id)
    return redirect("consent:campaign", account_slug=request.account.slug, campaign_id=run.pk)


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def campaign(request: AccountRequest, campaign_id: int) -> HttpResponse:
    """How far it is, and what people answered. Alone for a page that asks every second while it runs."""
    run = get_object_or_404(ReconsentCampaign.scoped().select_related("purpose", "asked_by__user"), pk=campaign_id)
    context = {
        "run": run,
        "name": name_of(run.purpose, translation.get_language() or "es"),
        "outcome": outcome_of(run),
        "is_under_way": run.state in ReconsentCampaign.UNFINISHED,
    }
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    answer = render(request, "consent/_campaign.html" if is_part else "consent/campaign.html", context)
    answer["Vary"] = "HX-Request"
    return answer


@require_POST
@needs(Ability.MANAGE_CONSENT)
def cancel(request: AccountRequest, campaign_id: int) -> HttpResponse:
    run = get_object_or_404(ReconsentCampaign.scoped(), pk=campaign_id)
    try:
        cancel_campaign(run=run, by=request.actor)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("Cancelled. Who was asked can still answer."))
    return redirect("consent:campaign", account_slug=request.account.slug, campaign_id=run.pk)
