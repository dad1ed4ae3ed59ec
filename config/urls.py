"""Every route of the product. The permission matrix in the tests walks this list."""

from django.urls import include, path

from config import error_answers, health
from config.metrics import metrics
from consent.views import one_click
from consent.views.portal.confirming import confirm_consent
from integrations.views.public_file import public_file

handler400 = error_answers.bad_request
handler403 = error_answers.permission_denied
handler404 = error_answers.page_not_found
handler500 = error_answers.server_error

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("", include("accounts.urls")),
    # A person's address is their administrator's to change; allauth's page for it would take any address unproved.
    path("email/", error_answers.not_offered, name="not_offered"),
    path("", include("allauth.urls")),
    path("widget/", include("integrations.channels.webchat.urls")),
    path("api/v1/", include("config.api_urls")),
    path("", include("integrations.urls")),
    path("files/<str:token>/", public_file, name="public-file"),
    path("p/<slug:portal>/", include("consent.portal_urls")),
    # Without a slash at the end: mail programs post to it and follow no redirect.
    path("c/<str:token>", confirm_consent, name="confirm_consent"),
    path("u/<str:token>", one_click.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/undo", one_click.undo, name="undo_unsubscribe"),
    path("a/<slug:account_slug>/", include(("contacts.urls", "contacts"))),
    path("a/<slug:account_slug>/", include("consent.urls")),
    path("a/<slug:account_slug>/", include(("inbox.urls", "inbox"))),
]
