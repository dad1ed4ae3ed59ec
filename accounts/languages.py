"""Which language a request is answered in: the user's own (kept in a cookie), else what the browser asks for."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.utils import translation

COOKIE = "hilo_language"
YEAR = 365 * 24 * 3600


class LanguageMiddleware:
    """Activates the language; signed-in people's choice is kept in a cookie so that it holds on the login page too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(COOKIE, "")
        language = chosen if chosen in dict(settings.LANGUAGES) else translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        self._remember(request, response, chosen)
        return response

    def _remember(self, request: HttpRequest, response: HttpResponse, chosen: str) -> None:
        """Keep a signed-in person's language, so that it holds from the answer to the login on, and on the next login page."""
        session = getattr(request, "session", None)
        # Neither is there where the request was refused on its way in, for the name of a host that we are not.
        user: Any = getattr(request, "user", None)
        # A page of the API answers a session without a token, and then names nobody.
        if session is None or SESSION_KEY not in session or user is None or not user.is_authenticated:
            return
        if user.language != chosen:
            secure = settings.SESSION_COOKIE_SECURE
            response.set_cookie(COOKIE, user.language, max_age=YEAR, secure=secure, httponly=True, samesite="Lax")
