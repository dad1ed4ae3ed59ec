"""``/a/<slug>/contacts/reviews/``: what rules did or stopped by themselves, for a person to look at."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import AccountRequest
from accounts.roles import Ability
from accounts.views.access import needs
from contacts import deciding_reviews, merging
from contacts.models import IdentityReview
from contacts.review_queue import open_reviews
from contacts.views.answering import say_refused


@require_safe
@needs(Ability.MERGE_CONTACTS)
def reviews(request: AccountRequest) -> HttpResponse:
    """The page: the oldest first."""
    return render(request, "contacts/reviews.html", {"reviews": open_reviews()})


@require_POST
@needs(Ability.MERGE_CONTACTS)
def decide(request: AccountRequest, review_id: int) -> HttpResponse:
    """Settle one of them by ``decision``."""
    review = get_object_or_404(IdentityReview.scoped(), pk=review_id)
    decision = request.POST.get("decision", "")
    if decision not in deciding_reviews.CHOICES[review.kind]:
        raise Http404
    try:
        deciding_reviews.decide(review=review, decision=decision, by=request.actor)
    except merging.Refused as refused:
        say_refused(request, refused)
    else:
        messages.success(request, _("Saved."))
    return redirect("contacts:reviews", account_slug=request.account.slug)
