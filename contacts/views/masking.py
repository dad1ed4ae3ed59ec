"""``/a/<slug>/settings/masking/``: which role sees emails and phones in full; and the click that shows one."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import AccountRequest
from accounts.models import Account
from accounts.roles import Ability, Role
from accounts.views.access import needs
from contacts.masking import Level, change_masking, level_for, masked, reveal
from contacts.masking_answers import SHOWS_ADDRESSES
from contacts.models import Identifier
from contacts.queries import readable
from contacts.showing import contact_or_404

# What the page shows as an example.
EXAMPLES = (("email", "maria.perez@ejemplo.cl"), ("phone", "+56987654321"))


class MaskingForm(forms.Form):
    """One choice for each role."""

    def __init__(self, *args: object, account: Account, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for role in Role:
            levels = [choice for choice in Level.choices if not (role is Role.ADMIN and choice[0] == Level.HIDDEN)]
            self.fields[role.value] = forms.ChoiceField(
                label=role.label, choices=levels, initial=level_for(account, role.value), widget=forms.RadioSelect
            )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs(Ability.MANAGE_CONSENT)
def masking(request: AccountRequest) -> HttpResponse:
    form = MaskingForm(request.POST if request.method == "POST" else None, account=request.account)
    if request.method == "POST" and form.is_valid():
        change_masking(account=request.account, levels=form.cleaned_data, by=request.actor)
        messages.success(request, _("Saved."))
        return redirect("contacts:masking", account_slug=request.account.slug)
    examples = [(readable(kind, value), masked(kind, value)) for kind, value in EXAMPLES]
    return render(request, "contacts/masking.html", {"form": form, "examples": examples}, status=422 if form.errors else 200)


@require_POST
@never_cache
@needs(Ability.WORK_CONVERSATIONS)
def show(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    """One value in full, written into the audit first. A fragment for the line that asked, a page without scripts."""
    contact = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=contact)
    value = readable(identifier.kind, reveal(identifier=identifier, by=request.actor))
    if request.htmx:  # type: ignore[attr-defined]
        response = render(request, "contacts/_shown_value.html", {"value": value})
    else:
        response = render(request, "contacts/shown_value.html", {"value": value, "contact_id": contact.pk})
    setattr(response, SHOWS_ADDRESSES, True)
    return response
