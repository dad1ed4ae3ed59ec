"""``/a/<slug>/settings/retention/``: how long what can be let go of is kept, and what the nights deleted."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.models import RetentionRun
from consent.retaining import LONGEST, SHORTEST, change_rule, overview, would_go
from consent.retention_kinds import all_kinds

NIGHTS = 14
# What has a term of its own that nobody sets, and what is never let go of.
FIXED = (
    (gettext_lazy("Codes and links to sign in to the portal, and its visits"), gettext_lazy("a day")),
    (gettext_lazy("Codes that confirm an identifier"), gettext_lazy("until the night after they expire")),
    (gettext_lazy("Archives of rights requests"), gettext_lazy("a week")),
    (gettext_lazy("The consent ledger, suppressions, wordings and the audit"), gettext_lazy("for good: they prove what was allowed")),
)


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def retention(request: AccountRequest) -> HttpResponse:
    """``?kind=…&days=…`` says beforehand how much a rule would delete."""
    asked, asked_days, answer = request.GET.get("kind", ""), request.GET.get("days", ""), None
    if asked and asked_days.isdecimal() and len(asked_days) < 6:
        try:
            answer = would_go(kind=asked, days=int(asked_days))
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
    labels = {kind.key: kind.label for kind in all_kinds()}
    runs = RetentionRun.scoped().order_by("-pk")[:NIGHTS]
    context = {
        "lines": overview(),
        "asked": asked,
        "asked_days": asked_days,
        "answer": answer,
        "fixed": FIXED,
        "least": SHORTEST,
        "most": LONGEST,
        "nights": [(run, [(labels.get(key, key), count) for key, count in run.figures.items()]) for run in runs],
    }
    return render(request, "consent/retention.html", context)


@require_POST
@needs(Ability.MANAGE_CONSENT)
def change(request: AccountRequest) -> HttpResponse:
    """``kind`` and ``days``; empty days keep it for good."""
    days = request.POST.get("days", "").strip()
    try:
        if days and not (days.isdecimal() and len(days) < 6):
            raise ValidationError(_("Write a number of days."))
        change_rule(kind=request.POST.get("kind", ""), days=int(days) if days else None, by=request.actor)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("Saved. The next night goes by it.") if days else _("Saved: it is kept."))
    return redirect("consent:retention", account_slug=request.account.slug)
