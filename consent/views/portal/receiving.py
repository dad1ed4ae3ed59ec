"""What one receives: the home page with its switches, the pause, language and hours, and wording that changed."""

from datetime import time

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.answering_requests import OPEN
from consent.portal import choosing, wishes
from consent.portal.channels import channel_name
from consent.portal.languages import languages
from consent.portal.rights import requests_of
from consent.views.portal.doors import PortalRequest, go, render_page, visitors

PAUSES = (7, 30, 90)


@require_safe
@visitors
def home(request: PortalRequest) -> HttpResponse:
    reach = request.reach
    context = {
        "overview": choosing.overview(reach=reach, language=request.portal_language),
        "wish": wishes.wish_of(reach),
        "open_requests": requests_of(reach).filter(status__in=OPEN).count(),
    }
    return render_page(request, "portal/home.html", context)


@require_POST
@visitors
def switch(request: PortalRequest) -> HttpResponse:
    point = request.POST.get("point", "")
    choosing.switch(
        visit=request.visit,
        reach=request.reach,
        purpose=request.POST.get("purpose", ""),
        point_id=int(point) if point.isdecimal() else 0,
        channel=request.POST.get("channel", ""),
        on=request.POST.get("to") == "on",
        language=request.portal_language,
    )
    return go(request, "home", done="saved")


@require_POST
@visitors
def stop(request: PortalRequest) -> HttpResponse:
    choosing.stop_all(visit=request.visit, reach=request.reach)
    return go(request, "home", done="stopped")


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def pause(request: PortalRequest) -> HttpResponse:
    if request.method == "POST":
        days = request.POST.get("days", "")
        if request.reach.first is None or (days != "0" and days not in map(str, PAUSES)):
            return go(request, "pause")
        wishes.pause(reach=request.reach, days=int(days))
        return go(request, "home", done="resumed" if days == "0" else "paused")
    return render_page(request, "portal/pause.html", {"days": PAUSES, "wish": wishes.wish_of(request.reach)})


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    channel = forms.ChoiceField(label=gettext_lazy("Preferred channel"), required=False)
    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet from"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_to = forms.TimeField(
        label=gettext_lazy("Quiet until"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    cap = forms.ChoiceField(label=gettext_lazy("How often at most"), required=False)

    def __init__(self, *args: object, kinds: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["language"].choices = [("", _("No preference")), *languages().items()]  # type: ignore[attr-defined]
        self.fields["channel"].choices = [("", _("No preference")), *kinds]  # type: ignore[attr-defined]
        self.fields["cap"].choices = [("", _("No preference")), *((key, label) for key, label, *_rule in caps())]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, object]:
        given = super().clean() or {}
        opens, closes = given.get("quiet_from"), given.get("quiet_to")
        if (opens is None) != (closes is None):
            raise ValidationError(_("Write both hours, or none."))
        if isinstance(opens, time) and opens == closes:
            raise ValidationError(_("The two hours have to differ."))
        return given


def caps() -> list[tuple[str, str, int, int]]:
    """Key, words, count and days of what one may choose."""
    return [
        ("1-1", _("Once a day"), 1, 1),
        ("1-7", _("Once a week"), 1, 7),
        ("2-7", _("Twice a week"), 2, 7),
        ("1-30", _("Once a month"), 1, 30),
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def preferences(request: PortalRequest) -> HttpResponse:
    wish = wishes.wish_of(request.reach)
    kinds = [(kind, channel_name(kind)) for kind in wishes.kinds_that_reach(request.reach)]
    known = {
        "language": wish.language,
        "channel": wish.channel,
        "quiet_from": wish.quiet_from,
        "quiet_to": wish.quiet_to,
        "cap": f"{wish.cap_count}-{wish.cap_days}" if wish.cap_count else "",
    }
    form = PreferencesForm(request.POST or None, kinds=kinds, initial=known)
    if request.method == "POST" and request.reach.first is not None and form.is_valid():
        given = form.cleaned_data
        count, days = next(((count, days) for key, _label, count, days in caps() if key == given["cap"]), (None, None))
        wishes.choose(
            reach=request.reach,
            language=given["language"],
            channel=given["channel"],
            quiet_from=given["quiet_from"],
            quiet_to=given["quiet_to"],
            cap_count=count,
            cap_days=days,
        )
        return go(request, "home", done="saved")
    return render_page(request, "portal/preferences.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@visitors
def wording(request: PortalRequest) -> HttpResponse:
    """What was agreed to has changed: yes or no to the new wording."""
    language = request.portal_language
    if request.method == "POST":
        decide = choosing.agree if request.POST.get("answer") == "yes" else choosing.decline
        decide(visit=request.visit, reach=request.reach, purpose=request.POST.get("purpose", ""), language=language)
        return go(request, "home", done="saved")
    sections = choosing.overview(reach=request.reach, language=language).sections
    changed = [section for section in sections if any(each.note == "changed" for each in section.switches)]
    return render_page(request, "portal/wording.html", {"sections": changed})
