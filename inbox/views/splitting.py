"""``/a/<slug>/inbox/<id>/split/``: the conversation is somebody else's."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.views.answering import say_refused, say_undoable
from inbox.splitting import contact_of, split_conversation
from inbox.views.answers import conversation_or_404


@require_POST
@needs(Ability.MERGE_CONTACTS)
def split(request: AccountRequest, conversation_id: int) -> HttpResponse:
    """Show the new person."""
    conversation = conversation_or_404(conversation_id)
    try:
        event = split_conversation(conversation=conversation, by=request.actor, reason=request.POST.get("reason", "").strip())
    except ValidationError as error:
        say_refused(request, error)
    else:
        say_undoable(request, _("The conversation has a person of its own now."), event)
    return redirect("contacts:contact", account_slug=request.account.slug, contact_id=contact_of(conversation).pk)
