"""``/a/<slug>/suggestions/``: who may be one person, decided one after the other, mostly by keyboard."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import deciding, deciding_many
from contacts import suggestion_queries as queries
from contacts.merging import Refused
from contacts.models import MergeSuggestion, SuggestionDecision
from contacts.suggestion_figures import AUTOMATIC_NEEDS, figures
from contacts.views.answering import number_or_404, say_refused

LATER_DAYS = ("1", "7", "30")
Decide = Callable[[MergeSuggestion], SuggestionDecision]


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def suggestions(request: AccountRequest) -> HttpResponse:
    """The queue with its first suggestion; ``?after=`` turns the page."""
    page = _queue(request)
    return render(request, "contacts/suggestions.html", _context(request, page, page.rows[0] if page.rows else None))


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def suggestion(request: AccountRequest, suggestion_id: int) -> HttpResponse:
    """One suggestion beside the queue; for htmx alone."""
    row = _found(suggestion_id)
    if request.htmx:  # type: ignore[attr-defined]
        response = render(request, "contacts/_suggestion.html", _pane(request, row))
    else:
        response = render(request, "contacts/suggestions.html", _context(request, _queue(request), row))
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
@needs(Ability.MERGE_CONTACTS)
def accept(request: AccountRequest, suggestion_id: int) -> HttpResponse:
    def decide(row: MergeSuggestion) -> SuggestionDecision:
        return deciding.accept(suggestion=row, by=request.actor)

    return _decide(request, suggestion_id, decide, _("Merged %(one)s with %(other)s."))


@require_POST
@needs(Ability.MERGE_CONTACTS)
def reject(request: AccountRequest, suggestion_id: int) -> HttpResponse:
    def decide(row: MergeSuggestion) -> SuggestionDecision:
        return deciding.reject(suggestion=row, by=request.actor)

    return _decide(request, suggestion_id, decide, _("%(one)s and %(other)s stay two people."))


@require_POST
@needs(Ability.MERGE_CONTACTS)
def defer(request: AccountRequest, suggestion_id: int) -> HttpResponse:
    """``days`` is 1, 7 (unless said otherwise) or 30."""
    days = request.POST.get("days", LATER_DAYS[1])
    if days not in LATER_DAYS:
        raise Http404
    until = timezone.now() + timedelta(days=int(days))

    def decide(row: MergeSuggestion) -> SuggestionDecision:
        return deciding.defer(suggestion=row, by=request.actor, until=until)

    day = formats.date_format(timezone.localtime(until), "DATE_FORMAT")
    return _decide(request, suggestion_id, decide, _("Put off: it comes back on %(day)s.") % {"day": day})


@require_POST
@needs(Ability.MERGE_CONTACTS)
def undo(request: AccountRequest, decision_id: int) -> HttpResponse:
    """Take one decision back, with the whole batch where it was one of a batch."""
    decision = get_object_or_404(SuggestionDecision.scoped().select_related("suggestion"), pk=decision_id)
    try:
        if decision.batch is not None:
            count = deciding_many.undo_many(batch=decision.batch, by=request.actor)
            text = ngettext("%(n)d merge taken back.", "%(n)d merges taken back.", count) % {"n": count}
        else:
            deciding.undo(decision=decision, by=request.actor)
            text = _("Undone.")
    except Refused as refused:
        return _answer(request, decision.suggestion, refused=refused)
    return _answer(request, decision.suggestion, text=text)


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def certain(request: AccountRequest) -> HttpResponse:
    """What "accept all that are certain" would accept, before anybody presses it."""
    found = deciding_many.certain()
    return render(request, "contacts/suggestions_certain.html", {"found": found, "rows": queries.queue_rows(found.rows)})


@require_POST
@needs(Ability.MERGE_CONTACTS)
def accept_certain(request: AccountRequest) -> HttpResponse:
    """Accept the pairs that the page before has counted; each is looked at once more."""
    ids = [number_or_404(value) for value in request.POST.getlist("suggestion")]
    result = deciding_many.accept_many(suggestion_ids=ids, by=request.actor)
    count = len(result.decisions)
    text = ngettext("%(n)d pair merged.", "%(n)d pairs merged.", count) % {"n": count}
    if result.refused:
        left = ngettext("%(n)d changed meanwhile and stays.", "%(n)d changed meanwhile and stay.", result.refused)
        text = f"{text} {left % {'n': result.refused}}"
    undo_url = reverse("contacts:suggestion_undo", args=[request.account.slug, result.decisions[0].pk]) if result.decisions else ""
    messages.success(request, text, extra_tags=undo_url)
    return redirect("contacts:suggestions", account_slug=request.account.slug)


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def suggestion_figures(request: AccountRequest) -> HttpResponse:
    """How often the scores were right, and which thresholds follow."""
    found = figures()
    bands = [
        {
            "low": band.low * 100,
            "high": band.high * 100,
            "decided": band.decided,
            "share": None if band.precision is None else band.precision * 100,
        }
        for band in found.bands
    ]
    context = {
        "figures": found,
        "bands": bands,
        "needs": AUTOMATIC_NEEDS,
        "automatic": _hundredfold(found.automatic),
        "queue": _hundredfold(found.queue),
    }
    return render(request, "contacts/suggestion_figures.html", context)


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else share * 100


def _found(suggestion_id: int) -> MergeSuggestion:
    try:
        return queries.find(suggestion_id)
    except MergeSuggestion.DoesNotExist as error:
        raise Http404 from error


def _queue(request: AccountRequest, after: str | None = None) -> queries.SuggestionPage:
    """The page of the queue; the first one where the later page has run empty."""
    after = request.GET.get("after", "") if after is None else after
    try:
        page = queries.listing(after=after)
    except ValueError as error:
        raise Http404 from error
    return page if page.rows or not after else queries.listing()


def _pane(request: AccountRequest, row: MergeSuggestion | None) -> dict[str, Any]:
    """What one suggestion shows, with the way back from one's own last decision. ``query`` stays in the addresses of its forms."""
    after = request.GET.get("after", "")
    return {
        "shown": queries.view_of(queries.find(row.pk)) if row is not None else None,
        "last": queries.last_decision(request.membership),
        "later": [("1", _("Tomorrow")), ("7", _("In a week")), ("30", _("In a month"))],
        "after": after,
        "query": f"?{urlencode({'after': after})}" if after else "",
    }


