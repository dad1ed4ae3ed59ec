"""How the workspace answers: the whole page, or the fragment that htmx asked for."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from accounts.middleware import AccountRequest
from inbox import queries
from inbox.models import Conversation


class InboxRequest(AccountRequest):
    """What a view of the workspace receives."""

    htmx: HtmxDetails


def wants_fragment(request: InboxRequest) -> bool:
    """Whether htmx asks for a part. Restoring a page of the history wants all of it."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def answer(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render; caches keep page and fragment apart, and nobody keeps customers' messages."""
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "private, no-store"
    return response


def conversation_or_404(conversation_id: int) -> Conversation:
    conversation = queries.find_conversation(conversation_id)
    if conversation is None:
        raise Http404
    return conversation
