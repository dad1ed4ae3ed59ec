"""``/``: where to, after signing in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.entrances import accounts_of_user


@require_safe
@login_required
@never_cache
def choose(request: HttpRequest) -> HttpResponse:
    """One account: straight to its inbox. Several: a list. None: what to do about it."""
    accounts = accounts_of_user(request.user.pk or 0)
    if len(accounts) == 1:
        return redirect("inbox:workspace", account_slug=accounts[0].slug)
    return render(request, "accounts/choose.html", {"accounts": accounts})
