"""``/a/<slug>/settings/channels/``: the doors of the account, how they are, and how to open another."""

from django.conf import settings as django_settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import select_template
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.models import Channel, ChannelKind
from accounts.roles import Ability
from accounts.views.access import needs
from inbox import receiving
from inbox.adapters import ChannelAdapter, adapter_for, registered_kinds
from inbox.models import InboundEvent
from integrations.connecting import activate_channel, check_channel, connect_channel, set_greeting_bot, update_channel, webhook_url
from integrations.queries import broken_events, channels_with_health, health_of
from integrations.views.channel_forms import BotForm, ChannelForm


@require_safe
@needs(Ability.MANAGE_CHANNELS)
def channels(request: AccountRequest) -> HttpResponse:
    """The list with each channel's health, and the kinds that can be added."""
    return render(request, "integrations/channels.html", {"rows": channels_with_health(), "kinds": _kinds()})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def connect(request: AccountRequest, kind: str) -> HttpResponse:
    """Add a channel of one kind."""
    adapter = _adapter(kind)
    form = ChannelForm(request.POST or None, adapter=adapter)
    if request.method == "POST" and form.is_valid():
        try:
            channel = connect_channel(kind=kind, name=form.cleaned_data["name"], settings=form.settings(), by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            messages.success(request, _("The channel is connected. What is left to do stands below."))
            return redirect("integrations:channel", account_slug=request.account.slug, channel_id=channel.pk)
    context = {"form": form, "kind": kind, "kind_label": ChannelKind(kind).label}
    return render(request, "integrations/connect.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def channel(request: AccountRequest, channel_id: int) -> HttpResponse:
    """One channel: how it is, how to connect it, its settings, its bot, and the events that brought nothing."""
    found = _channel(channel_id)
    form = ChannelForm(request.POST or None, adapter=adapter_for(found.kind), channel=found)
    if request.method == "POST" and form.is_valid():
        try:
            update_channel(channel=found, name=form.cleaned_data["name"], settings=form.settings(), by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("integrations:channel", account_slug=request.account.slug, channel_id=found.pk)
    return _page(request, found, form=form)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def switch(request: AccountRequest, channel_id: int) -> HttpResponse:
    """``active`` is yes or no."""
    found = activate_channel(channel=_channel(channel_id), active=request.POST.get("active") == "yes", by=request.actor)
    on, off = _("The channel is on."), _("The channel is off: it takes nothing in and sends nothing.")
    messages.success(request, on if found.is_active else off)
    return redirect("integrations:channel", account_slug=request.account.slug, channel_id=found.pk)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def check(request: AccountRequest, channel_id: int) -> HttpResponse:
    """Try the connection with the saved settings. Takes as long as the other side does, at most a minute."""
    found = _channel(channel_id)
    problems = check_channel(channel=found, by=request.actor)
    if problems is None:
        messages.info(request, _("This kind of channel has no connection to test."))
    elif not problems:
        messages.success(request, _("The connection works: the login was accepted."))
    for problem in problems or ():
        messages.error(request, problem)
    return redirect("integrations:channel", account_slug=request.account.slug, channel_id=found.pk)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def bot(request: AccountRequest, channel_id: int) -> HttpResponse:
    """Change the greeting bot."""
    found = _channel(channel_id)
    form = BotForm(request.POST)
    if not form.is_valid():
        return _page(request, found, bot_form=form)
    given = form.cleaned_data
    set_greeting_bot(channel=found, enabled=given["enabled"], greeting=given["greeting"], ask=given["ask"], by=request.actor)
    messages.success(request, _("Saved."))
    return redirect("integrations:channel", account_slug=request.account.slug, channel_id=found.pk)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def replay(request: AccountRequest, channel_id: int, event_id: int) -> HttpResponse:
    """Process an event again that was unreadable or failed."""
    event = get_object_or_404(InboundEvent.scoped(), pk=event_id, channel=_channel(channel_id))
    receiving.replay(event=event, by=request.actor)
    messages.success(request, _("It is being processed again."))
    return redirect("integrations:channel", account_slug=request.account.slug, channel_id=channel_id)


def _page(request: AccountRequest, found: Channel, *, form: ChannelForm | None = None, bot_form: BotForm | None = None) -> HttpResponse:
    form = form or ChannelForm(adapter=adapter_for(found.kind), channel=found)
    context = {
        "channel": found,
        "health": health_of(found),
        "form": form,
        "bot_form": bot_form or BotForm.of(found),
        "events": broken_events(found),
        "webhook_url": webhook_url(found),
        "public_url": django_settings.PUBLIC_URL,
        "steps": select_template([f"integrations/steps/{found.kind}.html", "integrations/steps/none.html"]),
    }
    has_errors = form.errors or (bot_form is not None and bot_form.errors)
    return render(request, "integrations/channel.html", context, status=422 if has_errors else 200)


def _kinds() -> list[tuple[str, str]]:
    return [(str(kind), str(ChannelKind(kind).label)) for kind in registered_kinds()]


def _adapter(kind: str) -> ChannelAdapter:
    try:
        return adapter_for(kind)
    except KeyError:
        raise Http404 from None


def _channel(channel_id: int) -> Channel:
    found = get_object_or_404(Channel.scoped(), pk=channel_id)
    _adapter(found.kind)
    return found
