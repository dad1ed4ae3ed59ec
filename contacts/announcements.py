"""Domain events that rooms to the left listen to. Each is sent inside the transaction of the change."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from django.dispatch import Signal

from contacts.models import MergeEvent, MergeSuggestion

# profile_ids: list[int] that changed contact in a separation; event: MergeEvent. Receivers keep their own rows consistent
# (a conversation woven of profiles that now belong to different contacts is split).
profiles_moved = Signal()

# contact_ids: list[int] whose computed fields, identifiers or profiles changed. Receivers tell open screens after commit.
contacts_changed = Signal()


class SuggestionChange(StrEnum):
    CREATED = "created"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class MoveListener(Protocol):
    def __call__(self, *, event: MergeEvent) -> None:
        """Called once for each merge, separation and split, when everything of it is written."""
        ...


class SuggestionListener(Protocol):
    def __call__(self, *, suggestions: Sequence[MergeSuggestion], change: SuggestionChange) -> None:
        """Called when pairs are put before people, also once more after they were settled, and when somebody decides."""
        ...


_move_listeners: list[MoveListener] = []
_suggestion_listeners: list[SuggestionListener] = []


def on_people_moved(listener: MoveListener) -> None:
    """For ``AppConfig.ready()``; adding a listener again changes nothing."""
    if listener not in _move_listeners:
        _move_listeners.append(listener)


def on_suggestion_changed(listener: SuggestionListener) -> None:
    """For ``AppConfig.ready()``; adding a listener again changes nothing."""
    if listener not in _suggestion_listeners:
        _suggestion_listeners.append(listener)


def announce_move(event: MergeEvent) -> None:
    for listener in _move_listeners:
        listener(event=event)


def announce_suggestions(suggestions: Sequence[MergeSuggestion], change: SuggestionChange) -> None:
    if suggestions:
        for listener in _suggestion_listeners:
            listener(suggestions=suggestions, change=change)
