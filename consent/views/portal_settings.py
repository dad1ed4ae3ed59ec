"""``/a/<slug>/settings/portal/``: where the customer portal is, and how it looks."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.models import PortalSettings
from consent.portal.branding import brand_of, change_brand
from consent.portal.signing_in import kinds_that_can_be_asked


class BrandForm(forms.ModelForm):
    class Meta:
        model = PortalSettings
        fields = ["title", "mark", "colour"]
        labels = {
            "title": gettext_lazy("Name at the top"),
            "mark": gettext_lazy("Letters in place of a logo"),
            "colour": gettext_lazy("Colour"),
        }
        help_texts = {
            "title": gettext_lazy("Empty: the name of the account."),
            "mark": gettext_lazy("Up to three. Empty: the initials of the name."),
            "colour": gettext_lazy(
                "As #0b6e63. Where letters could not be read on it or in it, a darker or lighter shade is shown. Empty: Hilo's own."
            ),
        }


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CONSENT)
def portal_settings(request: AccountRequest) -> HttpResponse:
    form = BrandForm(request.POST or None, instance=PortalSettings.scoped().first() or PortalSettings())
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            change_brand(title=given["title"], mark=given["mark"], colour=given["colour"], by=request.actor)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("consent:portal", account_slug=request.account.slug)
    context = {
        "form": form,
        "address": settings.PUBLIC_URL.rstrip("/") + reverse("portal:home", args=[request.account.slug]),
        "brand": brand_of(request.account),
        "kinds": kinds_that_can_be_asked(),
    }
    return render(request, "consent/portal_settings.html", context, status=422 if form.errors else 200)
