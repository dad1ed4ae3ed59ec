"""``/a/<slug>/settings/ledger/``: what was said about consent, event by event, and whether the chain holds."""

from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.models import ChannelKind
from accounts.roles import Ability
from accounts.views.access import needs
from consent.checking_ledger import start_check
from consent.ledger_queries import Wanted, as_json, events, receipt_of
from consent.models import ConsentEvent, LedgerAnchor, LedgerCheck, Purpose
from consent.vocabulary import Action

ANCHORS = 7
ANY = [("", "—")]


class FilterForm(forms.Form):
    """Every field may be empty."""

    point = forms.CharField(label=gettext_lazy("Address or fingerprint"), required=False, max_length=320)
    purpose = forms.ChoiceField(label=gettext_lazy("Purpose"), required=False)
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), required=False, choices=[*ANY, *ChannelKind.choices])
    action = forms.ChoiceField(label=gettext_lazy("What was said"), required=False, choices=[*ANY, *Action.choices])
    since = forms.DateField(label=gettext_lazy("From day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=gettext_lazy("To day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        keys = Purpose.scoped().order_by("position", "pk").values_list("key", flat=True)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"
        self.fields["purpose"].choices = [*ANY, *((key, key) for key in keys)]  # type: ignore[attr-defined]


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def ledger(request: AccountRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    wanted = Wanted(**form.cleaned_data) if form.is_valid() else Wanted()
    try:
        page = events(wanted, zone=timezone.get_current_timezone(), before=request.GET.get("before", ""))
    except ValueError as error:
        raise Http404 from error
    kept = {name: value for name, value in request.GET.items() if name in form.fields and value}
    path = reverse("consent:ledger", args=[request.account.slug])
    context = {
        "form": form,
        "lines": page.lines,
        "is_narrowed": bool(kept),
        "older_url": f"{path}?{urlencode({**kept, 'before': page.before})}" if page.before else "",
        "newest_url": f"{path}?{urlencode(kept)}" if request.GET.get("before") else "",
        "check": LedgerCheck.scoped().select_related("asked_by__user").order_by("-pk").first(),
        "anchors": list(LedgerAnchor.scoped().order_by("-day")[:ANCHORS]),
        "unsealed": ConsentEvent.scoped().filter(sequence=None).count(),
    }
    return render(request, "consent/ledger.html", context)


@require_safe
@never_cache
@needs(Ability.MANAGE_CONSENT)
def event(request: AccountRequest, event_id: int) -> HttpResponse:
    """One event's receipt; ``?download`` is the same as JSON."""
    found = ConsentEvent.scoped().select_related("point", "notice", "evidence__key")
    receipt = receipt_of(get_object_or_404(found, pk=event_id))
    if "download" in request.GET:
        answer = JsonResponse(as_json(receipt, account=request.account), json_dumps_params={"ensure_ascii": False, "indent": 2})
        answer["Content-Disposition"] = f'attachment; filename="receipt-{event_id}.json"'
        return answer
    return render(request, "consent/ledger_event.html", {"receipt": receipt, "line": receipt.line, "event": receipt.line.event})


@require_POST
@needs(Ability.MANAGE_CONSENT)
def check(request: AccountRequest) -> HttpResponse:
    start_check(by=request.actor)
    return redirect("consent:ledger", account_slug=request.account.slug)
