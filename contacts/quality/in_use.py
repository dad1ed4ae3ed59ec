"""Which profiles other rooms still need: each registers what it knows, so that a cleaning touches nothing that anybody uses."""

from collections.abc import Callable, Collection

# Given profile ids, those that the room keeps something about.
Source = Callable[[Collection[int]], set[int]]
_sources: dict[str, Source] = {}


def register(name: str, source: Source) -> None:
    """Called from the ``ready()`` of the room, which takes a constant number of queries; registering again replaces."""
    _sources[name] = source


def in_use(profile_ids: Collection[int]) -> set[int]:
    """Those of the profiles that any room needs."""
    return {pk for source in _sources.values() for pk in source(profile_ids)}
