"""``/a/<slug>/settings/members/``: who works in the account."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts import members as domain
from accounts.invitations import LetterNotSent, send_invitation
from accounts.middleware import AccountRequest
from accounts.models import Membership
from accounts.roles import Ability, Role
from accounts.views.access import needs


class InvitationForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("Email"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.AGENT)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_MEMBERS)
def members(request: AccountRequest) -> HttpResponse:
    """The list; a POST invites somebody."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            membership = domain.invite(**form.cleaned_data, by=request.actor)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _send_letter(request, membership)
            return redirect("accounts:members", account_slug=request.account.slug)
    rows = Membership.scoped().select_related("user").order_by("-is_active", "user__name", "user__email")
    context = {"form": form, "members": rows, "roles": Role.choices}
    return render(request, "accounts/members.html", context, status=422 if form.errors else 200)


@require_POST
@needs(Ability.MANAGE_MEMBERS)
def change_role(request: AccountRequest, membership_id: int) -> HttpResponse:
    role = request.POST.get("role", "")
    return _change(request, membership_id, lambda membership: domain.change_role(membership=membership, role=role, by=request.actor))


@require_POST
@needs(Ability.MANAGE_MEMBERS)
def switch_off(request: AccountRequest, membership_id: int) -> HttpResponse:
    return _change(request, membership_id, lambda membership: domain.switch_off(membership=membership, by=request.actor))


@require_POST
@needs(Ability.MANAGE_MEMBERS)
def switch_on(request: AccountRequest, membership_id: int) -> HttpResponse:
    return _change(request, membership_id, lambda membership: domain.switch_on(membership=membership, by=request.actor))


@require_POST
@needs(Ability.MANAGE_MEMBERS)
def send_letter(request: AccountRequest, membership_id: int) -> HttpResponse:
    """Send the invitation once more."""
    _send_letter(request, get_object_or_404(Membership.scoped().select_related("user", "account"), pk=membership_id, is_active=True))
    return redirect("accounts:members", account_slug=request.account.slug)


def _change(request: AccountRequest, membership_id: int, change: Callable[[Membership], Membership]) -> HttpResponse:
    membership = get_object_or_404(Membership.scoped(), pk=membership_id)
    try:
        change(membership)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("Saved."))
    return redirect("accounts:members", account_slug=request.account.slug)


def _send_letter(request: AccountRequest, membership: Membership) -> None:
    email = membership.user.email
    try:
        send_invitation(membership=membership, invited_by=str(request.user))
    except LetterNotSent:
        messages.error(request, _("The letter to %(email)s could not be sent. It can be sent again from the list.") % {"email": email})
    else:
        messages.success(request, _("We sent a letter to %(email)s.") % {"email": email})
