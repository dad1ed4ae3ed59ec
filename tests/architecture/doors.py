"""How the permission matrix describes a door: which ability each method asks for, and whose objects its address names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.roles import ABILITIES, Ability, Role

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Door:
    """One route. ``abilities``: method → ability, ``None`` for every member; a method that is missing is answered 405."""

    kind: str  # page (below /a/<slug>/) | api | personal (whoever is signed in) | open (everybody)
    abilities: Mapping[str, Ability | None] = field(default_factory=dict)
    # Keyword of the route → attribute of the world whose id stands there.
    names: Mapping[str, str] = field(default_factory=dict)
    # Whole values for keywords that are no id.
    values: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def takes(self, method: str) -> bool:
        return method in self.abilities or (method in READS and "GET" in self.abilities)

    def ability(self, method: str) -> Ability | None:
        return self.abilities["GET" if method in READS and method not in self.abilities else method]


def page(
    *,
    get: Ability | bool | None = False,
    post: Ability | bool | None = False,
    body: Mapping[str, Any] | None = None,
    query: str = "",
    values: Mapping[str, Any] | None = None,
    **names: str,
) -> Door:
    """A page of an account: ``get`` and ``post`` name the ability, ``None`` for every member; ``names`` say whose ids it takes.

    In a body ``"@profile"`` stands for the id of the world's profile.
    """
    asked = {"GET": get, "POST": post}
    abilities = {method: ability for method, ability in asked.items() if ability is not False}
    return Door("page", abilities, names, values or {}, query, {"POST": body or {}})  # type: ignore[arg-type]


def api(
    *, bodies: Mapping[str, Mapping[str, Any]] | None = None, query: str = "", ids: Mapping[str, str] | None = None, **abilities: Ability
) -> Door:
    """A door of the API: ``GET=``, ``POST=`` … name the ability."""
    return Door("api", abilities, ids or {}, query=query, bodies=bodies or {})


def personal(*methods: str, **values: Any) -> Door:
    """For whoever is signed in, in no account."""
    return Door("personal", dict.fromkeys(methods or ("GET", "POST")), values=values)


def public(*methods: str, **values: Any) -> Door:
    """Open to everybody."""
    return Door("open", dict.fromkeys(methods or ("GET",)), values=values)


def routes() -> Iterator[tuple[str, str]]:
    """Every route as (name with its namespaces, pattern); the pattern stands in for a missing name."""

    def walk(patterns: Any, prefix: str, spaces: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                inner = (*spaces, entry.namespace) if entry.namespace else spaces
                yield from walk(entry.url_patterns, prefix + str(entry.pattern), inner)
            elif isinstance(entry, URLPattern):
                address = prefix + str(entry.pattern)
                yield ":".join([*spaces, entry.name or address]), address

    yield from walk(get_resolver().url_patterns, "/", ())


def lowest_role_with(ability: Ability | None) -> Role:
    return next(role for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN) if ability is None or ability in ABILITIES[role])


def highest_role_without(ability: Ability | None) -> Role | None:
    lacking = [role for role in (Role.SUPERVISOR, Role.AGENT) if ability is not None and ability not in ABILITIES[role]]
    return lacking[0] if lacking else None
