"""What is kept about one: contact points, data, history with receipts, and what one asks for by right."""

from typing import cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from consent.models import RightsRequest
from consent.portal import disowning, personal_data, rights, signing_in
from consent.portal.history import PAGE, history, one_line, receipt
from consent.portal.languages import languages
from consent.portal.visits import end_visit
from consent.views.portal.doors import ASKER_COOKIE, VISIT_COOKIE, PortalRequest, client_of, forget, go, remember, render_page, visitors
from consent.views.portal.entering import AddressForm
from contacts.correcting import LONGEST_VALUE
from contacts.field_words import in_words

FIELD_LABELS = {
    "name": gettext_lazy("Name"),
    "address": gettext_lazy("Address"),
    "city": gettext_lazy("City"),
    "country": gettext_lazy("Country"),
    "company": gettext_lazy("Company"),
    "language": gettext_lazy("Language"),
    "reason": gettext_lazy("Reason"),
    "username": gettext_lazy("Username"),
    "date_of_birth": pgettext_lazy("field", "Date of birth"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def points(request: PortalRequest) -> HttpResponse:
    """The addresses; a POST sends a code to another one, known or new, which is shown once the code comes back."""
    kinds = signing_in.kinds_that_can_be_asked()
    can_add = request.reach.first is not None and bool(kinds)
    form = AddressForm(request.POST if "address" in request.POST else None, kinds=kinds) if can_add else None
    status = 200
    if request.method == "POST":
        ref = None
        if "other" in request.POST:
            wanted = request.POST["other"]
            ref = next((each.ref for each in request.reach.others if str(each.identifier_id) == wanted), None)
            if ref is None:
                raise Http404
        elif form is not None and form.is_valid():
            ref = form.ref
        if ref is not None:
            try:
                asker = signing_in.ask(ref=ref, client=client_of(request), language=request.portal_language, visit=request.visit)
            except ValidationError as error:
                return render_page(request, "portal/points.html", {"form": form, "problem": error.messages[0], "kinds": kinds}, status=429)
            response = go(request, "code")
            remember(response, request, ASKER_COOKIE, asker, seconds=int(signing_in.LIFE.total_seconds()))
            return response
        status = 422
    return render_page(request, "portal/points.html", {"form": form, "kinds": kinds}, status=status)


class DataForm(forms.Form):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        complete = {"name": "name", "address": "street-address", "city": "address-level2"}
        for name in personal_data.CORRECTABLE:
            self.fields[name] = forms.CharField(
                label=FIELD_LABELS[name],
                required=False,
                max_length=LONGEST_VALUE,
                widget=forms.TextInput(attrs={"autocomplete": complete[name]}),
            )


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def data(request: PortalRequest) -> HttpResponse:
    known = personal_data.data_of(request.reach)
    form = DataForm(request.POST or None, initial={datum.field: datum.value for datum in known})
    if request.method == "POST" and request.reach.first is not None and form.is_valid():
        changed = personal_data.correct(reach=request.reach, values=form.cleaned_data)
        return go(request, "data", done="corrected" if changed else "")
    others = [
        (FIELD_LABELS.get(datum.field, datum.field.replace("_", " ").capitalize()), _in_words(datum))
        for datum in known
        if datum.field not in personal_data.CORRECTABLE
    ]
    return render_page(request, "portal/data.html", {"form": form, "others": others}, status=422 if form.errors else 200)


def _in_words(datum: personal_data.Datum) -> str:
    """A language by its own name, as in the switch of the portal; a date written out."""
    return languages().get(datum.value, datum.value) if datum.field == "language" else str(in_words(datum.field, datum.value))


@require_safe
@visitors
def past(request: PortalRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    lines = history(reach=request.reach, language=request.portal_language, before=int(before) if before.isdecimal() else None)
    older = lines[PAGE - 1].event.pk if len(lines) > PAGE else None
    return render_page(request, "portal/history.html", {"lines": lines[:PAGE], "older": older})


@require_safe
@visitors
def past_receipt(request: PortalRequest, event_id: int) -> HttpResponse:
    line = one_line(reach=request.reach, language=request.portal_language, event_id=event_id)
    if line is None:
        raise Http404
    response = HttpResponse(receipt(line, account=request.account), content_type="text/plain; charset=utf-8")
    name = _("receipt")
    response["Content-Disposition"] = f'attachment; filename="{name}-{event_id}.txt"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def export(request: PortalRequest) -> HttpResponse:
    return _ask(request, RightsRequest.Kind.ACCESS, "portal/export.html")


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def erase(request: PortalRequest) -> HttpResponse:
    return _ask(request, RightsRequest.Kind.ERASURE, "portal/erase.html")


def _ask(request: PortalRequest, kind: RightsRequest.Kind, template: str) -> HttpResponse:
    if request.method == "POST":
        if kind == RightsRequest.Kind.ERASURE and request.POST.get("understood") != "yes":
            return render_page(request, template, {"problem": _("Tick the box first.")}, status=422)
        rights.ask_for(kind=kind, reach=request.reach)
        return go(request, "requests", done="asked")
    return render_page(request, template)


@require_safe
@visitors
def requests(request: PortalRequest) -> HttpResponse:
    rows = [(row, bool(rights.archive_in(row, reach=request.reach))) for row in rights.requests_of(request.reach)[:50]]
    return render_page(request, "portal/requests.html", {"requests": rows})


@require_safe
@visitors
def archive(request: PortalRequest, request_id: int) -> HttpResponse:
    path = rights.archive_for(reach=request.reach, request_id=request_id)
    if not path or not default_storage.exists(path):
        raise Http404
    return cast(
        HttpResponse, FileResponse(default_storage.open(path), as_attachment=True, filename=f"{request.account.slug}-{request_id}.zip")
    )


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def not_me(request: PortalRequest) -> HttpResponse:
    """Whoever holds the point says that what is sent there is meant for somebody else."""
    if request.method == "POST":
        disowning.disown(reach=request.reach)
        end_visit(request.visit)
        response = go(request, "sign_in", done="not-me")
        forget(response, request, VISIT_COOKIE)
        return response
    return render_page(request, "portal/not_me.html")
