"""``/a/<slug>/settings/registries/``: copies of the countries' do-not-call registries."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.registries import bring, lines


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs(Ability.MANAGE_CONSENT)
def registries(request: AccountRequest) -> HttpResponse:
    """What there is of each country's registry, and the form that brings in a newer copy."""
    problem, country = "", request.POST.get("country", "")[:2].upper()
    if request.method == "POST":
        try:
            file: Any = request.FILES.get("file")
            if file is None:
                raise ValidationError(_("Choose the file."))
            bring(country=country, file=file, by=request.actor)
        except ValidationError as refused:
            problem = refused.messages[0]
        else:
            messages.success(request, _("The copy is being read."))
            return redirect("consent:registries", account_slug=request.account.slug)
    found = lines()
    context = {"lines": found, "problem": problem, "chosen": country, "is_reading": any(line.running for line in found)}
    return render(request, "consent/registries.html", context, status=422 if problem else 200)
