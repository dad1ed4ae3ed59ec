"""What every page of an account can show."""

from typing import Any

from django.http import HttpRequest


def account(request: HttpRequest) -> dict[str, Any]:
    """``account`` and ``membership`` of the page, empty outside an account."""
    return {"account": getattr(request, "account", None), "membership": getattr(request, "membership", None)}
