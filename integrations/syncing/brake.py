"""The mass-change brake: when a run would change or delete far more than usual, it stops and asks a person."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.models import Connection, ExternalRecord

# A run may always change or delete so many; beyond that, so large a part of the linked records.
FREE_CHANGES, CHANGED_PART = 100, 0.3
FREE_DELETIONS, DELETED_PART = 10, 0.1


class Braked(Exception):
    """The run stopped; what it had written stays."""


@dataclass
class Brake:
    """Counts along one run. ``most_changes`` and ``most_gone`` are how many it lets through."""

    most_changes: int
    most_gone: int
    changes: int = 0
    gone: int = 0

    @classmethod
    def of(cls, connection: Connection) -> "Brake":
        """By how many records are linked now; lifted for one run, it lets everything through."""
        if connection.brake_lifted:
            return cls(most_changes=10**9, most_gone=10**9)
        linked = ExternalRecord.scoped().filter(connection=connection, state=ExternalRecord.State.LIVE).count()
        return cls(max(FREE_CHANGES, int(linked * CHANGED_PART)), max(FREE_DELETIONS, int(linked * DELETED_PART)))

    def check_gone(self, more: int) -> None:
        """Before anything of a page is written. Raises ``Braked``."""
        self.gone += more
        if self.gone > self.most_gone:
            raise Braked(_("%(count)d records were deleted there at once.") % {"count": self.gone})

    def would_stop(self, *, changes: int, gone: int) -> bool:
        """Whether a run with so many changes and deletions in all would be stopped."""
        return changes > self.most_changes or gone > self.most_gone

    def count(self, outcome: object) -> None:
        """After each record. Raises ``Braked`` with the first one too many."""
        self.changes += getattr(outcome, "word", "") == "changed"
        if self.changes > self.most_changes:
            raise Braked(_("More than %(count)d records were changed there at once.") % {"count": self.most_changes})
