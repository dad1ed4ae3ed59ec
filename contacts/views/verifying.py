"""``/a/<slug>/contacts/<id>/identifiers/<id>/code/``: send a code to an identifier, and take it back from the person."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import verifying
from contacts.models import Certainty, Contact, Identifier, MatchDecision, MergeEvent
from contacts.queries import identifier_line
from contacts.showing import contact_or_404
from contacts.views.answering import say_refused, say_undoable, to_contact, undo_url_of


@require_POST
@needs(Ability.EDIT_CONTACTS)
def send_code(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    try:
        verifying.send_code(identifier=identifier, sender=request.POST.get("sender", ""), by=request.actor)
    except ValidationError as error:
        return _answer(request, identifier, refused=error)
    return _answer(request, identifier, text=_("The code is on its way. Ask the person for it and write it here."))


@require_POST
@needs(Ability.EDIT_CONTACTS)
def confirm_code(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    try:
        found = verifying.confirm_code(identifier=identifier, code=request.POST.get("code", ""), by=request.actor)
    except ValidationError as error:
        return _answer(request, identifier, refused=error)
    if found.outcome != MatchDecision.Outcome.MERGED:
        return _answer(request, identifier, text=_("Confirmed."))
    event = MergeEvent.scoped().filter(contact=found.contact).latest("pk")
    return _answer(request, identifier, text=_("Confirmed. Somebody else had it already: they are one contact now."), event=event)


def _answer(
    request: AccountRequest,
    identifier: Identifier,
    *,
    text: str = "",
    event: MergeEvent | None = None,
    refused: ValidationError | None = None,
) -> HttpResponse:
    """In place where the page asked for that (the person's panel beside a conversation), else the contact's page."""
    fresh = Identifier.scoped().select_related("profile").get(pk=identifier.pk)
    if not (request.htmx and (request.htmx.target or "").startswith("verify-")):  # type: ignore[attr-defined]
        if refused is not None:
            say_refused(request, refused)
        elif event is not None:
            say_undoable(request, text, event)
        else:
            messages.success(request, text)
        return to_contact(request, fresh.profile.contact_id)
    context = {
        "contact": Contact.scoped().get(pk=fresh.profile.contact_id),
        "line": identifier_line(fresh),
        "confirmed": fresh.certainty != Certainty.CLAIMED,
        "text": " ".join(refused.messages) if refused else text,
        "level": "error" if refused else "",
        "undo_url": undo_url_of(request, event) if event else "",
    }
    response = render(request, "contacts/_verify_after.html", context)
    if event is not None:
        # The conversation beside it may have another person now.
        response.headers["HX-Trigger"] = "hilo:moved"
    return response
