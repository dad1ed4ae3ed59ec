"""The form of a channel, made from its adapter's list of settings."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Channel
from inbox.adapters import ChannelAdapter, SettingField
from integrations.connecting import BOT_QUESTIONS, GREETING_LENGTH, NAME_LENGTH
from integrations.views.list_fields import LinesField, RowsField


class ChannelForm(forms.Form):
    """Name and settings. A secret is never shown again: its field is empty, and left empty it keeps what is set."""

    name = forms.CharField(label=gettext_lazy("Name"), help_text=gettext_lazy("How the team calls it."), max_length=NAME_LENGTH)

    def __init__(self, *args: Any, adapter: ChannelAdapter, channel: Channel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapter = adapter
        secrets: Any = channel.secrets if channel else {}
        for setting in adapter.setting_fields:
            self.fields[setting.name] = _field(setting, is_set=bool(secrets.get(setting.name)))
        if channel is not None:
            self.initial = {"name": channel.name, **channel.settings}

    def settings(self) -> dict[str, Any]:
        """What was given, by the adapter's names."""
        return {setting.name: self.cleaned_data[setting.name] for setting in self.adapter.setting_fields}

    def show(self, error: ValidationError) -> None:
        """Put the domain's refusals where they belong."""
        for name, problems in error.error_dict.items():
            self.add_error(name if name in self.fields else None, problems)


def _field(setting: SettingField, *, is_set: bool) -> forms.Field:
    default = setting.default() if callable(setting.default) else setting.default
    required = setting.required and default in ("", None) and not is_set
    options: dict[str, Any] = {"label": setting.label, "help_text": setting.help, "required": required, "initial": default}
    if setting.secret:
        state = _("Set. Leave it empty to keep it.") if is_set else _("Not set.")
        options["help_text"] = f"{setting.help} {state}".strip()
        # "new-password" keeps browsers from filling in the administrator's own.
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
        return forms.CharField(widget=widget, **options)
    if setting.kind == "boolean":
        return forms.BooleanField(**{**options, "required": False})
    if setting.kind == "number":
        return forms.IntegerField(**options)
    if setting.kind == "list":
        return RowsField(columns=setting.columns, **options) if setting.columns else LinesField(**options)
    if setting.choices:
        return forms.ChoiceField(choices=setting.choices, **options)
    return forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}), **options)


class BotForm(forms.Form):
    """The greeting bot of a channel."""

    prefix = "bot"
    enabled = forms.BooleanField(label=gettext_lazy("Greet people we do not know yet"), required=False)
    greeting = forms.CharField(
        label=gettext_lazy("First words"),
        help_text=gettext_lazy("Empty: the usual greeting, in the language of the account."),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=GREETING_LENGTH,
        required=False,
    )
    ask = forms.MultipleChoiceField(
        label=gettext_lazy("What it asks"),
        choices=[
            ("name", gettext_lazy("Name")),
            ("contact", gettext_lazy("Email or phone")),
            ("reason", gettext_lazy("What it is about")),
        ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    @classmethod
    def of(cls, channel: Channel) -> "BotForm":
        return cls(initial={"enabled": False, "ask": list(BOT_QUESTIONS), **channel.greeting_bot})
