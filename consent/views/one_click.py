"""The unsubscribe link of a mail: a POST opts out at once, a GET asks first. Mail scanners follow links, and change nothing by it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.models import Account
from accounts.scope import account_scope
from consent.models import Purpose
from consent.one_click import read_token, use_token
from consent.vocabulary import Origin


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058: the POST of a mail program needs no cookie, no login and no token of ours but the address itself, and is answered
    200 without a redirect. 404 for an address that is not ours."""
    link = read_token(token)
    if link is None:
        raise Http404
    done = request.method == "POST"
    if done and use_token(token, origin=Origin.ONE_CLICK, occurred_at=timezone.now()) is None:
        raise Http404
    with account_scope(link.account_id):
        account = Account.objects.get(pk=link.account_id)
        purpose = Purpose.scoped().filter(key=link.purpose).first()
    names = purpose.names if purpose is not None else {}
    name = names.get(request.LANGUAGE_CODE[:2]) or names.get(account.language) or link.purpose
    response = render(request, "consent/unsubscribe.html", {"account_name": account.name, "purpose": name, "done": done})
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response
