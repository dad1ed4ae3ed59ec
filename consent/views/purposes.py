"""``/a/<slug>/settings/purposes/``: why the account writes to people, on what ground, and with what wording they agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.asking_again import outcome_of, preview
from consent.comparing_wordings import Piece, compare
from consent.models import CountryRule, NoticeVersion, Purpose, ReconsentCampaign
from consent.notices import change_purpose, create_purpose, publish_notice
from consent.purposes import name_of
from consent.vocabulary import Basis, PurposeClass

LANGUAGES = (("es", "Español"), ("en", "English"), ("pt", "Português"))
LONGEST_NOTICE = 4000
# A campaign in one of these keeps another one about the same wording away.
GOING = (*ReconsentCampaign.UNFINISHED, ReconsentCampaign.State.DONE)


class PurposeForm(forms.Form):
    """A purpose; its class is chosen once, since events in the ledger name it."""

    purpose_class = forms.ChoiceField(label=gettext_lazy("Kind of message"), choices=PurposeClass.choices)
    basis = forms.ChoiceField(label=gettext_lazy("Legal ground"), choices=Basis.choices)
    double_opt_in = forms.BooleanField(
        label=gettext_lazy("Ask for a confirmation"),
        help_text=gettext_lazy("A yes counts once it was confirmed from the address itself."),
        required=False,
    )
    expires_after_days = forms.IntegerField(
        label=gettext_lazy("A yes counts for (days)"),
        help_text=gettext_lazy("Empty: until they say no. Where a country's rule is shorter, that holds."),
        required=False,
        min_value=1,
        max_value=3650,
    )

    def __init__(self, *args: Any, purpose: Purpose | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(purpose)
        super().__init__(*args, **kwargs)
        if purpose is not None:
            del self.fields["purpose_class"]
        for code, language in LANGUAGES:
            self.fields[f"name_{code}"] = forms.CharField(
                label=gettext_lazy("Name in %(language)s") % {"language": language}, required=code == "es", max_length=80
            )
        countries = CountryRule.objects.exclude(country="").values_list("country", flat=True).distinct().order_by("country")
        choices = [("", gettext_lazy("As everywhere")), *Basis.choices]
        for country in countries:
            self.fields[f"basis_{country}"] = forms.ChoiceField(label=country, choices=choices, required=False)
        self.order_fields([*(f"name_{code}" for code, _language in LANGUAGES), "purpose_class"])

    @property
    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if not name.startswith("basis_")]

    @property
    def country_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("basis_")]

    def values(self) -> dict[str, Any]:
        """As ``consent.notices`` takes them."""
        given = self.cleaned_data
        basis = {name.removeprefix("basis_"): value for name, value in given.items() if name.startswith("basis_") and value}
        return {
            "names": {code: given[f"name_{code}"].strip() for code, _language in LANGUAGES if given[f"name_{code}"].strip()},
            "legal_basis": {"*": given["basis"], **basis},
            "double_opt_in": given["double_opt_in"],
            "expires_after_days": given["expires_after_days"],
        }


class NoticeForm(forms.Form):
    """One wording in up to three languages."""

    is_material = forms.BooleanField(
        label=gettext_lazy("It means something else than before: ask everybody again"),
        help_text=gettext_lazy("Whoever agreed to an older wording receives nothing more of this until they say yes to the new one."),
        required=False,
    )

    def __init__(self, *args: Any, texts: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, language in LANGUAGES:
            self.fields[f"text_{code}"] = forms.CharField(
                label=gettext_lazy("Wording in %(language)s") % {"language": language},
                required=False,
                max_length=LONGEST_NOTICE,
                widget=forms.Textarea(attrs={"rows": 4}),
                initial=(texts or {}).get(code, ""),
            )
        self.order_fields([f"text_{code}" for code, _language in LANGUAGES])


@dataclass(frozen=True)
class Line:
    """One purpose in the list."""

    purpose: Purpose
    name: str
    number: int
    basis: str


@dataclass(frozen=True)
class Wording:
    """One version in one language, with what it changed."""

    notice: NoticeVersion
    language: str
    pieces: list[Piece]
    is_first: bool


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def purposes(request: AccountRequest) -> HttpResponse:
    rows = list(Purpose.scoped().annotate(number=Max("notices__number"), versions=Count("notices")).order_by("position", "pk"))
    lines = [_line(row) for row in rows]
    context = {"lines": [line for line in lines if line.purpose.is_active], "archived": [x for x in lines if not x.purpose.is_active]}
    return render(request, "consent/purposes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CONSENT)
def new_purpose(request: AccountRequest) -> HttpResponse:
    form = PurposeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        kind = PurposeClass(form.cleaned_data["purpose_class"])
        try:
            made = create_purpose(purpose_class=kind, by=request.actor, **form.values())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved. Write down next what people agree to."))
            return _to(request, made.pk)
    return render(request, "consent/purpose_new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs(Ability.MANAGE_CONSENT)
def purpose(request: AccountRequest, purpose_id: int) -> HttpResponse:
    """One purpose: its rules, its wordings, and who has to be asked again. A POST changes the rules."""
    row = get_object_or_404(Purpose.scoped(), pk=purpose_id)
    form = PurposeForm(request.POST if request.method == "POST" else None, purpose=row)
    if request.method == "POST" and form.is_valid():
        try:
            change_purpose(purpose=row, by=request.actor, **form.values())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved."))
            return _to(request, row.pk)
    return _page(request, row, form, None, 422 if form.errors else 200)


@require_POST
@needs(Ability.MANAGE_CONSENT)
def archive(request: AccountRequest, purpose_id: int) -> HttpResponse:
    """``archived`` is yes or no: nothing is sent for an archived one, and what was agreed to stays in the ledger."""
    row = get_object_or_404(Purpose.scoped(), pk=purpose_id)
    archived = request.POST.get("archived") == "yes"
    change_purpose(purpose=row, by=request.actor, is_active=not archived)
    messages.success(request, _("Archived: nothing more is sent for it.") if archived else _("In use again."))
    return redirect("consent:purposes", account_slug=request.account.slug)


@require_POST
@needs(Ability.MANAGE_CONSENT)
def publish(request: AccountRequest, purpose_id: int) -> HttpResponse:
    """A new wording; what is in force stays readable under its number."""
    row = get_object_or_404(Purpose.scoped(), pk=purpose_id)
    form = NoticeForm(request.POST)
    if form.is_valid():
        texts = {code: form.cleaned_data[f"text_{code}"] for code, _language in LANGUAGES}
        try:
            publish_notice(purpose=row, texts=texts, is_material=form.cleaned_data["is_material"], by=request.actor)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Published."))
            return _to(request, row.pk)
    return _page(request, row, PurposeForm(purpose=row), form, 422)


def _page(request: AccountRequest, row: Purpose, form: PurposeForm, notice_form: NoticeForm | None, status: int) -> HttpResponse:
    wordings = _wordings(row)
    newest = {each.notice.language: each.notice.text for each in reversed(wordings)}
    campaigns = list(ReconsentCampaign.scoped().filter(purpose=row).select_related("purpose").order_by("-pk")[:5])
    seen = preview(row) if row.is_active and row.purpose_class == PurposeClass.MARKETING else None
    context = {
        "purpose": row,
        "name": _name(row),
        "form": form,
        "notice_form": notice_form or NoticeForm(texts=newest),
        "is_writing": notice_form is not None or not wordings,
        "wordings": wordings,
        "preview": seen,
        "campaigns": [(each, outcome_of(each)) for each in campaigns],
        "has_campaign": seen is not None
        and any(each.number == seen.number and each.state in ("queued", "running", "done") for each in campaigns),
    }
    return render(request, "consent/purpose.html", context, status=status)


def _wordings(row: Purpose) -> list[Wording]:
    """The newest first. One query."""
    last: dict[str, str] = {}
    shown = []
    for notice in NoticeVersion.scoped().filter(purpose=row).order_by("number", "language"):
        before = last.get(notice.language)
        pieces = compare(before, notice.text) if before is not None else [Piece("same", notice.text)]
        shown.append(Wording(notice, dict(LANGUAGES).get(notice.language, notice.language), pieces, before is None))
        last[notice.language] = notice.text
    return shown[::-1]


def _line(row: Purpose) -> Line:
    basis = row.legal_basis.get("*", "")
    return Line(row, _name(row), row.number or 0, str(dict(Basis.choices).get(basis, basis)))  # type: ignore[attr-defined]


def _name(row: Purpose) -> str:
    return name_of(row, translation.get_language() or "es")


def _initial(row: Purpose | None) -> dict[str, Any]:
    if row is None:
        return {"basis": str(Basis.CONSENT), "purpose_class": str(PurposeClass.MARKETING), "double_opt_in": True}
    basis = {f"basis_{country}": value for country, value in row.legal_basis.items() if country != "*"}
    names = {f"name_{code}": row.names.get(code, "") for code, _language in LANGUAGES}
    return {
        "basis": row.legal_basis.get("*", str(Basis.CONSENT)),
        "double_opt_in": row.double_opt_in,
        "expires_after_days": row.expires_after_days,
        **names,
        **basis,
    }


def _to(request: AccountRequest, purpose_id: int) -> HttpResponse:
    return redirect("consent:purpose", account_slug=request.account.slug, purpose_id=purpose_id)
