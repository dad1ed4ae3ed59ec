"""``/api/v1/``: every room's part of the API, and its description."""

from django.urls import path

from accounts.api.account import AccountView

app_name = "api"
urlpatterns = [
    path("account/", AccountView.as_view(), name="account"),
]
