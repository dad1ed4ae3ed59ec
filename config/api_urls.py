"""``/api/v1/``: every room's part of the API, and its description."""

from django.urls import path

from accounts.api.account import AccountView
from config.api_description import DocsView, SchemaView
from consent.api import ContactConsentView, DecideView, EventsView
from consent.api_importing import ImportView
from consent.api_preferences import PreferencesView
from consent.api_requests import RightsRequestsView, RightsRequestView
from contacts.api import ContactListView, ContactView, MergeView, UnmergeView
from contacts.api_history import HistoryView, MoveIdentifierView, NeverMergeView
from contacts.api_suggestions import AcceptView, DeferView, RejectView, SuggestionListView, SuggestionView, UndoView
from contacts.deduplication_api import DeduplicationCancelView, DeduplicationView
from contacts.survivorship_api import SurvivorshipPreviewView, SurvivorshipView
from contacts.unification_api import UnificationPreviewView, UnificationSwitchView, UnificationView
from inbox.api import ConversationListView, ConversationView, MessagesView, NotesView, TimelineView
from inbox.api_files import AttachmentView
from inbox.api_splitting import SplitView
from inbox.api_who import WhoView
from integrations import api_exports, api_imports
from integrations.api import ChannelListView, ChannelView
from integrations.webhooks import api as webhooks

app_name = "api"
urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    path("account/", AccountView.as_view(), name="account"),
    path("account/deduplication/", DeduplicationView.as_view(), name="deduplication"),
    path("account/deduplication/<int:pk>/cancel/", DeduplicationCancelView.as_view(), name="deduplication-cancel"),
    path("account/survivorship/", SurvivorshipView.as_view(), name="survivorship"),
    path("account/survivorship/preview/", SurvivorshipPreviewView.as_view(), name="survivorship-preview"),
    path("account/unification/", UnificationView.as_view(), name="unification"),
    path("account/unification/preview/", UnificationPreviewView.as_view(), name="unification-preview"),
    path("account/unification/switch/", UnificationSwitchView.as_view(), name="unification-switch"),
    path("attachments/<int:pk>/", AttachmentView.as_view(), name="attachment"),
    path("channels/", ChannelListView.as_view(), name="channels"),
    path("channels/<int:pk>/", ChannelView.as_view(), name="channel"),
    path("contacts/", ContactListView.as_view(), name="contacts"),
    path("contacts/merge/", MergeView.as_view(), name="contacts-merge"),
    path("contacts/<int:pk>/", ContactView.as_view(), name="contact"),
    path("contacts/never-merge/", NeverMergeView.as_view(), name="contacts-never-merge"),
    path("consent/decide/", DecideView.as_view(), name="consent-decide"),
    path("consent/events/", EventsView.as_view(), name="consent-events"),
    path("consent/import/", ImportView.as_view(), name="consent-import"),
    path("contacts/<int:pk>/consent/", ContactConsentView.as_view(), name="contact-consent"),
    path("contacts/<int:pk>/history/", HistoryView.as_view(), name="contact-history"),
    path("contacts/<int:pk>/move-identifier/", MoveIdentifierView.as_view(), name="contact-move-identifier"),
    path("contacts/<int:pk>/preferences/", PreferencesView.as_view(), name="contact-preferences"),
    path("contacts/<int:pk>/split/", SplitView.as_view(), name="contact-split"),
    path("contacts/<int:pk>/timeline/", TimelineView.as_view(), name="timeline"),
    path("contacts/<int:pk>/unmerge/", UnmergeView.as_view(), name="contact-unmerge"),
    path("conversations/", ConversationListView.as_view(), name="conversations"),
    path("conversations/<int:pk>/", ConversationView.as_view(), name="conversation"),
    path("conversations/<int:pk>/messages/", MessagesView.as_view(), name="messages"),
    path("conversations/<int:pk>/notes/", NotesView.as_view(), name="notes"),
    path("conversations/<int:pk>/who/", WhoView.as_view(), name="conversation-who"),
    path("rights-requests/", RightsRequestsView.as_view(), name="rights-requests"),
    path("rights-requests/<int:pk>/", RightsRequestView.as_view(), name="rights-request"),
    path("exports/", api_exports.ExportListView.as_view(), name="exports"),
    path("exports/<int:pk>/", api_exports.ExportView.as_view(), name="export"),
    path("exports/<int:pk>/file/", api_exports.ExportFileView.as_view(), name="export-file"),
    path("imports/", api_imports.ImportListView.as_view(), name="imports"),
    path("imports/<int:pk>/", api_imports.ImportView.as_view(), name="import"),
    path("imports/<int:pk>/runs/", api_imports.ImportRunsView.as_view(), name="import-runs"),
    path("imports/runs/<int:pk>/cancel/", api_imports.ImportCancelView.as_view(), name="import-cancel"),
    path("suggestions/", SuggestionListView.as_view(), name="suggestions"),
    path("suggestions/<int:pk>/", SuggestionView.as_view(), name="suggestion"),
    path("suggestions/<int:pk>/accept/", AcceptView.as_view(), name="suggestion-accept"),
    path("suggestions/<int:pk>/defer/", DeferView.as_view(), name="suggestion-defer"),
    path("suggestions/<int:pk>/reject/", RejectView.as_view(), name="suggestion-reject"),
    path("suggestions/<int:pk>/undo/", UndoView.as_view(), name="suggestion-undo"),
    path("webhooks/", webhooks.WebhookListView.as_view(), name="webhooks"),
    path("webhooks/<int:pk>/", webhooks.WebhookView.as_view(), name="webhook"),
    path("webhooks/<int:pk>/rotate/", webhooks.WebhookRotateView.as_view(), name="webhook-rotate"),
    path("webhooks/<int:pk>/test/", webhooks.WebhookTestView.as_view(), name="webhook-test"),
    path("webhooks/<int:pk>/replay/", webhooks.WebhookReplayView.as_view(), name="webhook-replay"),
    path("webhooks/<int:pk>/deliveries/", webhooks.WebhookDeliveryListView.as_view(), name="webhook-deliveries"),
    path("webhooks/deliveries/<int:pk>/", webhooks.WebhookDeliveryView.as_view(), name="webhook-delivery"),
    path("webhooks/deliveries/<int:pk>/replay/", webhooks.WebhookDeliveryReplayView.as_view(), name="webhook-delivery-replay"),
]
