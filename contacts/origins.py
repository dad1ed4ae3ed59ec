"""What a source of values is called: by its channel, or as the room that keeps it says, like the connection a CRM's record came over."""

from collections.abc import Callable, Collection, Iterable, Mapping

from contacts.models import Profile, Source

# Ids of profiles → words, for those that the room knows. One query.
NameOrigins = Callable[[Collection[int]], Mapping[int, str]]
_rooms: dict[str, NameOrigins] = {}


def name_origins(source: str, names: NameOrigins) -> None:
    """Called from the ``ready()`` of the room that keeps what such profiles come from; registering again replaces."""
    _rooms[source] = names


def origins_of(profiles: Iterable[Profile]) -> dict[int, str]:
    """Ids of the profiles → words for where they come from. One query for each source that a room names."""
    mine = list(profiles)
    named: dict[int, str] = {}
    for source, names in _rooms.items():
        if ids := [profile.pk for profile in mine if profile.source == source]:
            named |= names(ids)
    return {p.pk: str(p.channel) if p.channel else named.get(p.pk) or str(Source(p.source).label) for p in mine}
