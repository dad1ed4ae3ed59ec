"""``/a/<slug>/contacts/import/``: files to take in, what their columns mean, what a run would do, did, and its undo."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.models import Contact
from integrations.importing import running
from integrations.importing.columns import NEEDED, TARGETS
from integrations.importing.encodings import CHOICES
from integrations.importing.keeping import rejected_lines
from integrations.importing.kinds import WAYS
from integrations.importing.previewing import preview
from integrations.importing.rows import WORDS, Reason
from integrations.importing.uploading import choose_mapping, upload
from integrations.models import Connection
from integrations.models.imports import Import, ImportRun

LATEST = 50
SAMPLES = 3
Kind, State = ImportRun.Kind, ImportRun.State
# What the counts are called, in the order in which they are shown, and the mark of each.
COUNT_WORDS: dict[str, tuple[Any, str]] = {
    "created": (gettext_lazy("New contacts"), "good"),
    "opened": (gettext_lazy("New conversations"), "good"),
    "filed": (gettext_lazy("Messages added"), "good"),
    "added": (gettext_lazy("Added"), "good"),
    "attached": (gettext_lazy("Joined an existing contact"), "accent"),
    "merged": (gettext_lazy("Linked two contacts"), "accent"),
    "updated": (gettext_lazy("Changed what an earlier import said"), "accent"),
    "unproven": (gettext_lazy("Without proof: written down, and counts for nothing"), "warn"),
    "held_back": (gettext_lazy("Written down, and their opt-out stands"), "warn"),
    "suggested": (gettext_lazy("Kept apart, a supervisor is asked"), "warn"),
    "unchanged": (gettext_lazy("Known already, nothing changes"), ""),
    "rejected": (gettext_lazy("Rejected"), "bad"),
    "messages_removed": (gettext_lazy("Messages taken away again"), "good"),
    "conversations_removed": (gettext_lazy("Conversations taken away again"), "good"),
    "conversations_kept": (gettext_lazy("Conversations that stay: somebody went on with them"), "warn"),
    "gone_before": (gettext_lazy("Messages that were gone already"), ""),
    "removed": (gettext_lazy("Taken away again"), "good"),
    "separated": (gettext_lazy("Contacts separated again"), "accent"),
    "put_back": (gettext_lazy("Values put back"), "accent"),
    "kept": (gettext_lazy("Stay: somebody wrote to them or worked on them since, or another system has them by now"), "warn"),
    "changed_since": (gettext_lazy("Values that changed since and stay"), "warn"),
    "erased": (gettext_lazy("Erased since"), ""),
    "cannot": (gettext_lazy("Cannot be taken back: what was said about consent stays said"), "warn"),
}
# The number stands before the word: where it is read as one, the word agrees with it.
AGREEING: dict[str, Any] = {
    "opened": ngettext_lazy("New conversation", "New conversations"),
    "filed": ngettext_lazy("Message added", "Messages added"),
    "added": ngettext_lazy("Row added", "Rows added"),
    "attached": ngettext_lazy("Contact that joined an existing one", "Contacts that joined an existing one"),
    "rejected": ngettext_lazy("Rejected row", "Rejected rows"),
}


@dataclass(frozen=True)
class Count:
    label: Any
    tone: str
    number: int
    examples: list[dict[str, Any]]


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.IMPORT_PEOPLE)
@never_cache
def imports(request: AccountRequest) -> HttpResponse:
    """The list of imports, and the form that uploads a file."""
    problem = ""
    kind = request.POST.get("kind", Import.Kind.CONTACTS)
    if request.method == "POST":
        file = request.FILES.get("file")
        if kind not in WAYS:
            raise Http404
        if file is None:
            problem = _("Choose a file.")
        else:
            try:
                found = upload(file=file, kind=kind, by=request.actor)
            except ValidationError as refused:
                problem = refused.messages[0]
            else:
                return redirect("integrations:import", account_slug=request.account.slug, import_id=found.pk)
    rows = list(Import.scoped().select_related("uploaded_by__user").prefetch_related("runs").order_by("-pk")[:LATEST])
    context = {
        "rows": [(each, _standing(each)) for each in rows],
        "problem": problem,
        "kind": kind,
        "kinds": [(each.value, each.label) for each in Import.Kind],
    }
    return render(request, "integrations/imports.html", context, status=422 if problem else 200)


def _standing(imported: Import) -> tuple[str, Any]:
    """(tone, words) of where the import stands."""
    if imported.undone_at is not None:
        return "", _("Undone")
    runs = sorted(imported.runs.all(), key=lambda run: -run.pk)
    under_way = next((run for run in runs if run.state in ImportRun.UNFINISHED), None)
    if under_way is not None:
        return "warn", under_way.get_kind_display()
    last = next((run for run in runs if run.kind == Kind.RUN), None)
    if last is not None:
        return ("good" if last.state == State.DONE else "bad"), last.get_state_display()
    return "", _("Checked") if runs else _("Uploaded")


@require_safe
@needs(Ability.IMPORT_PEOPLE)
@never_cache
def import_page(request: AccountRequest, import_id: int) -> HttpResponse:
    """Where the import stands and what is to do next."""
    return _page(request, _import(import_id))


def _page(request: AccountRequest, imported: Import, *, problem: str = "", mapping: list[str] | None = None) -> HttpResponse:
    runs = list(imported.runs.order_by("-pk"))
    latest = {kind: next((run for run in runs if run.kind == kind), None) for kind in (Kind.CHECK, Kind.RUN, Kind.UNDO)}
    under_way = next((run for run in runs if run.state in ImportRun.UNFINISHED), None)
    run, check, undo = latest[Kind.RUN], latest[Kind.CHECK], latest[Kind.UNDO]
    begun = run is not None and run.reached > 0
    may_map = bool(imported.file) and not begun and under_way is None
    rows = []
    try:
        rows = preview(imported, read=WAYS[imported.kind].read) if may_map else []
    except ValidationError as gone:
        problem = problem or gone.messages[0]
    chosen = imported.mapping if mapping is None else mapping
    context = {
        "imported": imported,
        "under_way": under_way,
        "check": check,
        "run": run,
        "undo": undo,
        "may_map": may_map,
        "may_run": bool(imported.file) and under_way is None and (run is None or run.state in (State.CANCELLED, State.FAILED)),
        "may_undo": begun and under_way is None and imported.undone_at is None,
        "problem": problem,
        "columns": [
            {
                "place": place,
                "heading": heading,
                "samples": [row.cells[place] for row in rows if row.cells[place]][:SAMPLES],
                "target": chosen[place],
            }
            for place, heading in enumerate(imported.headings)
        ]
        if may_map
        else [],
        "targets": [(target.name, target.label) for target in TARGETS[imported.kind]],
        "missing": [target.label for target in NEEDED.get(imported.kind, ()) if target.name not in chosen] if may_map else [],
        "takes_none": check is not None and 0 < check.done == check.figures.get("counts", {}).get("rejected", 0),
        "rows": rows,
        "encodings": CHOICES if imported.format == Import.Format.CSV else (),
        "check_counts": _counts(check),
        "run_counts": _counts(run),
        "undo_counts": _counts(undo),
        "reasons": _reasons(run if begun else check),
        "also_made_in": _also_made_in() if imported.kind != Import.Kind.CONSENTS else [],
    }
    return render(request, "integrations/import.html", context, status=422 if problem else 200)


def _also_made_in() -> list[str]:
    """Systems in which whoever is new here becomes a record within seconds: an undo leaves those people."""
    return list(Connection.scoped().filter(creates_there=True).order_by("name").values_list("name", flat=True))


def _counts(run: ImportRun | None) -> list[Count]:
    if run is None:
        return []
    figures = run.figures
    examples: dict[str, list[dict[str, Any]]] = figures.get("examples", {})
    ids = {each["contact"] for some in examples.values() for each in some if each.get("contact")}
    there = set(Contact.scoped().filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    return [
        Count(
            AGREEING[name] % figures["counts"][name] if name in AGREEING else label,
            tone,
            figures["counts"][name],
            [{**each, "contact": each["contact"] if each["contact"] in there else None} for each in examples.get(name, [])],
        )
        for name, (label, tone) in COUNT_WORDS.items()
        if figures.get("counts", {}).get(name)
    ]


def _reasons(run: ImportRun | None) -> list[tuple[Any, int]]:
    reasons: dict[str, int] = run.figures.get("reasons", {}) if run is not None else {}
    return [(WORDS[Reason(code)], count) for code, count in sorted(reasons.items(), key=lambda pair: -pair[1])]


@require_POST
@needs(Ability.IMPORT_PEOPLE)
def import_mapping(request: AccountRequest, import_id: int) -> HttpResponse:
    """Keep what the columns mean; with ``then=check`` a check is asked for at once, otherwise the page shows how it reads now."""
    imported = _import(import_id)
    mapping = [request.POST.get(f"column-{place}", "")[:40] for place in range(len(imported.headings))]
    try:
        choose_mapping(
            imported=imported,
            mapping=mapping,
            by=request.actor,
            encoding=request.POST.get("encoding", ""),
            source=request.POST.get("source"),
        )
        if request.POST.get("then") == "check":
            running.ask(imported=imported, kind=Kind.CHECK, by=request.actor)
    except ValidationError as refused:
        return _page(request, _import(import_id), problem=refused.messages[0], mapping=mapping)
    return redirect("integrations:import", account_slug=request.account.slug, import_id=imported.pk)


@require_POST
@needs(Ability.IMPORT_PEOPLE)
def import_start(request: AccountRequest, import_id: int) -> HttpResponse:
    """``kind`` is check, run or undo."""
    imported = _import(import_id)
    kind = request.POST.get("kind", "")
    if kind not in Kind:
        raise Http404
    try:
        running.ask(imported=imported, kind=kind, by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    return redirect("integrations:import", account_slug=request.account.slug, import_id=imported.pk)


@require_POST
@needs(Ability.IMPORT_PEOPLE)
def import_cancel(request: AccountRequest, run_id: int) -> HttpResponse:
    """Stop a check, a run or an undo."""
    run = get_object_or_404(ImportRun.scoped(), pk=run_id)
    try:
        running.cancel(run=run, by=request.actor)
    except ValidationError as refused:
        messages.error(request, refused.messages[0])
    else:
        messages.success(request, _("Stopped. What was done until then stays."))
    return redirect("integrations:import", account_slug=request.account.slug, import_id=run.imported_id)


@require_safe
@never_cache
@needs(Ability.IMPORT_PEOPLE)
def import_progress(request: AccountRequest, run_id: int) -> HttpResponse:
    """How far it is, for a page that asks every second; once it has ended the page loads itself anew."""
    run = get_object_or_404(ImportRun.scoped(), pk=run_id)
    answer = render(request, "integrations/_import_progress.html", {"run": run})
    if run.finished_at is not None:
        answer["HX-Refresh"] = "true"
    return answer


@require_safe
@never_cache
@needs(Ability.IMPORT_PEOPLE)
def import_rejected(request: AccountRequest, run_id: int) -> HttpResponse:
    """The rejected rows as CSV: the original columns, then the row's number and why."""
    run = get_object_or_404(ImportRun.scoped().select_related("imported"), pk=run_id)
    answer = HttpResponse(b"".join(rejected_lines(run)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{_("rejected")}-{run.imported_id}.csv"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _import(import_id: int) -> Import:
    return get_object_or_404(Import.scoped(), pk=import_id)
