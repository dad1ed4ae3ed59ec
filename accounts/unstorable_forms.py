"""Forms that hold what PostgreSQL cannot store are refused at the door, so that no view has to think of it."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class UnstorableFormsMiddleware:
    """Refuses NUL anywhere in a posted form, with 400. Bodies of the API have a parser for that (``accounts.api.parsing``)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if getattr(view, "csrf_exempt", False):
            # Doors for machines read their own bodies, some of them as a stream.
            return
        for name, values in request.POST.lists():
            if "\x00" in name or any("\x00" in value for value in values):
                raise BadRequest("NUL in a form")