def _context(request: AccountRequest, page: queries.SuggestionPage, row: MergeSuggestion | None) -> dict[str, Any]:
    return _pane(request, row) | {
        "rows": queries.queue_rows(page.rows),
        "older_url": f"{reverse('contacts:suggestions', args=[request.account.slug])}?{urlencode({'after': page.after})}"
        if page.after
        else "",
        "count": queries.open_count(),
        "counted": queries.COUNTED,
        "current": row.pk if row is not None else None,
    }


def _decide(request: AccountRequest, suggestion_id: int, decide: Decide, text: str) -> HttpResponse:
    row = _found(suggestion_id)
    names = {"one": row.low.contact, "other": row.high.contact}
    try:
        decision = decide(row)
    except Refused as refused:
        return _answer(request, row, refused=refused)
    return _answer(request, queries.following(row), text=text % names, decision=decision)


def _answer(
    request: AccountRequest,
    row: MergeSuggestion | None,
    *,
    text: str = "",
    decision: SuggestionDecision | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    """Show ``row`` with the queue as it is now, and say what happened, with the way back."""
    slug = request.account.slug
    undo_url = reverse("contacts:suggestion_undo", args=[slug, decision.pk]) if decision else ""
    after = {"after": request.GET["after"]} if request.GET.get("after") else {}
    here = reverse("contacts:suggestion", args=[slug, row.pk]) if row else reverse("contacts:suggestions", args=[slug])
    url = f"{here}?{urlencode(after)}" if after else here
    if not request.htmx:  # type: ignore[attr-defined]
        if refused is not None:
            say_refused(request, refused)
        else:
            messages.success(request, text, extra_tags=undo_url)
        return redirect(url)
    context = _context(request, _queue(request), row)
    context |= {"text": " ".join(refused.messages) if refused else text, "level": "error" if refused else "", "undo_url": undo_url}
    response = render(request, "contacts/_suggestion_after.html", context)
    response.headers["HX-Replace-Url"] = url
    return response
