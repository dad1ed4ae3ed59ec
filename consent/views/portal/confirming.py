"""``/c/<token>``: the link of a double opt-in. Whoever opens it holds the address; only the button agrees, since scanners follow links."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.scope import account_scope
from consent.models import OptInRequest, Purpose
from consent.opting_in import account_of, confirm, waiting
from consent.purposes import name_of
from consent.views.portal.doors import PortalRequest, render_page, serve


@require_http_methods(["GET", "HEAD", "POST"])
@csrf_exempt
def confirm_consent(request: HttpRequest, token: str) -> HttpResponse:
    """The token is all the proof there is, so the form needs no cookie. The button twice is one event."""
    account_id = account_of(token)
    if account_id is None:
        raise Http404
    with account_scope(account_id):
        asked = waiting(token)
    if asked is None:
        raise Http404
    return serve(request, account_id, lambda: _answer(request, asked, token))  # type: ignore[arg-type]


def _answer(request: PortalRequest, asked: OptInRequest, token: str) -> HttpResponse:
    done = request.method == "POST" and confirm(token, occurred_at=timezone.now()) is not None
    purpose = Purpose.scoped().filter(key=asked.purpose).first()
    context = {
        "token": token,
        "purpose": name_of(purpose, request.portal_language) if purpose is not None else asked.purpose,
        "wording": asked.notice.text if asked.notice is not None else "",
        "confirmed": done,
    }
    return render_page(request, "portal/confirm.html", context)
