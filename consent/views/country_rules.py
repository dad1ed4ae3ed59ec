"""``/a/<slug>/settings/countries/``: what each country's law says as the gate reads it, and the account's own figures in its place."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.country_rules import NAMES, correct_rule, use_shipped
from consent.models import CountryRule, CountryRuleCorrection
from consent.rule_words import RULES, in_words
from consent.views.rule_forms import CorrectionForm, shown


@dataclass(frozen=True)
class Line:
    """One rule of the country; ``correction`` holds in its place where there is one."""

    rule: CountryRule
    correction: CountryRuleCorrection | None
    label: Any
    effect: Any
    words: list[str]
    shipped_words: list[str]
    form: CorrectionForm


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def country_rules(request: AccountRequest) -> HttpResponse:
    """``?country=`` is one of those that have rules; the account's own unless told."""
    return _page(request, request.GET.get("country", ""))


@require_POST
@needs(Ability.MANAGE_CONSENT)
def correct(request: AccountRequest, country: str, name: str) -> HttpResponse:
    _existing(country, name)
    form = CorrectionForm(request.POST, rule=name, auto_id=f"{name}_%s")
    if form.is_valid():
        said = {each: form.cleaned_data[each] for each in ("source", "dated")}
        try:
            correct_rule(country=country, name=name, value=form.value, by=request.actor, **said)
        except ValidationError as error:
            form.add_error(None, " ".join(error.messages))
        else:
            messages.success(request, _("Saved: this figure holds from now on."))
            return _back(request, country)
    return _page(request, country, bound=(name, form))


@require_POST
@needs(Ability.MANAGE_CONSENT)
def shipped(request: AccountRequest, country: str, name: str) -> HttpResponse:
    """Take the account's own figure away."""
    _existing(country, name)
    use_shipped(country=country, name=name, by=request.actor)
    messages.success(request, _("The figure that came with Hilo holds again."))
    return _back(request, country)


def _page(request: AccountRequest, asked: str, *, bound: tuple[str, CorrectionForm] | None = None) -> HttpResponse:
    countries = list(CountryRule.objects.values_list("country", flat=True).distinct().order_by("country"))
    own = request.account.default_region if request.account.default_region in countries else countries[0] if countries else ""
    country = asked or own
    if asked and asked not in countries:
        raise Http404
    own_figures = CountryRuleCorrection.scoped().filter(country=country).select_related("corrected_by__user")
    corrections = {row.name: row for row in own_figures}
    rules = CountryRule.objects.filter(country=country).order_by("name")
    context = {
        "countries": countries,
        "country": country,
        "lines": [_line(rule, corrections.get(rule.name), bound) for rule in rules],
        "bound": bound[0] if bound else "",
    }
    return render(request, "consent/country_rules.html", context, status=422 if bound else 200)


def _line(rule: CountryRule, correction: CountryRuleCorrection | None, bound: tuple[str, CorrectionForm] | None) -> Line:
    label, effect = RULES.get(rule.name, (rule.name, ""))
    value = correction.value if correction is not None else rule.value
    initial = {**shown(rule.name, value), "dated": timezone.localdate().isoformat()}
    form = bound[1] if bound and bound[0] == rule.name else CorrectionForm(rule=rule.name, initial=initial, auto_id=f"{rule.name}_%s")
    return Line(rule, correction, label, effect, in_words(rule.name, value), in_words(rule.name, rule.value), form)


def _existing(country: str, name: str) -> None:
    if name not in NAMES or not CountryRule.objects.filter(country=country, name=name).exists():
        raise Http404


def _back(request: AccountRequest, country: str) -> HttpResponse:
    return redirect(f"{reverse('consent:country-rules', args=[request.account.slug])}?country={country}")
