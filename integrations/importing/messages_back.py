"""Undo of imported messages."""

from collections import Counter
from collections.abc import Sequence

from integrations.models.imports import ImportedRow


def messages_back(rows: Sequence[ImportedRow]) -> Counter[str]:
    """Take the messages of the rows away."""
    return Counter()
