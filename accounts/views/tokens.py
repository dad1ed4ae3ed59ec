"""``/a/<slug>/settings/tokens/``: the keys of programs."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import tokens as domain
from accounts.middleware import AccountRequest
from accounts.models import ApiToken, Membership
from accounts.roles import Ability
from accounts.views.access import needs


class TokenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What it is for"), max_length=80)
    member = forms.ModelChoiceField(label=gettext_lazy("Acts as"), queryset=Membership.objects.none(), empty_label=None)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field: forms.ModelChoiceField = self.fields["member"]  # type: ignore[assignment]
        field.queryset = Membership.scoped().filter(is_active=True).select_related("user").order_by("user__name", "user__email")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
@sensitive_variables("secret")
def tokens(request: AccountRequest) -> HttpResponse:
    """The list; a POST makes a token and shows it, this once."""
    form, secret = TokenForm(request.POST or None, initial={"member": request.membership.pk}), ""
    if request.method == "POST" and form.is_valid():
        _token, secret = domain.create_token(membership=form.cleaned_data["member"], name=form.cleaned_data["name"], by=request.actor)
        form = TokenForm(initial={"member": request.membership.pk})
    rows = ApiToken.scoped().select_related("membership__user").order_by("revoked_at", "-created_at", "-pk")
    return render(request, "accounts/tokens.html", {"form": form, "tokens": rows, "secret": secret}, status=422 if form.errors else 200)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def revoke(request: AccountRequest, token_id: int) -> HttpResponse:
    domain.revoke_token(token=get_object_or_404(ApiToken.scoped(), pk=token_id), by=request.actor)
    messages.success(request, _("The token no longer opens anything."))
    return redirect("accounts:tokens", account_slug=request.account.slug)
