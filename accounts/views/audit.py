"""``/a/<slug>/settings/audit/``: who did what, when."""

from zoneinfo import ZoneInfo

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.audit_trail import in_words, trail
from accounts.middleware import AccountRequest
from accounts.models import Membership
from accounts.roles import Ability
from accounts.views.access import needs

NOUNS = [
    ("", gettext_lazy("Everything")),
    ("contact", gettext_lazy("Contacts")),
    ("conversation", gettext_lazy("Conversations")),
    ("message", gettext_lazy("Messages")),
    ("channel", gettext_lazy("Channels")),
    ("account", gettext_lazy("Account")),
    ("member", gettext_lazy("Members")),
    ("token", gettext_lazy("API tokens")),
]


class AuditFilter(forms.Form):
    about = forms.ChoiceField(label=gettext_lazy("About"), choices=NOUNS, required=False)
    member = forms.ModelChoiceField(
        label=gettext_lazy("Who"), queryset=Membership.objects.none(), required=False, empty_label=gettext_lazy("Anybody")
    )
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field: forms.ModelChoiceField = self.fields["member"]  # type: ignore[assignment]
        for shown in self.fields.values():
            shown.widget.attrs["class"] = "input"
        field.queryset = Membership.scoped().select_related("user").order_by("user__name", "user__email")


@require_safe
@needs(Ability.READ_AUDIT)
def audit(request: AccountRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    member = wanted.get("member")
    try:
        page = trail(
            zone=ZoneInfo(request.account.timezone),
            action=wanted.get("about", ""),
            membership_id=member.pk if member else None,
            since=wanted.get("since"),
            until=wanted.get("until"),
            before=request.GET.get("before", ""),
        )
    except ValueError as error:
        raise Http404 from error
    query = request.GET.copy()
    query["before"] = page.before
    newest = request.GET.copy()
    newest.pop("before", None)
    context = {
        "form": form,
        "page": page,
        "lines": in_words(page.entries),
        "older_url": f"?{query.urlencode()}" if page.before else "",
        "newest_url": f"?{newest.urlencode()}" if "before" in request.GET else "",
    }
    return render(request, "accounts/audit.html", context)
