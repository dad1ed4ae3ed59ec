"""``…/connections/<id>/mapping/``: which of our fields is in step with which property there, with a record to look at."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.models import IdentifierKind
from contacts.queries import FIELD_LABELS
from integrations.crm.contract import RemoteProperty
from integrations.models import Connection, Mapping
from integrations.syncing import mapping as domain
from integrations.syncing.mapping_lines import KINDS, Line, name_of
from integrations.syncing.queries import field_label
from integrations.syncing.trying_out import try_out
from integrations.views.list_fields import RowsField

OWN = "own"
COLUMNS = [("theirs", gettext_lazy("Value there")), ("ours", gettext_lazy("Value here"))]


class LineForm(forms.Form):
    """One line. ``schema`` empty: the other system describes nothing, and the property is typed in."""

    ours = forms.ChoiceField(label=gettext_lazy("Here"))
    own = forms.CharField(
        label=gettext_lazy("Name of your own field"),
        help_text=gettext_lazy("Only for a field of your own: letters, digits and underscores, for example plan or store_card."),
        required=False,
        max_length=40,
    )
    remote = forms.CharField(label=gettext_lazy("There"), max_length=120)
    type = forms.ChoiceField(
        label=gettext_lazy("Read as"),
        choices=[("", gettext_lazy("What both sides are")), *Mapping.Type.choices],
        required=False,
    )
    choices = RowsField(
        columns=COLUMNS,
        label=gettext_lazy("Values"),
        help_text=gettext_lazy("For choices: which of our values each of theirs is."),
        required=False,
    )
    direction = forms.ChoiceField(label=gettext_lazy("Direction"), choices=Mapping.Direction.choices, initial=Mapping.Direction.BOTH)
    policy = forms.ChoiceField(label=gettext_lazy("When both changed"), choices=Mapping.Policy.choices, initial=Mapping.Policy.NEWEST)
    empty = forms.ChoiceField(label=gettext_lazy("Empty values"), choices=Mapping.Empty.choices, initial=Mapping.Empty.CLEAR)

    def __init__(self, *args: Any, schema: list[RemoteProperty], row: Mapping | None = None, **kwargs: Any) -> None:
        if row is not None:
            names = ("remote", "type", "direction", "policy", "empty")
            known = [{"theirs": theirs, "ours": ours} for theirs, ours in row.choices.items()]
            offered = next((each.choices for each in schema if each.name == row.remote), ())
            fresh = [{"theirs": each, "ours": ""} for each in offered if each not in row.choices]
            kwargs.setdefault("initial", {**{name: getattr(row, name) for name in names}, "choices": [*known, *fresh]})
        super().__init__(*args, **kwargs)
        if row is not None:
            del self.fields["ours"], self.fields["own"]
        else:
            kinds = dict(IdentifierKind.choices)
            self.fields["ours"].choices = [  # type: ignore[attr-defined]
                (_("Fields"), [(name, label) for name, label in FIELD_LABELS.items()]),
                (_("Identifiers"), [(name, kinds[name]) for name in KINDS]),
                (_("Others"), [(OWN, _("A field of your own…"))]),
            ]
        if schema:
            offered_there = [(each.name, _in_words(each)) for each in sorted(schema, key=lambda each: each.label.lower())]
            if row is not None and row.remote not in {each.name for each in schema}:
                offered_there.insert(0, (row.remote, f"{row.remote} ({_('missing there')})"))
            self.fields["remote"] = forms.CharField(
                label=self.fields["remote"].label, max_length=120, widget=forms.Select(choices=offered_there), help_text=""
            )

    def line(self) -> Line:
        said = self.cleaned_data
        ours = name_of(said.get("own", "")) if said.get("ours") == OWN else said.get("ours", "")
        choices = {entry["theirs"]: entry["ours"] for entry in said["choices"] or [] if entry.get("theirs")}
        return Line(ours, said["remote"], said["type"], said["direction"], said["policy"], said["empty"], choices)

    def show(self, error: ValidationError) -> None:
        """Put the domain's refusals where they belong."""
        for name, problems in error.error_dict.items():
            self.add_error(name if name in self.fields else None, problems)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def mapping(request: AccountRequest, connection_id: int) -> HttpResponse:
    """The lines with the values of one record; a POST adds a line. Takes as long as the other side does."""
    found = get_object_or_404(Connection.scoped(), pk=connection_id)
    tried = try_out(connection=found, by=request.actor)
    form = LineForm(request.POST or None, schema=tried.schema)
    if request.method == "POST" and form.is_valid():
        try:
            made = domain.add_line(connection=found, line=form.line(), schema=tried.schema, by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            messages.success(
                request, _("Added: %(field)s. “Take everything in” brings it to all records now.") % {"field": field_label(made.ours)}
            )
            return redirect("integrations:connection_mapping", account_slug=request.account.slug, connection_id=found.pk)
    samples = {each.row.pk: each for each in tried.samples}
    rows = Mapping.scoped().filter(connection=found).order_by("pk")
    context = {
        "connection": found,
        "form": form,
        "problem": tried.problem,
        "lines": [(field_label(row.ours), row, samples.get(row.pk)) for row in rows],
        "has_sample": bool(samples),
    }
    return render(request, "integrations/mapping.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Ability.MANAGE_CHANNELS)
@never_cache
def mapping_line(request: AccountRequest, connection_id: int, line_id: int) -> HttpResponse:
    """One line in full. Takes as long as the other side does."""
    row = get_object_or_404(Mapping.scoped().select_related("connection"), pk=line_id, connection=connection_id)
    tried = try_out(connection=row.connection, by=request.actor)
    form = LineForm(request.POST or None, schema=tried.schema, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            domain.rewrite_line(row=row, line=form.line(), schema=tried.schema, by=request.actor)
        except ValidationError as error:
            form.show(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("integrations:connection_mapping", account_slug=request.account.slug, connection_id=connection_id)
    context = {"connection": row.connection, "row": row, "label": field_label(row.ours), "form": form, "problem": tried.problem}
    return render(request, "integrations/mapping_line.html", context, status=422 if form.errors else 200)


@require_POST
@needs(Ability.MANAGE_CHANNELS)
def mapping_remove(request: AccountRequest, connection_id: int, line_id: int) -> HttpResponse:
    """Keep a field in step no more."""
    row = get_object_or_404(Mapping.scoped(), pk=line_id, connection=connection_id)
    domain.remove_line(row=row, by=request.actor)
    messages.success(request, _("Removed. What both sides say stays."))
    return redirect("integrations:connection_mapping", account_slug=request.account.slug, connection_id=connection_id)


def _in_words(each: RemoteProperty) -> str:
    """Its label, and its name where that says more."""
    return str(each.label) if str(each.label) == each.name else f"{each.label} ({each.name})"
