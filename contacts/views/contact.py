"""``/a/<slug>/contacts/<id>/``: one person, everything known of them, and what can be done about it."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import correcting, marking, merging
from contacts.models import Identifier, IdentifierKind, MatchDecision, MergeEvent, Profile
from contacts.quality.rules import grade
from contacts.quality.scoring import assess_contacts
from contacts.quality.words import advice_on
from contacts.queries import FIELD_LABELS, contact_page
from contacts.showing import contact_or_404
from contacts.views.answering import number_or_404, say_refused, say_undoable, to_contact


@require_safe
@never_cache
@needs(Ability.WORK_CONVERSATIONS)
def contact(request: AccountRequest, contact_id: int) -> HttpResponse:
    """The page. A contact that was emptied by a merge leads to the one it is now, and is never cached: an undo revives it."""
    shown = contact_or_404(contact_id)
    if shown.pk != contact_id:
        return to_contact(request, shown.pk)
    page = contact_page(shown.pk, membership=request.membership)
    known = {fact.field for fact in page.panel.facts}
    assessed = assess_contacts([shown])[shown.pk] if not shown.is_anonymous else None
    context = {
        "page": page,
        "panel": page.panel,
        "quality": assessed,
        "grade": grade(assessed.score) if assessed else "",
        "advice": [advice_on(finding) for finding in assessed.findings] if assessed else [],
        "missing_fields": [(name, label) for name, label in FIELD_LABELS.items() if name not in known],
        "identifier_kinds": [(kind, label) for kind, label in IdentifierKind.choices if kind in correcting.TYPED_KINDS],
    }
    return render(request, "contacts/contact.html", context)


@require_POST
@needs(Ability.EDIT_CONTACTS)
def correct(request: AccountRequest, contact_id: int) -> HttpResponse:
    """Set one field by hand; empty takes the correction back."""
    shown = contact_or_404(contact_id)
    field, value = request.POST.get("field", ""), request.POST.get("value", "")
    try:
        shown = correcting.correct_field(contact=shown, field=field, value=value, by=request.actor)
    except ValidationError as error:
        say_refused(request, error)
    else:
        messages.success(request, _("Saved."))
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.EDIT_CONTACTS)
def add_identifier(request: AccountRequest, contact_id: int) -> HttpResponse:
    shown = contact_or_404(contact_id)
    kind, value = request.POST.get("kind", ""), request.POST.get("value", "")
    try:
        found = correcting.add_identifier(contact=shown, kind=kind, value=value, by=request.actor)
    except ValidationError as error:
        say_refused(request, error)
        return to_contact(request, shown.pk)
    if found.outcome == MatchDecision.Outcome.MERGED:
        event = MergeEvent.scoped().filter(contact=found.contact).latest("pk")
        say_undoable(request, _("Saved. Somebody else had it already: they are one contact now."), event)
    else:
        messages.success(request, _("Saved."))
    return to_contact(request, found.contact.pk)


@require_POST
@needs(Ability.SEPARATE_CONTACTS)
def mark(request: AccountRequest, contact_id: int, identifier_id: int) -> HttpResponse:
    """Say that several people use the value, or (``shared=0``) that they do not."""
    shown = contact_or_404(contact_id)
    identifier = get_object_or_404(Identifier.scoped(), pk=identifier_id, profile__contact=shown)
    if request.POST.get("shared") == "0":
        marking.unmark(identifier=identifier, by=request.actor)
    else:
        marking.mark_shared(identifier=identifier, by=request.actor)
    messages.success(request, _("Saved."))
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.SEPARATE_CONTACTS)
def separate_shared(request: AccountRequest, contact_id: int) -> HttpResponse:
    """Somebody else uses this value too: one key parts them and marks it as shared."""
    shown = contact_or_404(contact_id)
    profile = get_object_or_404(Profile.scoped(), pk=number_or_404(request.POST.get("profile")), contact=shown)
    identifier = get_object_or_404(Identifier.scoped(), pk=number_or_404(request.POST.get("identifier")), profile__contact=shown)
    try:
        event = merging.separate_and_mark_shared(profile=profile, identifier=identifier, by=request.actor)
    except merging.Refused as refused:
        say_refused(request, refused)
    else:
        say_undoable(request, _("Separated, and marked as shared."), event)
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.MERGE_CONTACTS)
def separate(request: AccountRequest, contact_id: int) -> HttpResponse:
    """Part the chosen profiles from the rest."""
    shown = contact_or_404(contact_id)
    ids = [number_or_404(value) for value in request.POST.getlist("profile")]
    profiles = list(Profile.scoped().filter(pk__in=ids, contact=shown))
    try:
        event = merging.unmerge(contact=shown, profiles=profiles, by=request.actor, reason=request.POST.get("reason", "").strip())
    except merging.Refused as refused:
        say_refused(request, refused)
    else:
        say_undoable(request, _("Separated. They will not be joined again by themselves."), event)
    return to_contact(request, shown.pk)


@require_POST
@needs(Ability.SEPARATE_CONTACTS)
def undo(request: AccountRequest, event_id: int) -> HttpResponse:
    """Take back one merge or separation. The domain asks for the ability that the event needed."""
    event = get_object_or_404(MergeEvent.scoped(), pk=event_id)
    try:
        merging.undo(event=event, by=request.actor)
    except merging.Refused as refused:
        say_refused(request, refused)
    else:
        messages.success(request, _("Undone."))
    return to_contact(request, contact_or_404(event.contact_id).pk)
