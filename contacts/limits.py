"""How much an account lets the unified rule do by itself within an hour: a merge storm stops itself."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Account
from contacts.models import MergeEvent

WINDOW = timedelta(hours=1)


class MergeBudget:
    """The merges that are left to the rule in this hour. Counted when it is first asked."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._left: int | None = None

    def take(self) -> bool:
        """Take one; ``False`` when none is left."""
        if self._left is None:
            recent = MergeEvent.scoped().filter(kind=MergeEvent.Kind.MERGE, cause="unified", at__gte=timezone.now() - WINDOW)[
                : self._account.max_merges_per_hour
            ]
            self._left = self._account.max_merges_per_hour - recent.count()
        self._left -= 1
        return self._left >= 0
