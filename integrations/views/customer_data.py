"""``/a/<slug>/settings/customer-data/``: who may send customer data here, how it goes, and where it goes to."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from integrations.cdp import examples, receiving
from integrations.cdp import sources as domain
from integrations.cdp.queries import broken_messages, latest_messages, sources
from integrations.models import CustomerDataMessage, CustomerDataSource, WebhookSubscription
from integrations.webhooks.queries import subscriptions


class SourceForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), help_text=gettext_lazy("The site, app or platform that sends."), max_length=domain.NAME_LENGTH
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
@sensitive_variables("key")
def customer_data(request: AccountRequest) -> HttpResponse:
    """The page; a POST makes a source and shows its write key, this once."""
    form, key = SourceForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _source, key = domain.create_source(name=form.cleaned_data["name"], by=request.actor)
        except ValidationError as error:
            form.add_error("name", error.messages)
        else:
            form = SourceForm()
    return _page(request, form=form, key=key)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
@sensitive_variables("key")
def rotate(request: AccountRequest, source_id: int) -> HttpResponse:
    """Another key; the answer shows it, this once."""
    try:
        _source, key = domain.rotate_key(source=_found(source_id), by=request.actor)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("integrations:customer_data", account_slug=request.account.slug)
    return _page(request, key=key)


@require_safe
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
def source(request: AccountRequest, source_id: int) -> HttpResponse:
    """One source: its signed door, and how a program uses it."""
    return _source_page(request, _found(source_id))


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
@sensitive_variables("secret")
def secret(request: AccountRequest, source_id: int) -> HttpResponse:
    """A signing secret, the first or another; the answer shows it, this once."""
    try:
        found, secret = domain.make_secret(source=_found(source_id), by=request.actor)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("integrations:customer_data_source", account_slug=request.account.slug, source_id=source_id)
    return _source_page(request, found, secret=secret)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def revoke(request: AccountRequest, source_id: int) -> HttpResponse:
    domain.revoke_source(source=_found(source_id), by=request.actor)
    messages.success(request, _("The key no longer opens anything."))
    return redirect("integrations:customer_data", account_slug=request.account.slug)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def replay(request: AccountRequest, message_id: int) -> HttpResponse:
    """Take a rejected or failed message again."""
    receiving.replay(message=get_object_or_404(CustomerDataMessage.scoped(), pk=message_id), by=request.actor)
    messages.success(request, _("It is being processed again."))
    return redirect("integrations:customer_data", account_slug=request.account.slug)


def _page(request: AccountRequest, *, form: SourceForm | None = None, key: str = "") -> HttpResponse:
    context = {
        "form": form or SourceForm(),
        "key": key,
        "sources": sources(),
        "latest": latest_messages(),
        "broken": broken_messages(),
        "destinations": subscriptions([WebhookSubscription.Kind.SEGMENT]),
        "address": settings.PUBLIC_URL.rstrip("/"),
    }
    return render(request, "integrations/customer_data.html", context, status=422 if form is not None and form.errors else 200)


def _source_page(request: AccountRequest, source: CustomerDataSource, *, secret: str = "") -> HttpResponse:
    kept: Any = source.secrets
    address = settings.PUBLIC_URL.rstrip("/") + reverse("integrations:signed_identify", args=[source.account_id, source.key])
    context = {
        "source": source,
        "secret": secret,
        "address": address,
        "has_secret": bool(kept),
        "former_until": source.previous_secret_until if len(domain.secrets_of(source, timezone.now())) > 1 else None,
        "curl": examples.curl(address),
        "python": examples.python(address),
    }
    return render(request, "integrations/customer_data_source.html", context)


def _found(pk: int) -> CustomerDataSource:
    return get_object_or_404(CustomerDataSource.scoped(), pk=pk)
