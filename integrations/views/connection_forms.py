"""The forms of a connection, made from its connector's list of settings."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import floatformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.crm.contract import Connector, SettingField
from integrations.models import Connection
from integrations.syncing.connecting import NAME_LENGTH
from integrations.syncing.queries import calls_a_day

WISHES = ("creates_there", "merges_there", "erases_there", "on_deletion", "poll_seconds")
# How often changes may be asked for, in seconds.
PACES = (10, 30, 60, 300, 900, 3600)


class ConnectionForm(forms.Form):
    """Name and settings. A secret is never shown again: its field is empty, and left empty it keeps what is set."""

    name = forms.CharField(label=gettext_lazy("Name"), help_text=gettext_lazy("How the team calls it."), max_length=NAME_LENGTH)

    def __init__(self, *args: Any, connector: type[Connector], connection: Connection | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connector = connector
        secrets: Any = connection.credentials if connection else {}
        for setting in connector.setting_fields:
            self.fields[setting.name] = _field(setting, is_set=bool(secrets.get(setting.name)))
        if connection is not None:
            self.initial = {"name": connection.name, **connection.settings}

    def settings(self) -> dict[str, str]:
        return {setting.name: self.cleaned_data[setting.name] for setting in self.connector.setting_fields}

    def show(self, error: ValidationError) -> None:
        """Put the domain's refusals where they belong."""
        for name, problems in error.error_dict.items():
            self.add_error(name if name in self.fields else None, problems)


class WishesForm(forms.Form):
    """What goes there by itself, and what happens when a record disappears there."""

    prefix = "wish"
    creates_there = forms.BooleanField(label=gettext_lazy("New contacts of ours become records there"), required=False)
    merges_there = forms.BooleanField(
        label=gettext_lazy("A merge here merges the records there"),
        help_text=gettext_lazy("It cannot be taken back there."),
        required=False,
    )
    erases_there = forms.BooleanField(label=gettext_lazy("Who is erased here is erased there"), required=False)
    on_deletion = forms.ChoiceField(
        label=gettext_lazy("When a record is deleted there"), choices=Connection.OnDeletion.choices, widget=forms.RadioSelect
    )
    poll_seconds = forms.TypedChoiceField(
        label=gettext_lazy("How often changes are asked for"),
        help_text=gettext_lazy("Each time costs calls of the other system, which count against its daily limit."),
        coerce=int,
    )

    def __init__(self, *args: Any, connection: Connection, connector: type[Connector], **kwargs: Any) -> None:
        kwargs.setdefault("initial", {name: getattr(connection, name) for name in WISHES})
        super().__init__(*args, **kwargs)
        pace = self.fields["poll_seconds"]
        assert isinstance(pace, forms.TypedChoiceField)
        pace.choices = [(each, _pace(connector.kind, each)) for each in sorted({*PACES, connection.poll_seconds})]
        if not connector.can_merge:
            del self.fields["merges_there"]


def _pace(kind: str, seconds: int) -> str:
    often = every(seconds)
    return _("%(often)s, about %(calls)s calls a day") % {"often": often, "calls": floatformat(calls_a_day(kind, seconds), "0g")}


def every(seconds: int) -> str:
    """“Every 10 seconds”, “every 5 minutes”, in the reader's language."""
    if seconds % 3600 == 0:
        return ngettext("every hour", "every %(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    if seconds % 60 == 0:
        return ngettext("every minute", "every %(n)d minutes", seconds // 60) % {"n": seconds // 60}
    return ngettext("every second", "every %(n)d seconds", seconds) % {"n": seconds}


def _field(setting: SettingField, *, is_set: bool) -> forms.Field:
    options: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.help,
        "required": setting.is_required and not is_set,
        "initial": setting.default,
    }
    if setting.is_secret:
        state = _("Set. Leave it empty to keep it.") if is_set else ""
        options["help_text"] = f"{state} {setting.help}".strip()
        # "new-password" keeps browsers from filling in the administrator's own.
        return forms.CharField(widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}), **options)
    return forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}), **options)
