"""The forms of the webhooks' pages."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy, pgettext_lazy

from integrations.models import WebhookSubscription
from integrations.webhooks.event_types import EVENT_TYPES
from integrations.webhooks.schedule import LONGEST_OVERLAP
from integrations.webhooks.subscribing import NAME_LENGTH, SECRET_LENGTH, URL_LENGTH

LINE = {"autocomplete": "off", "spellcheck": "false"}
MOMENT, MINUTES = {"type": "datetime-local"}, "%Y-%m-%dT%H:%M"
# Segment's own address; anybody's who speaks the same will do.
SEGMENT_URL = "https://api.segment.io"


class WebhookForm(forms.Form):
    """What a subscription hears about, and where it is told."""

    name = forms.CharField(label=gettext_lazy("Name"), help_text=gettext_lazy("How the team calls it."), max_length=NAME_LENGTH)
    url = forms.CharField(
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Where Hilo sends the events. It has to start with https://."),
        max_length=URL_LENGTH,
        widget=forms.TextInput(attrs={**LINE, "inputmode": "url"}),
    )
    events = forms.MultipleChoiceField(label=gettext_lazy("Events"), widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, *args: Any, subscription: WebhookSubscription | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        events: forms.MultipleChoiceField = self.fields["events"]  # type: ignore[assignment]
        events.choices = [(name, each.label) for name, each in EVENT_TYPES.items()]
        if subscription is not None:
            self.initial = {"name": subscription.name, "url": subscription.url, "events": subscription.events}

    def groups(self) -> list[tuple[str, list[Any]]]:
        """The check boxes by what the events are about: heading → boxes."""
        grouped: dict[str, list[Any]] = {}
        for each, box in zip(EVENT_TYPES.values(), self["events"].subwidgets, strict=True):
            grouped.setdefault(str(each.group), []).append(box)
        return list(grouped.items())

    def show(self, error: ValidationError) -> None:
        """Put the domain's refusals where they belong."""
        for name, problems in error.error_dict.items():
            self.add_error(name if name in self.fields else None, problems)


class DestinationForm(WebhookForm):
    """A customer data platform that speaks Segment's language."""

    key = forms.CharField(
        label=gettext_lazy("Write key"),
        help_text=gettext_lazy("Of the source that you made there for Hilo. It is kept encrypted and not shown again."),
        max_length=SECRET_LENGTH,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )
    field_order = ("name", "url", "key", "events")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.initial:
            self.initial = {"url": SEGMENT_URL}


class RotateForm(forms.Form):
    overlap_hours = forms.IntegerField(
        label=gettext_lazy("For how many hours the former secret signs too"),
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds() // 3600),
        initial=24,
    )


class RangeForm(forms.Form):
    """A stretch of time, in the account's time zone."""

    since = forms.DateTimeField(label=pgettext_lazy("moment", "From"), widget=forms.DateTimeInput(attrs=MOMENT, format=MINUTES))
    until = forms.DateTimeField(label=pgettext_lazy("moment", "To"), widget=forms.DateTimeInput(attrs=MOMENT, format=MINUTES))
    only_failed = forms.BooleanField(label=gettext_lazy("Only what was given up"), required=False)
