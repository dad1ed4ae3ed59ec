"""``/a/<slug>/quality/reviews/``: one card after another, each decided by one key."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts.quality import campaign_queries as queries
from contacts.quality import campaigns
from contacts.quality.models import ReviewCampaign, ReviewCard
from contacts.views.answering import say_refused


@require_POST
@needs(Ability.MERGE_CONTACTS)
def start(request: AccountRequest) -> HttpResponse:
    """Start a review of ``kind``, or go on with the one that is under way."""
    kind = request.POST.get("kind", "")
    if kind not in ReviewCampaign.Kind:
        raise Http404
    try:
        campaign = campaigns.start_campaign(kind=kind, by=request.actor)
    except ValidationError as refused:
        say_refused(request, refused)
        return redirect("contacts:quality", account_slug=request.account.slug)
    return redirect("contacts:quality_campaign", account_slug=request.account.slug, campaign_id=campaign.pk)


@require_safe
@never_cache
@needs(Ability.MERGE_CONTACTS)
def campaign(request: AccountRequest, campaign_id: int) -> HttpResponse:
    """The queue with its next card; at its end, who did what."""
    return render(request, "contacts/quality/campaign.html", _context(request, _existing(campaign_id)))


@require_POST
@needs(Ability.MERGE_CONTACTS)
def decide(request: AccountRequest, card_id: int) -> HttpResponse:
    """Decide a card: ``decision`` with ``value`` or ``sender``, or ``skip``."""
    card = _card(card_id)
    decision = request.POST.get("decision", "")
    if decision != "skip" and decision not in campaigns.CHOICES[card.campaign.kind]:
        raise Http404
    try:
        if decision == "skip":
            done = campaigns.skip(card=card, by=request.actor)
        else:
            value, sender = request.POST.get("value", ""), request.POST.get("sender", "")
            done = campaigns.decide(card=card, decision=decision, value=value, sender=sender, by=request.actor)
    except ValidationError as refused:
        return _answer(request, card, refused=refused)
    is_undoable = decision != ReviewCard.Decision.CODE and done.state != ReviewCard.State.GONE
    return _answer(request, card, text=_said(done), undo=done if is_undoable else None)


@require_POST
@needs(Ability.MERGE_CONTACTS)
def undo(request: AccountRequest, card_id: int) -> HttpResponse:
    """Take a decision back; its card is shown again."""
    card = _card(card_id)
    try:
        campaigns.undo(card=card, by=request.actor)
    except ValidationError as refused:
        return _answer(request, card, refused=refused)
    return _answer(request, card, text=_("Undone."), after=card.number - 1)


@require_POST
@needs(Ability.MERGE_CONTACTS)
def again(request: AccountRequest, campaign_id: int) -> HttpResponse:
    """Look at the skipped cards again."""
    row = _existing(campaign_id)
    try:
        campaigns.look_again(campaign=row, by=request.actor)
    except ValidationError as refused:
        say_refused(request, refused)
    return redirect("contacts:quality_campaign", account_slug=request.account.slug, campaign_id=row.pk)


@require_POST
@needs(Ability.MERGE_CONTACTS)
def end(request: AccountRequest, campaign_id: int) -> HttpResponse:
    """End the review before everything is decided."""
    campaigns.end_campaign(campaign=_existing(campaign_id), by=request.actor)
    return redirect("contacts:quality_campaign", account_slug=request.account.slug, campaign_id=campaign_id)


def _existing(campaign_id: int) -> ReviewCampaign:
    return get_object_or_404(ReviewCampaign.scoped().select_related("started_by__user"), pk=campaign_id)


def _card(card_id: int) -> ReviewCard:
    return get_object_or_404(ReviewCard.scoped().select_related("campaign", "profile__contact", "identifier"), pk=card_id)


def _said(card: ReviewCard) -> str:
    if card.state == ReviewCard.State.SKIPPED:
        return _("Skipped: it waits at the end.")
    if card.state == ReviewCard.State.GONE:
        return _("It was settled otherwise meanwhile.")
    return str(ReviewCard.Decision(card.decision).label)


def _context(request: AccountRequest, row: ReviewCampaign, *, after: int = 0) -> dict[str, Any]:
    (progress,) = queries.progress_of([row])
    card = queries.next_card(row, after=after) if row.state == ReviewCampaign.State.OPEN else None
    return {
        "campaign": row,
        "progress": progress,
        "shown": queries.view_of(card) if card is not None else None,
        "shares": queries.shares_of(row) if card is None else [],
        "last": queries.last_decided(row, request.membership),
    }


def _answer(
    request: AccountRequest,
    card: ReviewCard,
    *,
    text: str = "",
    undo: ReviewCard | None = None,
    refused: ValidationError | None = None,
    after: int | None = None,
) -> HttpResponse:
    """Show the next card, and say what happened with the way back."""
    slug = request.account.slug
    undo_url = reverse("contacts:quality_undo", args=[slug, undo.pk]) if undo else ""
    if not request.htmx:  # type: ignore[attr-defined]
        if refused is not None:
            say_refused(request, refused)
        else:
            messages.success(request, text, extra_tags=undo_url)
        return redirect("contacts:quality_campaign", account_slug=slug, campaign_id=card.campaign_id)
    context = _context(request, _existing(card.campaign_id), after=card.number if after is None else after)
    context |= {"text": " ".join(refused.messages) if refused else text, "level": "error" if refused else "", "undo_url": undo_url}
    response = render(request, "contacts/quality/_card_after.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
