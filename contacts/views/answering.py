"""What the pages about people have in common."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.middleware import AccountRequest
from contacts import merging
from contacts.models import MergeEvent


def number_or_404(value: Any) -> int:
    """An id out of a form or a query."""
    text = str(value or "")
    if not (text.isdecimal() and text.isascii() and len(text) < 19):
        raise Http404
    return int(text)


def contact_url(request: AccountRequest, contact_id: int) -> str:
    return reverse("contacts:contact", args=[request.account.slug, contact_id])


def to_contact(request: AccountRequest, contact_id: int) -> HttpResponse:
    """Show the contact anew; a page that asked through htmx follows too."""
    url = contact_url(request, contact_id)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def say_undoable(request: AccountRequest, text: str, event: MergeEvent) -> None:
    """A toast, with an undo button for whoever may."""
    messages.success(request, text, extra_tags=undo_url_of(request, event))


def undo_url_of(request: AccountRequest, event: MergeEvent) -> str:
    """Where the event is undone, for whoever may; empty for the others."""
    may_undo = request.membership.may(merging.ability_to_undo(event))
    return reverse("contacts:undo", args=[request.account.slug, event.pk]) if may_undo else ""


def say_refused(request: AccountRequest, error: ValidationError) -> None:
    messages.error(request, " ".join(error.messages))
