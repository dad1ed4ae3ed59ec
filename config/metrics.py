"""``/metrics``: what Prometheus reads, for the operator only."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

LOOPBACK = ("127.0.0.1", "::1")


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """With ``HILO_METRICS_TOKEN``: for its bearer. Without: for the machine itself, unless a proxy stands in front."""
    if not _may_read(request):
        raise Http404
    return ExportToDjangoView(request)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # Behind a proxy on the same machine everybody comes from the loop-back address.
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not settings.BEHIND_PROXY and not forwarded and request.META.get("REMOTE_ADDR") in LOOPBACK
