"""Every route of the product. The permission matrix in the tests walks this list."""

from django.urls import include, path

from config import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("login/", include("allauth.urls")),
]
