"""What a cleaning of contacts must leave alone: whoever is in a conversation."""

from collections.abc import Collection

from contacts.quality.in_use import register
from inbox.models import Strand


def in_conversations(profile_ids: Collection[int]) -> set[int]:
    """Those of the profiles that take part in a conversation. One query."""
    return set(Strand.scoped().filter(profile__in=profile_ids).values_list("profile_id", flat=True))


def register_needed_profiles() -> None:
    register("conversations", in_conversations)
