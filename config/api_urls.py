"""``/api/v1/``: every room's part of the API, and its description."""

from django.urls import path

from accounts.api.account import AccountView
from config.api_description import DocsView, SchemaView
from integrations.api import ChannelListView, ChannelView

app_name = "api"
urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    path("account/", AccountView.as_view(), name="account"),
    path("channels/", ChannelListView.as_view(), name="channels"),
    path("channels/<int:pk>/", ChannelView.as_view(), name="channel"),
]
