"""The one place where a request of the portal enters its account's scope, and where its visitor is known."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.csrf import csrf_exempt

from accounts.busy import Busy
from accounts.entrances import account_id_by_slug
from accounts.models import Account
from accounts.scope import account_scope
from consent.models import PortalVisit
from consent.portal.branding import Brand, brand_of
from consent.portal.languages import language_for, languages, preferred_language
from consent.portal.reach import Reach, reach_of
from consent.portal.visits import visit_of

VISIT_COOKIE, ASKER_COOKIE, LANGUAGE_COOKIE = "hilo_portal", "hilo_portal_asker", "hilo_portal_language"
HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


class PortalRequest(HttpRequest):
    """What a view of the portal receives. ``visit`` is ``None`` for whoever has not come in."""

    account: Account
    brand: Brand
    visit: PortalVisit
    reach: Reach
    portal_language: str


Rest = ParamSpec("Rest")
View = Callable[Concatenate[PortalRequest, Rest], HttpResponse]


class _PortalCsrf(CsrfViewMiddleware):
    """Pages that send no referrer send ``Origin: null`` with their forms (Fetch, "serialized origin"), which Django refuses.

    The token is asked for as everywhere; where the browser says that the form came from elsewhere, it is refused besides.
    """

    def _origin_verified(self, request: HttpRequest) -> bool:
        if request.META["HTTP_ORIGIN"] == "null":
            return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        return super()._origin_verified(request)  # type: ignore[misc]


_protect: Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]] = decorator_from_middleware(_PortalCsrf)  # type: ignore[assignment]


def everybody(view: View) -> Callable[..., HttpResponse]:
    """A page of the portal that needs no visit."""

    @csrf_exempt
    @wraps(view)
    def entered(request: Any, portal: str, *args: Any, **kwargs: Any) -> HttpResponse:
        account_id = account_id_by_slug(portal)
        if account_id is None:
            raise Http404
        return serve(request, account_id, lambda: _protect(view)(request, *args, **kwargs))

    return entered


def serve(request: Any, account_id: int, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer inside the account's scope, in the visitor's language and the account's time zone, with the headers of the portal."""
    with account_scope(account_id):
        request.account = Account.objects.get(pk=account_id)
        structlog.contextvars.bind_contextvars(account=request.account.slug)
        request.brand = brand_of(request.account)
        request.visit = visit_of(request.COOKIES.get(VISIT_COOKIE, ""))
        request.reach = reach_of(request.visit) if request.visit is not None else Reach()
        request.portal_language = language_for(
            request,
            chosen=request.COOKIES.get(LANGUAGE_COOKIE, ""),
            preferred=preferred_language(request.reach) if request.reach.profiles else "",
            fallback=request.account.language,
        )
        with translation.override(request.portal_language), timezone.override(request.account.timezone):
            try:
                response = answer()
            except Busy as busy:
                response = render_page(request, "portal/busy.html", status=409)
                response["Retry-After"] = str(busy.wait)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Language"] = request.portal_language
        return response


def visitors(view: View) -> Callable[..., HttpResponse]:
    """A page for whoever has shown a point in this visit; others are led to the entrance."""

    @wraps(view)
    def checked(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.reach.points:
            return redirect("portal:sign_in", portal=request.account.slug)
        return view(request, *args, **kwargs)

    return everybody(checked)


def render_page(request: PortalRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    """The page with what every page of the portal shows."""
    slug = request.account.slug
    shared = {
        "portal": slug,
        "brand": request.brand,
        "reach": request.reach,
        "is_in": bool(request.reach.points),
        "languages": languages(),
        "language": request.portal_language,
        "here": request.path,
        "done": request.GET.get("done", ""),
        "home_url": reverse("portal:home", args=[slug]),
    }
    return render(request, template, {**shared, **(context or {})}, status=status)


def go(request: PortalRequest, name: str, *args: Any, done: str = "") -> HttpResponse:
    """Lead on to a page after a change; ``done`` is a code for the line that says what was done."""
    url = reverse(f"portal:{name}", args=[request.account.slug, *args])
    response = HttpResponse(status=303)
    response["Location"] = f"{url}?done={done}" if done else url
    return response


def remember(response: HttpResponse, request: PortalRequest, name: str, value: str, *, seconds: int) -> None:
    """Set one of the portal's cookies: for this account's portal only, and out of reach of scripts."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=reverse("portal:home", args=[request.account.slug]),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse, request: PortalRequest, *names: str) -> None:
    for name in names:
        response.delete_cookie(name, path=reverse("portal:home", args=[request.account.slug]), samesite="Lax")


def client_of(request: HttpRequest) -> str:
    """Where the request comes from, as limits count it. Of ``X-Forwarded-For`` only the last entry is our own proxy's word."""
    told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() if settings.BEHIND_PROXY else ""
    return told[:64] or str(request.META.get("REMOTE_ADDR", ""))
