"""The one place where a page request enters the scope of its account."""

from collections.abc import Callable
from typing import Any

import structlog
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.actors import Actor
from accounts.busy import Busy
from accounts.entrances import account_id_by_slug
from accounts.gone import Gone
from accounts.models import Account, Membership
from accounts.scope import account_scope


class AccountRequest(HttpRequest):
    """What a view below ``/a/<slug>/`` receives."""

    account: Account
    membership: Membership
    actor: Actor


class AccountScopeMiddleware:
    """For a route with ``account_slug``: anonymous → login, not a member → 404, otherwise the view runs in the account's scope."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, view: Callable[..., HttpResponse], args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
        slug = kwargs.pop("account_slug", None)
        if slug is None:
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        account_id = account_id_by_slug(slug)
        if account_id is None:
            raise Http404
        with account_scope(account_id):
            membership = Membership.objects.select_related("user", "account").filter(user=request.user, is_active=True).first()
            if membership is None:
                raise Http404
            structlog.contextvars.bind_contextvars(account=slug)
            request.membership = membership
            request.account = membership.account
            request.actor = Actor.person(membership)
            with timezone.override(membership.account.timezone):
                try:
                    response = view(request, *args, **kwargs)
                    # A template response is rendered lazily: its queries belong to the scope too.
                    if hasattr(response, "render") and callable(response.render):
                        response = response.render()
                except Busy as busy:
                    response = render(request, "409.html", status=409)
                    response["Retry-After"] = str(busy.wait)
                except Gone:
                    response = render(request, "410.html", status=410)
            return response
