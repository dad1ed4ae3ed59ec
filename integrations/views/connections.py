"""``/a/<slug>/settings/connections/``: the other systems that are kept in step with this account, and how they are."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from integrations.crm.registry import CONNECTORS
from integrations.error_words import in_words
from integrations.models import Conflict, Connection, DeadLetter, SyncRun
from integrations.syncing import back_filling, conflicts, connecting, dead_letters, queries, taking_back
from integrations.syncing.door import has_hook_secret, hook_address
from integrations.syncing.signing_in import comes_next, redirect_uri, sign_in_of
from integrations.views.connection_forms import ConnectionForm, WishesForm, every


@require_safe
@needs(Ability.MANAGE_CHANNELS)
def connections(request: AccountRequest) -> HttpResponse:
    """The list with each connection's health, and the kinds that can be added."""
    kinds = [(kind, connector.label, connector.about) for kind, connector in CONNECTORS.items()]
    return render(request, "integrations/connections.html", {"rows": queries.connections_with_health(), "kinds": kinds})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def new(request: AccountRequest, kind: str) -> HttpResponse:
    """Connect a system of one kind."""
    if kind not in CONNECTORS:
        raise Http404
    connector = CONNECTORS[kind]
    form = ConnectionForm(request.POST or None, connector=connector)
    if request.method == "POST" and form.is_valid():
        try:
            made = connecting.connect(kind=kind, name=form.cleaned_data["name"], settings=form.settings(), by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            if not sign_in_of(made):
                messages.success(request, _("Saved. Test the connection, try a dry run, then take everything in."))
            return _to(request, made.pk)
    context = {"form": form, "kind_label": connector.label, "comes_next": comes_next(connector), "redirect_uri": redirect_uri()}
    return render(request, "integrations/connection_new.html", context, status=422 if form.errors else 200)


@require_safe
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def connection(request: AccountRequest, connection_id: int) -> HttpResponse:
    """One connection: how it is, its runs, what waits for a person, what is kept in step, and what happened."""
    found = _connection(connection_id)
    before = request.GET.get("before", "")
    log = queries.log_of(found, before=int(before) if before.isdigit() and len(before) < 19 else None)
    context = {
        "connection": found,
        "health": queries.health_of(found),
        "often": every(found.poll_seconds),
        "sign_in": sign_in_of(found),
        "hook_address": hook_address(found),
        "has_hook_secret": has_hook_secret(found),
        "run": queries.latest_run(found),
        "conflicts": queries.open_conflicts(found),
        "settled": queries.settled_lately(found),
        "refused": queries.refused_records(found),
        "mapping": queries.mapping_of(found),
        "log": log,
        "older": log[-1].line.pk if len(log) == queries.SHOWN else None,
    }
    return render(request, "integrations/connection.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def settings(request: AccountRequest, connection_id: int) -> HttpResponse:
    """Credentials and wishes."""
    found = _connection(connection_id)
    connector = CONNECTORS[found.kind]
    form = ConnectionForm(request.POST or None, connector=connector, connection=found)
    wishes = WishesForm(request.POST or None, connection=found, connector=connector)
    if request.method == "POST" and form.is_valid() and wishes.is_valid():
        try:
            connecting.update(
                connection=found, name=form.cleaned_data["name"], settings=form.settings(), wishes=wishes.cleaned_data, by=request.actor
            )
        except ValidationError as error:
            form.show(error)
        else:
            messages.success(request, _("Saved."))
            return _to(request, found.pk)
    context = {"connection": found, "form": form, "wishes": wishes, "sign_in": sign_in_of(found)}
    return render(request, "integrations/connection_settings.html", context, status=422 if form.errors or wishes.errors else 200)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def check(request: AccountRequest, connection_id: int) -> HttpResponse:
    """Try the connection. Takes as long as the other side does, at most a minute."""
    problems = connecting.check(connection=_connection(connection_id), by=request.actor)
    for problem in problems:
        messages.error(request, in_words(problem))
    if not problems:
        messages.success(request, _("The connection works: the login was accepted."))
    return _to(request, connection_id)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def pause(request: AccountRequest, connection_id: int) -> HttpResponse:
    """``paused`` is yes or no."""
    paused = request.POST.get("paused") == "yes"
    connecting.pause(connection=_connection(connection_id), paused=paused, by=request.actor)
    messages.success(request, _("Paused: what changes meanwhile waits.") if paused else _("It goes on."))
    return _to(request, connection_id)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def release(request: AccountRequest, connection_id: int) -> HttpResponse:
    """Let the mass change through that the brake stopped."""
    connecting.release_brake(connection=_connection(connection_id), by=request.actor)
    messages.success(request, _("The next run takes everything."))
    return _to(request, connection_id)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def run(request: AccountRequest, connection_id: int) -> HttpResponse:
    """``kind`` is back_fill or rehearsal."""
    kind = request.POST.get("kind", "")
    if kind not in SyncRun.Kind:
        raise Http404
    try:
        back_filling.ask(connection=_connection(connection_id), kind=kind, by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    return _to(request, connection_id)


@require_safe
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def progress(request: AccountRequest, connection_id: int, run_id: int) -> HttpResponse:
    """How far a run is, for a page that asks every second; once it has ended the page loads itself anew."""
    found = get_object_or_404(SyncRun.scoped(), pk=run_id, connection=connection_id)
    answer = render(request, "integrations/partials/sync_progress.html", {"run": found})
    if found.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def settle(request: AccountRequest, connection_id: int, conflict_id: int) -> HttpResponse:
    """``decision``: what a person says."""
    found = get_object_or_404(Conflict.scoped().select_related("connection", "record"), pk=conflict_id, connection=connection_id)
    try:
        conflicts.settle(conflict=found, decision=request.POST.get("decision", ""), by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    else:
        back = reverse("integrations:connection_settle_undo", args=[request.account.slug, connection_id, conflict_id])
        messages.success(request, _("Settled."), extra_tags="" if request.POST.get("decision") == "erased" else back)
    return _to(request, connection_id)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def settle_undo(request: AccountRequest, connection_id: int, conflict_id: int) -> HttpResponse:
    """Take back what somebody decided."""
    found = get_object_or_404(Conflict.scoped().select_related("connection", "record"), pk=conflict_id, connection=connection_id)
    try:
        taking_back.take_back(conflict=found, by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    else:
        messages.success(request, _("Taken back: it waits for an answer again."))
    return _to(request, connection_id)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def replay(request: AccountRequest, connection_id: int, letter_id: int) -> HttpResponse:
    """Try a refused record again."""
    letter = get_object_or_404(DeadLetter.scoped().select_related("connection"), pk=letter_id, connection=connection_id)
    dead_letters.ask_again(letter=letter, by=request.actor)
    messages.success(request, _("It is tried again."))
    return _to(request, connection_id)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def disconnect(request: AccountRequest, connection_id: int) -> HttpResponse:
    """Forget the connection; what was taken in stays."""
    connecting.disconnect(connection=_connection(connection_id), by=request.actor)
    messages.success(request, _("Disconnected. What was taken in stays with the people."))
    return redirect("integrations:connections", account_slug=request.account.slug)


def _connection(connection_id: int) -> Connection:
    return get_object_or_404(Connection.scoped(), pk=connection_id)


def _to(request: AccountRequest, connection_id: int) -> HttpResponse:
    """The connection's page; a notice's button, which asked through htmx, follows too."""
    if request.htmx:  # type: ignore[attr-defined]
        address = reverse("integrations:connection", args=[request.account.slug, connection_id])
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect("integrations:connection", account_slug=request.account.slug, connection_id=connection_id)
