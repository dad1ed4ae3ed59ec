"""What a token may do: what its membership's role may."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken
from accounts.roles import Ability

READS = ("GET", "HEAD", "OPTIONS")


class HasAbility(BasePermission):
    """Reads the view's ``ability`` (every method) or ``abilities`` (method → ability; HEAD and OPTIONS ask for that of GET)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return False
        ability = needed_ability(view, request.method or "GET")
        # A method that the view does not have is answered 405, whoever asks.
        return ability is None or request.auth.membership.may(ability)


def needed_ability(view: Any, method: str) -> Ability | None:
    """The ability that a method of a view asks for; ``None`` where the view does not have the method."""
    if method != "OPTIONS" and not hasattr(view, method.lower()):
        return None
    abilities: dict[str, Ability] = getattr(view, "abilities", {})
    asked_as = "GET" if method in READS else method
    ability = abilities.get(asked_as) or getattr(view, "ability", None)
    if ability is None and method == "OPTIONS" and abilities:
        ability = next(iter(abilities.values()))
    if ability is None:
        raise ImproperlyConfigured(f"{type(view).__name__} does not say which ability {method} asks for.")
    return ability
