"""``/a/<slug>/settings/values/``: which source wins, field by field, with a preview and the work that follows."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.choosing_survivorship import change_rules, latest_recomputation, preview_rules, rules_now
from contacts.quality.models import RecomputeRun
from contacts.queries import FIELD_LABELS
from contacts.views.answering import say_refused

RULES = (
    ("first", gettext_lazy("The first one given"), gettext_lazy("It stays, whatever is said later.")),
    ("latest", gettext_lazy("The latest one given"), gettext_lazy("Whoever speaks last is right.")),
    ("longest", gettext_lazy("The longest one"), gettext_lazy("“María Pérez Soto” rather than “María”.")),
    (
        "source_order",
        gettext_lazy("By source"),
        gettext_lazy("Agents first, then the CRM, forms, imports, the API, and channels last."),
    ),
    ("verified_first", gettext_lazy("A verified source first"), gettext_lazy("Who proved an address counts more than who only typed one.")),
    ("manual", gettext_lazy("Only by hand"), gettext_lazy("Nothing is shown until somebody of the team writes it.")),
)


@require_safe
@never_cache
@needs(Ability.MANAGE_ACCOUNT)
def survivorship(request: AccountRequest) -> HttpResponse:
    """The rules, with the preview of those in the query where there are any; for htmx the preview alone."""
    wanted = _rules_in(request.GET)
    context: dict[str, Any] = {"preview": None, "refused": ""}
    if wanted:
        try:
            context["preview"] = preview_rules(wanted)
        except ValidationError as error:
            context["refused"] = " ".join(error.messages)
    if request.htmx and not request.htmx.boosted:  # type: ignore[attr-defined]
        response = render(request, "contacts/_survivorship_preview.html", context)
    else:
        rules = {**rules_now(), **(wanted if context["preview"] else {})}
        context |= {
            "fields": [(field, FIELD_LABELS.get(field, field.replace("_", " ").capitalize()), rule) for field, rule in rules.items()],
            "choices": RULES,
            "run": latest_recomputation(),
        }
        response = render(request, "contacts/survivorship.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def save(request: AccountRequest) -> HttpResponse:
    wanted = _rules_in(request.POST)
    if not wanted:
        raise Http404
    try:
        run = change_rules(rules=wanted, by=request.actor)
    except ValidationError as error:
        say_refused(request, error)
    else:
        messages.success(request, _("Saved. All contacts are being computed anew.") if run else _("Nothing changed."))
    return redirect("contacts:survivorship", account_slug=request.account.slug)


@require_safe
@never_cache
@needs(Ability.MANAGE_ACCOUNT)
def progress(request: AccountRequest, run_id: int) -> HttpResponse:
    """How far the computation is, for a page that asks every second; once it has ended the page loads itself anew."""
    run = get_object_or_404(RecomputeRun.scoped(), pk=run_id)
    answer = render(request, "contacts/_survivorship_progress.html", {"run": run})
    if run.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


def _rules_in(form: Any) -> dict[str, str]:
    """``rule-<field>`` → rule."""
    return {name.removeprefix("rule-"): value for name, value in form.items() if name.startswith("rule-")}
