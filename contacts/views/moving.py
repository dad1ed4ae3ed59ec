"""``/a/<slug>/contacts/<id>/identifiers/<id>/move/``: a value that is another person's goes to them, and back."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import ending_identifiers, moving_identifiers, queries
from contacts.models import Identifier
from contacts.showing import contact_or_404
from contacts.views.answering import number_or_404, say_refused, to_contact

SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MERGE_CONTACTS)
def move(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    """``?q=`` finds whose it is; a POST with ``to`` moves it."""
    ours = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=ours)
    if request.method == "POST":
        theirs = contact_or_404(number_or_404(request.POST.get("to")))
        try:
            moved = moving_identifiers.move_identifier(identifier=identifier, to=theirs, by=request.actor)
        except ValidationError as refused:
            say_refused(request, refused)
            return to_contact(request, ours.pk)
        text = _("%(value)s leads to %(name)s from now on.") % {"value": queries.readable(moved.kind, moved.value), "name": theirs}
        messages.success(request, text, extra_tags=reverse("contacts:move_back", args=[request.account.slug, moved.pk]))
        return to_contact(request, ours.pk)
    text = request.GET.get("q", "").strip()[:200]
    found = [contact for contact in queries.search(text, limit=SHOWN) if contact != ours] if text else []
    context = {
        "contact": ours,
        "identifier": identifier,
        "value": queries.readable(identifier.kind, identifier.value),
        "q": text,
        "rows": queries.directory_rows(found),
    }
    return render(request, "contacts/move_identifier.html", context)


@require_POST
@needs(Ability.MERGE_CONTACTS)
def move_back(request: AccountRequest, identifier_id: int) -> HttpResponse:
    """Undo a move."""
    identifier = get_object_or_404(Identifier.scoped().select_related("profile"), pk=identifier_id)
    try:
        shown = moving_identifiers.move_back(identifier=identifier, by=request.actor)
    except ValidationError as refused:
        say_refused(request, refused)
        return to_contact(request, identifier.profile.contact_id)
    messages.success(request, _("Undone."))
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.EDIT_CONTACTS)
def end(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    """The person no longer uses it."""
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    try:
        ending_identifiers.end_identifier(identifier=identifier, by=request.actor)
    except ValidationError as refused:
        say_refused(request, refused)
    else:
        back = reverse("contacts:restore_identifier", args=[request.account.slug, shown.pk, identifier.pk])
        messages.success(request, _("Ended: nobody writes to it any more."), extra_tags=back)
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.EDIT_CONTACTS)
def restore(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    """Undo of an end."""
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    ending_identifiers.restore_value(identifier=identifier, by=request.actor)
    messages.success(request, _("It holds again."))
    return to_contact(request, shown.pk)
