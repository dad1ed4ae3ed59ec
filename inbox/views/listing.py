"""The list: tabs with counts, rows by keyset, one row again after a live update, and the box that finds everything."""

from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from accounts.models import Channel, ChannelKind
from contacts.queries import search as search_contacts
from inbox import queries
from inbox.views.answers import InboxRequest, answer, wants_fragment
from inbox.views.filtering import ANY, ListFilter

FOUND_CONTACTS = 6
FOUND_CONVERSATIONS = 8


def list_context(request: InboxRequest) -> dict[str, Any]:
    """What the list pane shows. Five queries, six with a search."""
    chosen = ListFilter.read(request.GET)
    channels = list(Channel.scoped().order_by("name", "pk"))
    return {
        "filter": chosen,
        "page": _page(request, chosen),
        "channels": channels,
        # A web chat's problem is a page with a wrong signature, which anybody can put up: the chat itself works.
        "broken_channels": [row for row in channels if row.is_active and row.problem and row.kind != ChannelKind.WEBCHAT],
        "channel_name": chosen.name_of_channel(channels),
        "tabs": tabs(request, chosen),
        "statuses": [
            ("open", pgettext("conversations", "Open")),
            ("resolved", pgettext("conversations", "Resolved")),
            (ANY, _("Open and resolved")),
        ],
    }


def tabs(request: InboxRequest, chosen: ListFilter) -> list[dict[str, Any]]:
    """The views with their counts. Two queries."""
    counts = queries.counts(membership=request.membership)
    labels = {
        "mine": pgettext("conversations", "Mine"),
        "unassigned": pgettext("conversations", "Unassigned"),
        "all": pgettext("conversations", "All"),
    }
    return [
        {
            "view": view,
            "label": labels[view],
            "count": counts.of(view),
            "unread": counts.mine_unread if view == "mine" else 0,
            "query": chosen.with_view(view).query,
            "current": view == chosen.view,
        }
        for view in queries.VIEWS
    ]


def _page(request: InboxRequest, chosen: ListFilter) -> queries.ConversationPage:
    try:
        return queries.conversation_list(
            membership=request.membership,
            view=chosen.view,
            status=chosen.status_asked,
            channel=chosen.channel,
            search=chosen.search,
            before=request.GET.get("before", ""),
        )
    except ValueError as error:
        raise Http404 from error


@require_safe
def workspace(request: InboxRequest) -> HttpResponse:
    """The inbox without an open conversation; for htmx the list, or the empty thread pane."""
    if wants_fragment(request) and request.htmx.target == "thread-pane":
        return answer(request, "inbox/_nothing_open.html", {"oob": True})
    context = list_context(request)
    if wants_fragment(request):
        return answer(request, "inbox/_list.html", context)
    return answer(request, "inbox/workspace.html", {**context, "members": _members()})


@require_safe
def rows(request: InboxRequest) -> HttpResponse:
    """The next page of rows, by keyset."""
    chosen = ListFilter.read(request.GET)
    return answer(request, "inbox/_rows.html", {"filter": chosen, "page": _page(request, chosen)})


@require_safe
def row(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """One line again, after a live update; empty when it no longer belongs in the list as it is filtered."""
    chosen = ListFilter.read(request.GET)
    found = queries.conversations(
        membership=request.membership, view=chosen.view, status=chosen.status_asked, channel=chosen.channel, search=chosen.search
    )
    fresh = queries.conversation_row(conversation_id, membership=request.membership)
    if fresh is None:
        raise Http404
    belongs = found.filter(pk=conversation_id).exists()
    return answer(request, "inbox/_rows.html", {"filter": chosen, "page": queries.ConversationPage([fresh] if belongs else [], "")})


@require_safe
def counts(request: InboxRequest) -> HttpResponse:
    """The tabs again, after a live update."""
    chosen = ListFilter.read(request.GET)
    return answer(request, "inbox/_tabs.html", {"filter": chosen, "tabs": tabs(request, chosen)})


@require_safe
def find(request: InboxRequest) -> HttpResponse:
    """Conversations and contacts with the words, for the box that opens with Ctrl-K."""
    text = request.GET.get("q", "").strip()[:200]
    page = queries.conversation_list(membership=request.membership, view="all", status="", search=text, limit=FOUND_CONVERSATIONS)
    contacts = search_contacts(text, limit=FOUND_CONTACTS) if text else []
    return answer(request, "inbox/_found.html", {"q": text, "page": page, "contacts": contacts})


def _members() -> dict[str, str]:
    """Member → name, for who else is looking. One query."""
    return {str(member.pk): str(member) for member in queries.members()}
