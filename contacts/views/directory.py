"""``/a/<slug>/contacts/``: everybody who left a way to be reached."""

from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import queries
from contacts.quality.words import LABELS
from contacts.reviewing import count_open


@require_safe
@needs(Ability.WORK_CONVERSATIONS)
def directory(request: AccountRequest) -> HttpResponse:
    """A page of the directory; for htmx its rows only. ``?fix=`` keeps those with a problem, ``any`` those with any."""
    text = request.GET.get("q", "").strip()[:200]
    problem = request.GET.get("fix", "")
    if problem not in ("", "any", *LABELS):
        raise Http404
    before = request.GET.get("before", "")
    try:
        page = queries.directory(search=text, problem=problem, before=before)
    except ValueError as error:
        raise Http404 from error
    asked = {"q": text} | ({"fix": problem} if problem else {})
    context = {
        "q": text,
        "fix": problem,
        "problems": list(LABELS.items()),
        "review_count": count_open() if request.membership.may(Ability.MERGE_CONTACTS) else 0,
        "rows": queries.directory_rows(page.contacts),
        "older_url": "?" + urlencode({**asked, "before": page.before}) if page.before else "",
        "newest_url": "?" + urlencode(asked) if before else "",
    }
    only_rows = request.htmx and not request.htmx.boosted  # type: ignore[attr-defined]
    response = render(request, "contacts/_rows.html" if only_rows else "contacts/directory.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
