"""``/a/<slug>/contacts/<id>/consent/``: what a person wants to receive, and what they told one of ours about it."""

import uuid
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import AccountRequest
from accounts.models import Channel, ChannelKind
from accounts.roles import Ability
from accounts.views.access import needs
from consent.confirmations import Letter, send_letter
from consent.consent_card import Place, places_of
from consent.models import ConsentEvent, Purpose
from consent.notices import current_notice
from consent.own_words import portal_url
from consent.purposes import name_of
from consent.queries import events_of
from consent.retracting import FOR, retract_slip, slip_of
from consent.vocabulary import PurposeClass
from consent.witnessing import LONGEST_NOTE, LONGEST_WORDING, WAYS, Statement, witness_grant, witness_opt_out
from contacts.models import Identifier, Profile
from contacts.showing import contact_or_404

EVENTS = 20
MINUTE = "%Y-%m-%dT%H:%M"


class StatementForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    place = forms.ChoiceField(label=gettext_lazy("Where it is about"))
    purpose = forms.ChoiceField(label=gettext_lazy("What they agreed to"))
    wording = forms.CharField(
        label=gettext_lazy("The exact words"),
        help_text=gettext_lazy("What was read to them, or what they read. If it is not the published wording, write what it was."),
        max_length=LONGEST_WORDING,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    way = forms.ChoiceField(label=gettext_lazy("How they told you"), choices=list(WAYS.items()))
    said_at = forms.DateTimeField(
        label=gettext_lazy("When"),
        input_formats=[MINUTE],
        widget=forms.DateTimeInput(format=MINUTE, attrs={"type": "datetime-local"}),
    )
    heard_by = forms.CharField(label=gettext_lazy("Who heard it"), max_length=LONGEST_NOTE)
    note = forms.CharField(label=gettext_lazy("Anything else"), max_length=LONGEST_NOTE, required=False)
    file = forms.FileField(label=gettext_lazy("A file that shows it"), help_text=gettext_lazy("At most 2 MB."), required=False)

    def __init__(self, *args: Any, places: Sequence[tuple[str, str]], purposes: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["place"]).choices = list(places)
        cast(forms.ChoiceField, self.fields["purpose"]).choices = list(purposes)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs(Ability.RECORD_CONSENT)
def contact_consent(request: AccountRequest, contact_id: int) -> HttpResponse:
    contact = contact_or_404(contact_id)
    places = places_of(contact)
    purposes = list(Purpose.scoped().filter(is_active=True, purpose_class=PurposeClass.MARKETING).order_by("position", "pk"))
    form = StatementForm(
        request.POST or None,
        request.FILES or None,
        places=_named(places),
        purposes=[(purpose.key, name_of(purpose, get_language() or "")) for purpose in purposes],
        initial=_beginning(request, purposes),
    )
    if request.method == "POST" and form.is_valid() and _witness(request, form, purposes):
        return _back(request, contact.pk)
    profiles = list(Profile.scoped().filter(contact=contact).values_list("pk", flat=True))
    context = {
        "contact": contact,
        "places": places,
        "form": form if places and purposes else None,
        "events": [_told(event, purposes) for event in events_of(profiles).select_related("membership__user")[:EVENTS]],
        "portal": portal_url(request.account),
        "slip": slip_of(contact=contact, by=request.actor),
        "slip_minutes": int(FOR.total_seconds() // 60),
    }
    return render(request, "consent/contact_consent.html", context, status=422 if form.errors else 200)


def _beginning(request: AccountRequest, purposes: Sequence[Purpose]) -> dict[str, Any]:
    notice = current_notice(purposes[0], language=request.account.language) if purposes else None
    return {
        "key": uuid.uuid4(),
        "wording": notice.text if notice is not None else "",
        "said_at": timezone.localtime(),
        "heard_by": str(request.membership.user),
    }


def _named(places: Sequence[Place]) -> list[tuple[str, str]]:
    """Every address by every kind of channel, the account's own channels first."""
    ours = set(Channel.scoped().filter(is_active=True).values_list("kind", flat=True))
    kinds = _channel_names()
    found = [(place, channel) for place in places for channel in place.channels]
    found.sort(key=lambda pair: pair[1] not in ours)
    return [(f"{place.identifier.pk}:{channel}", f"{kinds.get(channel, channel)} · {place.text}") for place, channel in found]


def _channel_names() -> dict[str, str]:
    return {str(kind): str(label) for kind, label in ChannelKind.choices} | {"sms": "SMS", "voice": _("Phone call")}


def _witness(request: AccountRequest, form: StatementForm, purposes: Sequence[Purpose]) -> bool:
    given = form.cleaned_data
    identifier_id, _colon, channel = given["place"].partition(":")
    statement = Statement(**{name: given[name] for name in ("wording", "way", "said_at", "heard_by", "note", "file")})
    try:
        done = witness_grant(
            identifier=Identifier.scoped().select_related("profile").get(pk=identifier_id),
            purpose=next(purpose for purpose in purposes if purpose.key == given["purpose"]),
            channel=channel,
            statement=statement,
            key=str(given["key"]),
            by=request.actor,
        )
    except ValidationError as error:
        form.add_error(None, error) if not hasattr(error, "error_dict") else [
            form.add_error(name if name in form.fields else None, texts) for name, texts in error.message_dict.items()
        ]
        return False
    if done.unsent:
        messages.warning(request, _("Written down. The message to the person could not leave: %(why)s") % {"why": done.unsent})
    elif done.asks:
        messages.success(request, _("Written down. They were asked to confirm it; promotions may leave once they have."))
    else:
        messages.success(request, _("Written down, and the person was told."))
    return True


def _told(event: ConsentEvent, purposes: Sequence[Purpose]) -> dict[str, Any]:
    names = {purpose.key: name_of(purpose, get_language() or "") for purpose in purposes}
    return {
        "event": event,
        "what": event.get_action_display(),
        "about": names.get(event.purpose, event.purpose) or _("Everything but service"),
        "channel": _channel_names().get(event.channel, event.channel),
        "how": event.get_source_display(),
        "by": str(event.membership) if event.membership is not None else "",
    }


@require_POST
@needs(Ability.RECORD_CONSENT)
def opt_out(request: AccountRequest, contact_id: int) -> HttpResponse:
    """They told one of ours that they want no more promotions: one click, at every address."""
    contact = contact_or_404(contact_id)
    profile = Profile.scoped().filter(contact=contact).order_by("first_seen_at", "pk").first()
    if profile is not None:
        witness_opt_out(profile=profile, key=uuid.uuid4().hex, by=request.actor)
    messages.success(request, _("Done: no more promotions leave for them, at any address."))
    return _back(request, contact.pk)


@require_POST
@needs(Ability.RECORD_CONSENT)
def take_back(request: AccountRequest, contact_id: int) -> HttpResponse:
    """The member's own click was a slip: for ten minutes, and while nothing else was said."""
    contact = contact_or_404(contact_id)
    try:
        retract_slip(contact=contact, by=request.actor)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("Taken back: what held before holds again. Both entries stay in the ledger."))
    return _back(request, contact.pk)


@require_POST
@needs(Ability.RECORD_CONSENT)
def send_portal_link(request: AccountRequest, contact_id: int) -> HttpResponse:
    """Tell the person where they choose for themselves. The link opens nothing without a code that goes to them."""
    contact = contact_or_404(contact_id)
    chosen = dict(_named(places_of(contact)))
    place = request.POST.get("place", "")
    if place not in chosen:
        messages.error(request, _("Choose where to write to."))
        return _back(request, contact.pk)
    identifier_id, _colon, channel = place.partition(":")
    text = _("%(account)s: here you see and choose what reaches you: %(link)s")
    unsent = send_letter(
        Letter(
            identifier=Identifier.scoped().select_related("profile").get(pk=identifier_id),
            channel=channel,
            text=text % {"account": request.account.name, "link": portal_url(request.account)},
            category="",
            key=f"portal:{uuid.uuid4().hex}",
        ),
        by=request.actor,
    )
    if unsent:
        messages.error(request, unsent)
    else:
        messages.success(request, _("The link is on its way."))
    return _back(request, contact.pk)


def _back(request: AccountRequest, contact_id: int) -> HttpResponse:
    return redirect("consent:contact", request.account.slug, contact_id)
