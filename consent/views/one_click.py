"""``/u/<token>``: the link in the header and the footer of bulk mail (RFC 8058)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Account
from accounts.scope import account_scope
from consent.models import ContactPoint, Purpose
from consent.one_click import Link, read_token
from consent.portal.taking_back import take_back
from consent.portal.taking_back import unsubscribe as withdraw
from consent.purposes import name_of
from consent.views.portal.doors import PortalRequest, render_page, serve


def _with_link(view: Callable[[Any, Link, str], HttpResponse]) -> Callable[..., HttpResponse]:
    """The token is all the proof there is: mail providers post without cookie, login or CSRF token."""

    @csrf_exempt
    @wraps(view)
    def entered(request: HttpRequest, token: str) -> HttpResponse:
        link = read_token(token)
        if link is None or not _is_there(link):
            raise Http404
        return serve(request, link.account_id, lambda: view(request, link, token))

    return entered


def _is_there(link: Link) -> bool:
    with account_scope(link.account_id):
        return Account.objects.filter(pk=link.account_id).exists() and ContactPoint.scoped().filter(pk=link.point_id).exists()


@require_http_methods(["GET", "HEAD", "POST"])
@_with_link
def unsubscribe(request: PortalRequest, link: Link, token: str) -> HttpResponse:
    """A GET shows a button and changes nothing. A POST unsubscribes, whatever its body, and answers 200 without a redirect."""
    context = {"token": token, "purpose": _purpose(request, link)}
    if request.method != "POST":
        return render_page(request, "portal/unsubscribe.html", context)
    return render_page(request, "portal/unsubscribed.html", {**context, "undo": withdraw(link=link, token=token)})


@require_POST
@_with_link
def undo(request: PortalRequest, link: Link, token: str) -> HttpResponse:
    """What the answer to the tap offers for ten minutes. Its signed value cannot be known by who only has the link."""
    put_back = take_back(signed=request.POST.get("undo", ""))
    context = {"token": token, "purpose": _purpose(request, link), "put_back": put_back}
    return render_page(request, "portal/undone.html", context, status=200 if put_back else 410)


def _purpose(request: PortalRequest, link: Link) -> str:
    purpose = Purpose.scoped().filter(key=link.purpose).first() if link.purpose else None
    return name_of(purpose, request.portal_language) if purpose is not None else ""
