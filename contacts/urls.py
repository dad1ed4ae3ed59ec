"""Routes below ``/a/<slug>/``."""

from django.urls import path

from contacts.quality.views import campaigns, overview
from contacts.views import contact, directory, merging, reviewing, suggestions, unification, verifying

urlpatterns = [
    path("contacts/", directory.directory, name="directory"),
    path("contacts/reviews/", reviewing.reviews, name="reviews"),
    path("contacts/reviews/<int:review_id>/", reviewing.decide, name="review"),
    path("contacts/<int:contact_id>/", contact.contact, name="contact"),
    path("contacts/<int:contact_id>/correct/", contact.correct, name="correct"),
    path("contacts/<int:contact_id>/identifiers/", contact.add_identifier, name="add_identifier"),
    path("contacts/<int:contact_id>/identifiers/<int:identifier_id>/mark/", contact.mark, name="mark"),
    path("contacts/<int:contact_id>/identifiers/<int:identifier_id>/code/", verifying.send_code, name="send_code"),
    path("contacts/<int:contact_id>/identifiers/<int:identifier_id>/confirm/", verifying.confirm_code, name="confirm_code"),
    path("contacts/<int:contact_id>/separate-shared/", contact.separate_shared, name="separate_shared"),
    path("contacts/<int:contact_id>/separate/", contact.separate, name="separate"),
    path("contacts/<int:contact_id>/merge/", merging.merge, name="merge"),
    path("contacts/events/<int:event_id>/undo/", contact.undo, name="undo"),
    path("quality/", overview.quality, name="quality"),
    path("quality/clean/", overview.clean, name="quality_clean"),
    path("quality/reports/<int:report_id>/", overview.report, name="quality_report"),
    path("quality/steps/<int:step_id>/undo/", overview.take_back, name="quality_take_back"),
    path("quality/reviews/", campaigns.start, name="quality_start"),
    path("quality/reviews/<int:campaign_id>/", campaigns.campaign, name="quality_campaign"),
    path("quality/reviews/<int:campaign_id>/again/", campaigns.again, name="quality_again"),
    path("quality/reviews/<int:campaign_id>/end/", campaigns.end, name="quality_end"),
    path("quality/cards/<int:card_id>/", campaigns.decide, name="quality_decide"),
    path("quality/cards/<int:card_id>/undo/", campaigns.undo, name="quality_undo"),
    path("settings/unification/", unification.unification, name="unification"),
    path("settings/unification/preview/", unification.preview, name="unification_preview"),
    path("settings/unification/switch/", unification.switch, name="unification_switch"),
    path("settings/unification/again/", unification.again, name="unification_again"),
    path("settings/unification/shared/<int:identifier_id>/", unification.share, name="unification_share"),
    path("settings/unification/runs/<int:run_id>/", unification.progress, name="unification_progress"),
    path("suggestions/", suggestions.suggestions, name="suggestions"),
    path("suggestions/figures/", suggestions.suggestion_figures, name="suggestion_figures"),
    path("suggestions/certain/", suggestions.certain, name="suggestions_certain"),
    path("suggestions/certain/accept/", suggestions.accept_certain, name="suggestions_accept_certain"),
    path("suggestions/<int:suggestion_id>/", suggestions.suggestion, name="suggestion"),
    path("suggestions/<int:suggestion_id>/accept/", suggestions.accept, name="suggestion_accept"),
    path("suggestions/<int:suggestion_id>/reject/", suggestions.reject, name="suggestion_reject"),
    path("suggestions/<int:suggestion_id>/defer/", suggestions.defer, name="suggestion_defer"),
    path("suggestions/decisions/<int:decision_id>/undo/", suggestions.undo, name="suggestion_undo"),
]
