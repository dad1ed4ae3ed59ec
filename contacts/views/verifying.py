"""``/a/<slug>/contacts/<id>/identifiers/<id>/code/``: send a code to an identifier, and take it back from the person."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import verifying
from contacts.models import Identifier, MatchDecision, MergeEvent
from contacts.views.answering import contact_or_404, say_refused, say_undoable, to_contact


@require_POST
@needs(Ability.EDIT_CONTACTS)
def send_code(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    try:
        verifying.send_code(identifier=identifier, sender=request.POST.get("sender", ""), by=request.actor)
    except ValidationError as error:
        say_refused(request, error)
    else:
        messages.success(request, _("The code is on its way. Ask the person for it and write it here."))
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.EDIT_CONTACTS)
def confirm_code(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    try:
        found = verifying.confirm_code(identifier=identifier, code=request.POST.get("code", ""), by=request.actor)
    except ValidationError as error:
        say_refused(request, error)
        return to_contact(request, shown.pk)
    if found.outcome == MatchDecision.Outcome.MERGED:
        event = MergeEvent.scoped().filter(contact=found.contact).latest("pk")
        say_undoable(request, _("Confirmed. Somebody else had it already: they are one contact now."), event)
    else:
        messages.success(request, _("Confirmed."))
    return to_contact(request, found.contact.pk)
