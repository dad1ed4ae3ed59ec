"""``/a/<slug>/contacts/export/``: files of people, conversations and consents, made in the background."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.quality.words import LABELS
from integrations.exporting.running import ask, file_name, link_to, open_file, opens
from integrations.models.exports import Export

LATEST = 20


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.EXPORT_PEOPLE)
@never_cache
def exports(request: AccountRequest) -> HttpResponse:
    """The form, and the latest exports with their links."""
    if request.method == "POST":
        asked = {name: request.POST.get(name, "") for name in ("kind", "format", "q", "fix")}
        try:
            ask(**asked, by=request.actor)
        except ValidationError as refused:
            messages.error(request, refused.messages[0])
        return redirect("integrations:exports", account_slug=request.account.slug)
    rows = list(Export.scoped().select_related("asked_by__user").order_by("-pk")[:LATEST])
    context = {
        "rows": [(export, link_to(export, request.account) if export.file else "") for export in rows],
        "kinds": Export.Kind.choices,
        "formats": Export.Format.choices,
        "q": request.GET.get("q", "").strip()[:200],
        "fix": request.GET.get("fix", ""),
        "problems": list(LABELS.items()),
    }
    return render(request, "integrations/exports.html", context)


@require_safe
@never_cache
@needs(Ability.EXPORT_PEOPLE)
def export_progress(request: AccountRequest, export_id: int) -> HttpResponse:
    """How far it is, for a page that asks every second; once it has ended the page loads itself anew."""
    export = get_object_or_404(Export.scoped(), pk=export_id)
    answer = render(request, "integrations/_export_progress.html", {"run": export})
    if export.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs(Ability.EXPORT_PEOPLE)
def export_file(request: AccountRequest, export_id: int) -> HttpResponse:
    """Where the signed link leads: a button, and the file for whoever presses it. Each time is in the audit, so looking is no download."""
    export = get_object_or_404(Export.scoped(), pk=export_id)
    key = request.GET.get("key", "")
    if request.method == "POST":
        file = open_file(export=export, key=key, by=request.actor)
        if file is not None:
            answer = FileResponse(file, as_attachment=True, filename=file_name(export), content_type="application/octet-stream")
            answer["X-Content-Type-Options"] = "nosniff"
            return cast("HttpResponse", answer)
    holds = opens(export, key)
    context = {"export": export, "holds": holds}
    return render(request, "integrations/export_file.html", context, status=410 if request.method == "POST" else 200)
