"""``/a/<slug>/settings/webhooks/``: who is told what happens, how it goes, and sending again."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from integrations.models import WebhookDelivery, WebhookSubscription
from integrations.views.webhook_forms import DestinationForm, RangeForm, RotateForm, WebhookForm
from integrations.webhooks import replaying, subscribing
from integrations.webhooks.delivering import deliver
from integrations.webhooks.event_types import label_of
from integrations.webhooks.queries import attempts_of, health_of, log_of, subscriptions

Kind = WebhookSubscription.Kind


@require_safe
@needs(Ability.MANAGE_ACCOUNT)
def webhooks(request: AccountRequest) -> HttpResponse:
    """The list with how each is doing."""
    return render(request, "integrations/webhooks.html", {"rows": subscriptions([Kind.WEBHOOK])})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
@sensitive_variables("secret")
def new(request: AccountRequest) -> HttpResponse:
    """Subscribe; the answer shows the secret, this once. ``?kind=segment`` for a customer data platform."""
    kind = request.GET.get("kind", Kind.WEBHOOK)
    if kind not in Kind.values:
        raise Http404
    form = (DestinationForm if kind == Kind.SEGMENT else WebhookForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = subscribing.subscribe(**form.cleaned_data, kind=kind, by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            return _page(request, made, secret=secret if kind == Kind.WEBHOOK else "")
    return render(request, "integrations/webhook_new.html", {"form": form, "kind": kind}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
def webhook(request: AccountRequest, subscription_id: int) -> HttpResponse:
    """One subscription: how it is, its log, its settings."""
    found = _subscription(subscription_id)
    form = WebhookForm(request.POST or None, subscription=found)
    if request.method == "POST" and form.is_valid():
        try:
            subscribing.change(subscription=found, changes=form.cleaned_data, by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            messages.success(request, _("Saved."))
            return _to(request, found)
    return _page(request, found, form=form)


@sensitive_post_parameters()
@require_POST
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
@sensitive_variables("secret")
def rotate(request: AccountRequest, subscription_id: int) -> HttpResponse:
    """Another secret; the answer shows it, this once. A platform's write key is given instead."""
    found = _subscription(subscription_id)
    form = RotateForm(request.POST)
    if found.kind == Kind.WEBHOOK and not form.is_valid():
        return _page(request, found, rotate_form=form)
    try:
        overlap = timedelta(hours=form.cleaned_data["overlap_hours"]) if found.kind == Kind.WEBHOOK else timedelta(0)
        found, secret = subscribing.rotate(subscription=found, by=request.actor, overlap=overlap, key=request.POST.get("key", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return _to(request, found)
    if found.kind == Kind.SEGMENT:
        messages.success(request, _("Saved."))
        return _to(request, found)
    return _page(request, found, secret=secret)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def test(request: AccountRequest, subscription_id: int) -> HttpResponse:
    """Send a test event and wait for the answer, 15 seconds at most."""
    found = _subscription(subscription_id)
    try:
        delivery = subscribing.prepare_test(subscription=found, by=request.actor)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return _to(request, found)
    deliver(delivery_id=delivery.pk)
    delivery.refresh_from_db()
    if delivery.state == WebhookDelivery.State.DELIVERED:
        messages.success(request, _("The test was taken."))
    elif delivery.state == WebhookDelivery.State.SKIPPED:
        messages.info(request, _("This kind of receiver has no test."))
    else:
        messages.error(request, _("The test was not taken. The log says why."))
    return _to(request, found)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def switch(request: AccountRequest, subscription_id: int) -> HttpResponse:
    """``active`` is yes or no."""
    is_on = request.POST.get("active") == "yes"
    found = (subscribing.resume if is_on else subscribing.pause)(subscription=_subscription(subscription_id), by=request.actor)
    on, off = _("It sends again: first what waited."), _("It is paused. What happens meanwhile waits.")
    messages.success(request, on if is_on else off)
    return _to(request, found)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def delete(request: AccountRequest, subscription_id: int) -> HttpResponse:
    found = _subscription(subscription_id)
    subscribing.unsubscribe(subscription=found, by=request.actor)
    messages.success(request, _("“%(name)s” was deleted.") % {"name": found.name})
    listed_on = "customer_data" if found.kind == Kind.SEGMENT else "webhooks"
    return redirect(f"integrations:{listed_on}", account_slug=request.account.slug)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def replay_range(request: AccountRequest, subscription_id: int) -> HttpResponse:
    """Send everything of a stretch of time again."""
    found = _subscription(subscription_id)
    form = RangeForm(request.POST)
    if not form.is_valid():
        return _page(request, found, range_form=form)
    try:
        count = replaying.replay_range(subscription=found, **form.cleaned_data, by=request.actor)
    except ValidationError as error:
        form.add_error(None, error.messages)
        return _page(request, found, range_form=form)
    messages.success(request, ngettext("%(count)d event is sent again.", "%(count)d events are sent again.", count) % {"count": count})
    return _to(request, found)


@require_safe
@needs(Ability.MANAGE_ACCOUNT)
@never_cache
def delivery(request: AccountRequest, delivery_id: int) -> HttpResponse:
    """One delivery with its requests and answers."""
    found = _delivery(delivery_id)
    context = {
        "delivery": found,
        "subscription": found.subscription,
        "label": label_of(found.event.type),
        "attempts": attempts_of(found),
    }
    return render(request, "integrations/webhook_delivery.html", context)


@require_POST
@needs(Ability.MANAGE_ACCOUNT)
def replay_one(request: AccountRequest, delivery_id: int) -> HttpResponse:
    found = replaying.replay(delivery=_delivery(delivery_id), by=request.actor)
    messages.success(request, _("It is sent again."))
    return redirect("integrations:webhook_delivery", account_slug=request.account.slug, delivery_id=found.pk)


def _page(
    request: AccountRequest,
    found: WebhookSubscription,
    *,
    form: WebhookForm | None = None,
    rotate_form: RotateForm | None = None,
    range_form: RangeForm | None = None,
    secret: str = "",
) -> HttpResponse:
    state = request.GET.get("state", "")
    if state and state not in WebhookDelivery.State.values:
        raise Http404
    before = request.GET.get("before", "")
    try:
        log = log_of(found, state=state, before=before)
    except ValueError:
        raise Http404 from None
    now = timezone.localtime()
    context: dict[str, Any] = {
        "subscription": found,
        "health": health_of(found),
        "form": form or WebhookForm(subscription=found),
        "rotate_form": rotate_form or RotateForm(),
        "range_form": range_form or RangeForm(initial={"since": now - timedelta(days=1), "until": now}),
        "secret": secret,
        "log": log,
        "state": state,
        "states": WebhookDelivery.State.choices,
        "before": before,
        "still": found.previous_until if found.previous_until and found.previous_until > timezone.now() else None,
    }
    has_errors = any(each is not None and each.errors for each in (form, rotate_form, range_form))
    return render(request, "integrations/webhook.html", context, status=422 if has_errors else 200)


def _to(request: AccountRequest, found: WebhookSubscription) -> HttpResponse:
    return redirect("integrations:webhook", account_slug=request.account.slug, subscription_id=found.pk)


def _subscription(pk: int) -> WebhookSubscription:
    return get_object_or_404(WebhookSubscription.scoped(), pk=pk)


def _delivery(pk: int) -> WebhookDelivery:
    return get_object_or_404(WebhookDelivery.scoped().select_related("subscription", "event"), pk=pk)
