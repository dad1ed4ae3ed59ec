"""What agents do to a conversation from its header and its notices: one write each, and a toast with the way back."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.models import Membership
from contacts import merging
from contacts.models import Identifier, MergeEvent, Profile
from inbox import conversations
from inbox.models import Conversation
from inbox.saying_who import say_somebody_new, say_who
from inbox.views.answers import InboxRequest, answer, conversation_or_404
from inbox.views.thread import header_update


def _answer(request: InboxRequest, conversation_id: int, text: str, *, undo: dict[str, Any] | None = None, level: str = "") -> HttpResponse:
    """The header again, and a toast; ``undo`` names what the toast's button posts."""
    conversation = conversation_or_404(conversation_id)
    told = {"text": text, "level": level, **(undo or {})}
    # The button of a toast may speak of a conversation that is no longer the one on the screen.
    shown = reverse("inbox:conversation", args=[request.account.slug, conversation_id])
    if request.htmx and request.htmx.current_url_abs_path and request.htmx.current_url_abs_path.partition("?")[0] != shown:
        return answer(request, "partials/toast_oob.html", told)
    return answer(request, "inbox/_header_update.html", {**header_update(request, conversation), **told})


def _moved(response: HttpResponse) -> HttpResponse:
    """People were parted or joined: the screen fetches the whole conversation again."""
    response["HX-Trigger"] = "hilo:moved"
    return response


def _undo(request: InboxRequest, route: str, conversation_id: int, name: str = "", value: str = "") -> dict[str, Any]:
    return {
        "undo_url": reverse(f"inbox:{route}", args=[request.account.slug, conversation_id]),
        "undo_name": name,
        "undo_value": value,
    }


def _says(conversation: Conversation, membership: Membership | None) -> str:
    if membership is None:
        return _("%(contact)s is nobody's again") % {"contact": conversation.profile.contact}
    return _("%(contact)s goes to %(name)s") % {"contact": conversation.profile.contact, "name": membership}


@require_POST
def assign(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """Give the conversation to the member ``to``: an id, ``me``, or nothing to take it from whoever has it."""
    conversation = conversation_or_404(conversation_id)
    former, wanted = conversation.assignee_id, request.POST.get("to", "")
    to = _member(request, wanted)
    if to is None:
        conversations.unassign(conversation=conversation, by=request.actor)
    else:
        try:
            conversations.assign(conversation=conversation, to=to, by=request.actor)
        except ValidationError as error:
            return _answer(request, conversation_id, " ".join(error.messages), level="error")
    undo = _undo(request, "assign", conversation_id, "to", str(former or ""))
    return _answer(request, conversation_id, _says(conversation, to), undo=undo)


def _member(request: InboxRequest, wanted: str) -> Membership | None:
    if wanted == "me":
        return request.membership
    if not wanted:
        return None
    found = Membership.scoped().select_related("user").filter(pk=_digits(wanted)).first()
    if found is None:
        raise Http404
    return found


@require_POST
def resolve(request: InboxRequest, conversation_id: int) -> HttpResponse:
    conversation = conversation_or_404(conversation_id)
    conversations.resolve(conversation=conversation, by=request.actor)
    text = _("%(contact)s: resolved") % {"contact": conversation.profile.contact}
    response = _answer(request, conversation_id, text, undo=_undo(request, "reopen", conversation_id))
    response["HX-Trigger"] = "hilo:resolved"
    return response


@require_POST
def reopen(request: InboxRequest, conversation_id: int) -> HttpResponse:
    conversation = conversation_or_404(conversation_id)
    conversations.reopen(conversation=conversation, by=request.actor)
    text = _("%(contact)s: open again") % {"contact": conversation.profile.contact}
    return _answer(request, conversation_id, text)


@require_POST
def read(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """The member has seen what is there."""
    conversations.mark_read(conversation=conversation_or_404(conversation_id), membership=request.membership)
    return HttpResponse(status=204)


@require_POST
def unread(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """Show it as unread again, to this member only."""
    conversations.mark_unread(conversation=conversation_or_404(conversation_id), membership=request.membership)
    return HttpResponse(status=204)


@require_POST
def who(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """Answer the question of a shared address."""
    conversation = conversation_or_404(conversation_id)
    chosen = request.POST.get("profile")
    if not chosen:
        return _answer(request, conversation_id, _("Choose a person."), level="error")
    try:
        if chosen == "new":
            say_somebody_new(conversation=conversation, by=request.actor)
            told = _("This is somebody new")
        else:
            profile = _profile(chosen)
            say_who(conversation=conversation, profile=profile, by=request.actor)
            told = _("This is %(contact)s") % {"contact": profile.contact}
    except ValidationError as error:
        return _answer(request, conversation_id, " ".join(error.messages), level="error")
    return _moved(_answer(request, conversation_id, told))


def _digits(wanted: str) -> int:
    """An id from a form; what is none names nothing."""
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else 0


def _profile(wanted: str) -> Profile:
    found = Profile.scoped().select_related("contact").filter(pk=_digits(wanted)).first()
    if found is None:
        raise Http404
    return found


@require_POST
def separate(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """The one key on "this number is also used by": part the two, and mark the value as shared."""
    conversation_or_404(conversation_id)
    if not request.POST.get("profile"):
        return _answer(request, conversation_id, _("Choose a person."), level="error")
    profile = _profile(request.POST["profile"])
    identifier = Identifier.scoped().filter(pk=_digits(request.POST.get("identifier", "")), profile=profile).first()
    if identifier is None:
        raise Http404
    try:
        event = merging.separate_and_mark_shared(profile=profile, identifier=identifier, by=request.actor)
    except merging.Refused as refused:
        return _answer(request, conversation_id, " ".join(refused.messages), level="error")
    undo = _undo(request, "rejoin", conversation_id, "event", str(event.pk))
    return _moved(_answer(request, conversation_id, _("Separated; the value is marked as shared"), undo=undo))


@require_POST
@transaction.atomic
def rejoin(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """Take such a separation back."""
    conversation_or_404(conversation_id)
    wanted = request.POST.get("event", "")
    if not wanted:
        return _answer(request, conversation_id, _("Nothing was separated."), level="error")
    event = MergeEvent.scoped().filter(pk=_digits(wanted)).first()
    if event is None:
        raise Http404
    try:
        merging.undo(event=event, by=request.actor)
    except merging.Refused as refused:
        return _answer(request, conversation_id, " ".join(refused.messages), level="error")
    return _moved(_answer(request, conversation_id, _("One person again")))
