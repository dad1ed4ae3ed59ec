"""What each kind of import reads out of a row, and how a lot of rows is taken in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.importing.reading_consents import read_consent
from integrations.importing.reading_messages import read_message
from integrations.importing.reading_people import Reader, read_person
from integrations.importing.rows import FileRow
from integrations.importing.taking_consents import take_consents
from integrations.importing.taking_messages import take_messages
from integrations.importing.taking_people import Taken, take_people
from integrations.models.imports import Import


@dataclass(frozen=True)
class Way:
    """``read`` turns one row into what it says or raises ``RowRefused``; ``take`` takes a lot of them in, in one transaction."""

    read: Callable[[FileRow, Reader], Any]
    take: Callable[[Import, Sequence[Any]], list[Taken]]


WAYS: dict[str, Way] = {
    Import.Kind.CONTACTS: Way(read_person, take_people),
    Import.Kind.CONVERSATIONS: Way(read_message, take_messages),
    Import.Kind.CONSENTS: Way(read_consent, take_consents),
}
