"""``/a/<slug>/settings/``: the account's own settings."""

from zoneinfo import available_timezones

import phonenumbers
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.changing_settings import change_settings
from accounts.middleware import AccountRequest
from accounts.models import Account, MatchingPolicy, NameConflict
from accounts.roles import Ability
from accounts.setting_words import SETTING_WORDS
from accounts.views.access import needs


class AccountForm(forms.ModelForm):
    class Meta:
        model = Account
        fields = [
            "name",
            "language",
            "timezone",
            "default_region",
            "new_contact_after_hours",
            "reopen_within_hours",
            "conversation_per_channel",
            "name_conflict",
            "matching_policy",
            "claimed_suggests_only",
            "shared_after_names",
            "max_profiles_per_contact",
            "max_merges_per_hour",
            "recycled_after_days",
            "stale_after_months",
            "retire_visitors_after_days",
        ]
        labels = SETTING_WORDS
        help_texts = {
            "timezone": gettext_lazy("Hours and days are shown in it."),
            "default_region": gettext_lazy("Phones without a prefix are read by its numbering plan."),
            "new_contact_after_hours": gettext_lazy(
                "Only without unification: who writes again on the same channel after this many hours becomes a new contact."
            ),
            "reopen_within_hours": gettext_lazy("A message within this time opens the same conversation again; later it starts another."),
            "conversation_per_channel": gettext_lazy("Otherwise a person's open conversation goes on when they change channel."),
            "name_conflict": gettext_lazy("Two relatives may share a phone: joining shows a warning, keeping apart waits for a decision."),
            "matching_policy": gettext_lazy("Only with unification. What is suggested waits for a supervisor."),
            "claimed_suggests_only": gettext_lazy(
                "Only with unification: an email or phone counts once the channel attests it or a code confirms it."
            ),
            "shared_after_names": gettext_lazy(
                "People with different names behind one value. With one more it is marked as shared, and what it joined is reviewed."
            ),
            "max_profiles_per_contact": gettext_lazy(
                "Beyond that, joining waits for a person: somebody may be typing the same value for everybody."
            ),
            "max_merges_per_hour": gettext_lazy("Beyond that, joining stops for the rest of the hour and a supervisor is told."),
            "recycled_after_days": gettext_lazy(
                "Whoever then writes from it under another name starts as somebody new, and the old owner is suggested."
            ),
            "stale_after_months": gettext_lazy("It lowers the contact's quality score and comes up in reviews."),
            "retire_visitors_after_days": gettext_lazy("The nightly cleaning does it; it can be taken back. Empty: never."),
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["language"] = forms.ChoiceField(choices=[("es", "Español"), ("en", "English")], label=self.fields["language"].label)
        self.fields["name_conflict"] = forms.ChoiceField(
            choices=NameConflict.choices, label=self.fields["name_conflict"].label, help_text=self.fields["name_conflict"].help_text
        )
        self.fields["matching_policy"] = forms.ChoiceField(
            choices=MatchingPolicy.choices, label=self.fields["matching_policy"].label, help_text=self.fields["matching_policy"].help_text
        )
        self.fields["timezone"].widget = forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"})
        self.fields["default_region"].widget = forms.TextInput(attrs={"list": "regions", "autocomplete": "off", "maxlength": 2})


@require_safe
def settings_home(request: AccountRequest) -> HttpResponse:
    """The first page that the member's role may open; one's own profile where there is none."""
    for name, ability in (("accounts:settings", Ability.MANAGE_ACCOUNT), ("accounts:audit", Ability.READ_AUDIT)):
        if request.membership.may(ability):
            return redirect(name, account_slug=request.account.slug)
    return redirect("accounts:profile")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_ACCOUNT)
def account(request: AccountRequest) -> HttpResponse:
    form = AccountForm(request.POST or None, instance=Account.objects.get(pk=request.account.pk))
    if request.method == "POST" and form.is_valid():
        try:
            change_settings(account=request.account, changes=form.cleaned_data, by=request.actor)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("accounts:settings", account_slug=request.account.slug)
    context = {"form": form, "time_zones": sorted(available_timezones()), "regions": sorted(phonenumbers.SUPPORTED_REGIONS)}
    return render(request, "accounts/account.html", context, status=422 if form.errors else 200)
