"""Headers that Django's own middleware does not set."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# The workspace asks the browser for nothing of these; a page that is tricked into asking gets nothing.
PERMISSIONS = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"


class SecurityHeadersMiddleware:
    """Device permissions for nobody; pages of an account are kept by no cache, so that nothing is left after logging out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if hasattr(request, "membership"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response
