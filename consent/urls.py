"""``/a/<slug>/…``: what administrators set about consent."""

from django.urls import path

from consent.views import portal_settings, rights_requests

app_name = "consent"
urlpatterns = [
    path("settings/portal/", portal_settings.portal_settings, name="portal"),
    path("settings/requests/", rights_requests.requests, name="requests"),
    path("settings/requests/<int:request_id>/begin/", rights_requests.begin, name="request-begin"),
    path("settings/requests/<int:request_id>/close/", rights_requests.close, name="request-close"),
    path("settings/requests/<int:request_id>/archive/", rights_requests.archive, name="request-archive"),
]
