"""``/a/<slug>/…``: what administrators set about consent."""

from django.urls import path

from consent.views import portal_settings

app_name = "consent"
urlpatterns = [
    path("settings/portal/", portal_settings.portal_settings, name="portal"),
]
