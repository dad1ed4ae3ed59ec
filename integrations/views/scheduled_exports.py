"""``/a/<slug>/contacts/export/scheduled/``: tables that leave by themselves, every day or week, and how the last times went."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from integrations.exporting.running import require_export
from integrations.models.scheduled_exports import ScheduledExport, ScheduledExportRun
from integrations.scheduled_exports import running, setting_up
from integrations.scheduled_exports.setting_up import Wish

LATEST = 20
WORDS = ("name", "format", "place", "rhythm", "hour", "weekday", "folder", "bucket", "endpoint", "region", "key_id", "key")


@require_safe
@needs(Ability.EXPORT_PEOPLE)
@never_cache
def scheduled_exports(request: AccountRequest) -> HttpResponse:
    """All of them, each with its last run."""
    exports = list(ScheduledExport.scoped().select_related("owner__user").order_by("name", "pk"))
    last = ScheduledExportRun.scoped().order_by("export", "-pk").distinct("export")
    runs = {run.export_id: run for run in last}
    return render(request, "integrations/scheduled_exports.html", {"rows": [(each, runs.get(each.pk)) for each in exports]})


@sensitive_post_parameters("key_id", "key")
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.EXPORT_PEOPLE)
@never_cache
def new(request: AccountRequest) -> HttpResponse:
    """Set one up."""
    require_export(request.actor)
    return _form(request, None)


@sensitive_post_parameters("key_id", "key")
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.EXPORT_PEOPLE)
@never_cache
def scheduled_export(request: AccountRequest, scheduled_id: int) -> HttpResponse:
    """One of them: its last runs, and what it does."""
    require_export(request.actor)
    return _form(request, get_object_or_404(ScheduledExport.scoped(), pk=scheduled_id))


def _form(request: AccountRequest, export: ScheduledExport | None) -> HttpResponse:
    problem = ""
    wish = _wish_of(export)
    if request.method == "POST":
        said = {name: request.POST.get(name, "") for name in WORDS if name in request.POST}
        wish = Wish(
            **{"name": "", "format": "", "place": "", **said},
            tables=request.POST.getlist("tables"),
            is_full=request.POST.get("is_full") == "yes",
        )
        try:
            saved = setting_up.save(wish=wish, by=request.actor, export=export)
        except ValidationError as refused:
            problem = refused.messages[0]
        else:
            messages.success(request, _("Saved."))
            return redirect("integrations:scheduled_export", account_slug=request.account.slug, scheduled_id=saved.pk)
    runs = list(export.runs.select_related("asked_by__user").order_by("-pk")[:LATEST]) if export is not None else []
    context = {
        "export": export,
        "wish": wish,
        "problem": problem,
        "tables": ScheduledExport.Table.choices,
        "formats": ScheduledExport.Format.choices,
        "rhythms": ScheduledExport.Rhythm.choices,
        "weekdays": [(str(value), label) for value, label in ScheduledExport.Weekday.choices],
        "hours": [(str(hour), f"{hour:02d}:00") for hour in range(24)],
        "places": ScheduledExport.Place.choices,
        "runs": runs,
        "under_way": any(run.state in ScheduledExportRun.UNFINISHED for run in runs),
        "has_key": export is not None and bool(export.secrets),
    }
    return render(request, "integrations/scheduled_export.html", context, status=422 if problem else 200)


def _wish_of(export: ScheduledExport | None) -> Wish:
    if export is None:
        return Wish(
            name="", tables=[ScheduledExport.Table.CONTACTS], format=ScheduledExport.Format.PARQUET, place=ScheduledExport.Place.FOLDER
        )
    return Wish(
        name=export.name,
        tables=export.tables,
        format=export.format,
        place=export.place,
        rhythm=export.rhythm,
        hour=str(export.hour),
        weekday=str(export.weekday),
        is_full=export.is_full,
        folder=export.folder,
        bucket=export.bucket,
        endpoint=export.endpoint,
        region=export.region,
    )


@require_POST
@needs(Ability.EXPORT_PEOPLE)
def run(request: AccountRequest, scheduled_id: int) -> HttpResponse:
    """Write it now, whatever the hour."""
    export = get_object_or_404(ScheduledExport.scoped(), pk=scheduled_id)
    try:
        running.run_now(export=export, by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    else:
        messages.success(request, _("It is being written. Its line below says when it is there."))
    return redirect("integrations:scheduled_export", account_slug=request.account.slug, scheduled_id=export.pk)


@require_POST
@needs(Ability.EXPORT_PEOPLE)
def switch(request: AccountRequest, scheduled_id: int) -> HttpResponse:
    """``active=yes`` or anything else."""
    export = get_object_or_404(ScheduledExport.scoped(), pk=scheduled_id)
    setting_up.switch(export=export, is_active=request.POST.get("active") == "yes", by=request.actor)
    return redirect("integrations:scheduled_export", account_slug=request.account.slug, scheduled_id=export.pk)


@require_POST
@needs(Ability.EXPORT_PEOPLE)
def delete(request: AccountRequest, scheduled_id: int) -> HttpResponse:
    """What was written stays where it is."""
    export = get_object_or_404(ScheduledExport.scoped(), pk=scheduled_id)
    setting_up.delete(export=export, by=request.actor)
    messages.success(request, _("Deleted. The files that were written stay where they are."))
    return redirect("integrations:scheduled_exports", account_slug=request.account.slug)
