"""The thread: a conversation's page, its earlier parts, and single entries after live updates."""

from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from contacts.queries import UNREADABLE, panel
from inbox import queries
from inbox.models import Conversation
from inbox.saying_who import who_may_write
from inbox.views.answers import InboxRequest, answer, conversation_or_404, wants_fragment
from inbox.views.composer import composer_context
from inbox.views.filtering import ListFilter
from inbox.views.listing import list_context
from inbox.views.showing import show, show_all


def header_context(request: InboxRequest, conversation: Conversation) -> dict[str, Any]:
    """What stands above the thread. One query."""
    return {
        "conversation": conversation,
        "contact": conversation.profile.contact,
        "filter": ListFilter.read(request.GET),
        "team": queries.members(),
        "is_mine": conversation.assignee_id == request.membership.pk,
        "unreadable": UNREADABLE,
    }


def thread_context(request: InboxRequest, conversation: Conversation) -> dict[str, Any]:
    """What the thread pane and the person pane show, in a constant number of queries."""
    thread = queries.thread(conversation, membership=request.membership)
    return {
        **header_context(request, conversation),
        **composer_context(conversation),
        "thread": thread,
        "shown": show_all(thread.entries),
        "has_unread": any(entry.first_unread for entry in thread.entries),
        "panel": panel(conversation.profile.contact_id, membership=request.membership),
        "who_choices": who_may_write(conversation),
        "now": timezone.now(),
    }


@require_safe
def conversation(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """The workspace with this conversation open; for htmx the thread pane and the person pane."""
    found = conversation_or_404(conversation_id)
    context = thread_context(request, found)
    if wants_fragment(request):
        return answer(request, "inbox/_conversation.html", {**context, "oob": True})
    members = {str(member.pk): str(member) for member in context["team"]}
    return answer(request, "inbox/workspace.html", {**list_context(request), **context, "members": members})


@require_safe
def earlier(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """The page before ``before``."""
    found = conversation_or_404(conversation_id)
    try:
        thread = queries.thread(found, before=request.GET.get("before", ""))
    except ValueError as error:
        raise Http404 from error
    return answer(request, "inbox/_entries.html", {"conversation": found, "thread": thread, "shown": show_all(thread.entries)})


@require_safe
def entry(request: InboxRequest, conversation_id: int, message_id: int) -> HttpResponse:
    """One entry with the dividers it has after the entry before it. 404 once a separation moved it elsewhere."""
    found = conversation_or_404(conversation_id)
    fresh = queries.thread_entry(found, message_id)
    if fresh is None:
        raise Http404
    return answer(request, "inbox/_entry.html", {"conversation": found, "shown": show(fresh)})


@require_safe
def latest(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """The latest page of entries, for a screen that was offline: it keeps what it has and adds what it lacks."""
    found = conversation_or_404(conversation_id)
    thread = queries.thread(found)
    return answer(
        request, "inbox/_entries.html", {"conversation": found, "thread": thread, "shown": show_all(thread.entries), "plain": True}
    )


@require_safe
def header(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """Header and notices again, after somebody assigned, resolved or separated; the person pane comes along."""
    found = conversation_or_404(conversation_id)
    return answer(request, "inbox/_header_update.html", header_update(request, found))


def header_update(request: InboxRequest, conversation: Conversation) -> dict[str, Any]:
    """Header, notices and person pane, without the thread itself."""
    return {
        **header_context(request, conversation),
        "panel": panel(conversation.profile.contact_id, membership=request.membership),
        "who_choices": who_may_write(conversation),
        "oob": True,
    }
