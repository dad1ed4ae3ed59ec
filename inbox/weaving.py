"""Keep conversations whole when profiles change contact: every conversation belongs to one contact."""

from typing import Any


def split_conversations(sender: Any, *, profile_ids: list[int], **_kwargs: Any) -> None:
    """Split each conversation that is woven of moved profiles and others, by moving strands."""
