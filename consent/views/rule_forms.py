"""Fields for the figures of country rules: hours as hours, days as days, in place of the form in which the gate reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.rule_words import DAYS, KINDS
from consent.vocabulary import PurposeClass

CHANNELS = [("email", gettext_lazy("Email")), ("whatsapp", "WhatsApp"), ("sms", "SMS"), ("voice", gettext_lazy("Phone calls"))]
UNITS = [("days", gettext_lazy("days")), ("working_days", gettext_lazy("working days"))]
MARKETING = [str(PurposeClass.MARKETING)]


@dataclass(frozen=True)
class Shape:
    """``fields`` by name; ``shown``: the value as their initial; ``read``: cleaned fields as the value. May raise ``ValidationError``."""

    fields: Callable[[], dict[str, forms.Field]]
    shown: Callable[[Any], dict[str, Any]]
    read: Callable[[dict[str, Any]], Any]


def _time(label: str) -> forms.Field:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))


def _hours_fields() -> dict[str, forms.Field]:
    found: dict[str, forms.Field] = {}
    for day, name in DAYS.items():
        found[f"{day}_from"] = _time(_("%(day)s, from") % {"day": name})
        found[f"{day}_to"] = _time(_("%(day)s, until") % {"day": name})
    found["holidays"] = forms.BooleanField(label=_("Not on holidays either"), required=False)
    return found


def _hours_shown(value: Any) -> dict[str, Any]:
    times = {day: value["allowed"][day] or (None, None) for day in DAYS}
    ends = {f"{day}_{end}": times[day][place] for day in DAYS for place, end in enumerate(("from", "to"))}
    return {**ends, "holidays": value["holidays"]}


def _hours_read(given: dict[str, Any]) -> Any:
    allowed: dict[str, list[str] | None] = {}
    for day, name in DAYS.items():
        ends = [given[f"{day}_from"], given[f"{day}_to"]]
        if (ends[0] is None) != (ends[1] is None):
            raise ValidationError(_("%(day)s has a beginning and an end, or neither: then nothing leaves on it.") % {"day": name})
        allowed[day] = [end.strftime("%H:%M") for end in ends] if ends[0] is not None else None
    return {"allowed": allowed, "holidays": given["holidays"]}


def _listed(label: Any, help_text: Any) -> Shape:
    def fields() -> dict[str, forms.Field]:
        area = forms.Textarea(attrs={"rows": 4, "class": "code", "spellcheck": "false"})
        return {"listed": forms.CharField(label=label, help_text=help_text, max_length=8000, required=False, widget=area)}

    return Shape(fields, lambda value: {"listed": "\n".join(value)}, lambda given: given["listed"].replace(",", " ").split())


def _channels(*, required: bool = False) -> forms.Field:
    return forms.MultipleChoiceField(label=_("Channels"), choices=CHANNELS, required=required, widget=forms.CheckboxSelectMultiple)


def _registry_fields() -> dict[str, forms.Field]:
    return {
        "there_is_one": forms.BooleanField(label=_("There is a list that has to be consulted"), required=False),
        "name": forms.CharField(label=_("Name of the list"), max_length=120, required=False),
        "max_age_days": forms.IntegerField(label=_("A copy of it is good for (days)"), min_value=1, max_value=366, required=False),
        "channels": _channels(),
    }


def _registry_read(given: dict[str, Any]) -> Any:
    if not given["there_is_one"]:
        return None
    if not (given["name"] and given["max_age_days"] and given["channels"]):
        raise ValidationError(_("Say what the list is called, how old a copy may be, and for which channels."))
    return {"name": given["name"], "max_age_days": given["max_age_days"], "channels": given["channels"], "classes": MARKETING}


def _soft_fields() -> dict[str, forms.Field]:
    return {
        "is_allowed": forms.BooleanField(label=_("Customers may be written to without a yes"), required=False),
        "similar_only": forms.BooleanField(label=_("About similar things only"), required=False),
        "channels": _channels(),
    }


def _soft_read(given: dict[str, Any]) -> Any:
    if not given["is_allowed"]:
        return None
    if not given["channels"]:
        raise ValidationError(_("Say by which channels."))
    return {"channels": given["channels"], "similar_only": given["similar_only"]}


def _due_fields() -> dict[str, forms.Field]:
    found: dict[str, forms.Field] = {}
    for kind, name in KINDS.items():
        found[f"{kind}_number"] = forms.IntegerField(label=_("Answer to: %(kind)s") % {"kind": name}, min_value=1, max_value=365)
        found[f"{kind}_unit"] = forms.ChoiceField(label=_("in (%(kind)s)") % {"kind": name}, choices=UNITS)
    return found


def _due_shown(value: Any) -> dict[str, Any]:
    terms = {kind: next(iter(value[kind].items())) for kind in KINDS}
    return {f"{kind}_{part}": term[place] for kind, term in terms.items() for place, part in enumerate(("unit", "number"))}


SHAPES: dict[str, Shape] = {
    "quiet_hours": Shape(_hours_fields, _hours_shown, _hours_read),
    "holidays": _listed(gettext_lazy("Days"), gettext_lazy("One on each line, as 2026-12-25.")),
    "zones": _listed(gettext_lazy("Time zones"), gettext_lazy("One on each line, as America/Santiago.")),
    "members": _listed(gettext_lazy("Countries"), gettext_lazy("Two letters each, as DE.")),
    "registry": Shape(_registry_fields, lambda value: {"there_is_one": value is not None, **(value or {})}, _registry_read),
    "soft_opt_in": Shape(_soft_fields, lambda value: {"is_allowed": value is not None, **(value or {})}, _soft_read),
    "consent_expiry": Shape(
        lambda: {"days": forms.IntegerField(label=_("Days"), min_value=1, max_value=36500)},
        lambda value: {"days": value["days"]},
        lambda given: {"days": given["days"]},
    ),
    "request_due": Shape(_due_fields, _due_shown, lambda given: {kind: {given[f"{kind}_unit"]: given[f"{kind}_number"]} for kind in KINDS}),
    "platform_ban": Shape(
        lambda: {"channels": _channels()},
        lambda value: {"channels": [ban["channel"] for ban in value]},
        lambda given: [{"channel": channel, "classes": MARKETING} for channel in given["channels"]],
    ),
}


class CorrectionForm(forms.Form):
    """The account's own figure, with where it comes from. ``value`` after ``is_valid`` is what the gate reads."""

    source = forms.CharField(label=gettext_lazy("Where it comes from"), max_length=300)
    dated = forms.DateField(label=gettext_lazy("Read on"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, rule: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shape = SHAPES[rule]
        own = self.shape.fields()
        self.fields = {**own, **self.fields}
        self.value: Any = None

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            self.value = self.shape.read(given)
        return given


def shown(rule: str, value: Any) -> dict[str, Any]:
    """The figure as a form's initial."""
    return SHAPES[rule].shown(value)
