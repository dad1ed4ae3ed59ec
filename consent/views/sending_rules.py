"""``/a/<slug>/settings/sending/``: the account's own rules of sending, and what it answers by itself."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from consent.models import GatePolicy
from consent.own_words import help_text, introduction
from consent.sending_rules import LONGEST_HELP, change_sending_rules
from consent.sending_rules import sending_rules as read_rules

HELP = "help_"
TIME = forms.TimeInput(format="%H:%M", attrs={"type": "time"})


class SendingRulesForm(forms.Form):
    """``help_<language>``: who the account is, in each language of the portal."""

    postal_address = forms.CharField(
        label=gettext_lazy("Postal address"),
        help_text=gettext_lazy("It stands below every mail that promotes. Without it none leaves."),
        max_length=300,
        required=False,
    )
    cap_count = forms.IntegerField(
        label=gettext_lazy("Messages to one person, at most"),
        help_text=gettext_lazy("Promotions and notices. Answers and codes are not counted."),
        min_value=1,
        max_value=90,
    )
    cap_days = forms.IntegerField(label=gettext_lazy("Within so many days"), min_value=1, max_value=90)
    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet hours from"),
        help_text=gettext_lazy("Where the person is. The hours of each country hold besides."),
        required=False,
        widget=TIME,
    )
    quiet_to = forms.TimeField(label=gettext_lazy("Quiet hours until"), required=False, widget=TIME)
    opt_out_is_confirmed = forms.BooleanField(
        label=gettext_lazy("Confirm a stop word"),
        help_text=gettext_lazy("One answer to BAJA, SAIR, STOP and their like says what was done."),
        required=False,
    )
    help_is_answered = forms.BooleanField(
        label=gettext_lazy("Answer a word for help"),
        help_text=gettext_lazy("AYUDA, AJUDA, HELP and INFO are answered once a day in each conversation, in the person's language."),
        required=False,
    )

    def __init__(self, *args: Any, account: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, name in settings.PORTAL_LANGUAGES:
            with override(code):
                usual = introduction(account)
            self.fields[f"{HELP}{code}"] = forms.CharField(
                label=_("Who you are, in your words: %(language)s") % {"language": name},
                required=False,
                max_length=LONGEST_HELP,
                widget=forms.Textarea(attrs={"rows": 2, "placeholder": usual, "lang": code}),
            )

    def values(self) -> dict[str, Any]:
        """What ``change_sending_rules`` takes."""
        given = self.cleaned_data
        texts = {name.removeprefix(HELP): text for name, text in given.items() if name.startswith(HELP) and name != "help_is_answered"}
        return {**{name: value for name, value in given.items() if name in SendingRulesForm.base_fields}, "help_texts": texts}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs(Ability.MANAGE_CONSENT)
def sending_rules(request: AccountRequest) -> HttpResponse:
    rules = read_rules()
    form = SendingRulesForm(request.POST or None, account=request.account, initial=_shown(rules))
    if request.method == "POST" and form.is_valid():
        try:
            change_sending_rules(by=request.actor, **form.values())
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                form.add_error(name if name in form.fields else None, texts)
        else:
            messages.success(request, _("Saved. It holds from the next message on."))
            return redirect("consent:sending-rules", account_slug=request.account.slug)
    answers = [(name, help_text(account=request.account, rules=rules, language=code)) for code, name in settings.PORTAL_LANGUAGES]
    context = {"form": form, "rules": rules, "answers": answers}
    return render(request, "consent/sending_rules.html", context, status=422 if form.errors else 200)


def _shown(rules: GatePolicy) -> dict[str, Any]:
    shown = {name: getattr(rules, name) for name in SendingRulesForm.base_fields}
    return {**shown, **{f"{HELP}{code}": text for code, text in rules.help_texts.items()}}
