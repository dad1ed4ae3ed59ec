"""``/a/<slug>/contacts/<id>/merge/``: find the other one, look at what would show, merge."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import merging, queries
from contacts.concerns import concerns_between
from contacts.models import Contact
from contacts.previewing import identifier_rows, preview_merge
from contacts.showing import contact_or_404
from contacts.views.answering import number_or_404, say_refused, say_undoable, to_contact

SUGGESTED = 20


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MERGE_CONTACTS)
def merge(request: AccountRequest, contact_id: int) -> HttpResponse:
    """``?q=`` finds, ``?with=`` compares, a POST with ``with`` merges."""
    ours = contact_or_404(contact_id)
    if request.method == "POST":
        return _merge(request, ours, contact_or_404(number_or_404(request.POST.get("with"))))
    if "with" in request.GET:
        theirs = contact_or_404(number_or_404(request.GET["with"]))
        if theirs == ours:
            return redirect("contacts:contact", account_slug=request.account.slug, contact_id=ours.pk)
        context = {
            "preview": preview_merge(ours=ours, theirs=theirs),
            "identifiers": identifier_rows(queries.identifiers_of(ours), queries.identifiers_of(theirs)),
            "concerns": concerns_between(ours, theirs),
        }
        return render(request, "contacts/merge_preview.html", context)
    text = request.GET.get("q", "").strip()[:200]
    found = queries.search(text or ours.name, limit=SUGGESTED)
    rows = queries.directory_rows([contact for contact in found if contact != ours])
    return render(request, "contacts/merge_search.html", {"contact": ours, "q": text, "rows": rows})


def _merge(request: AccountRequest, ours: Contact, theirs: Contact) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()
    try:
        event = merging.merge(contacts=[ours, theirs], by=request.actor, reason=reason)
    except ValidationError as error:
        say_refused(request, error)
        return to_contact(request, ours.pk)
    say_undoable(request, _("Merged %(one)s with %(other)s.") % {"one": ours, "other": theirs}, event)
    return to_contact(request, event.contact_id)
