"""Which conversations the list shows: read from the address, and written into the addresses of its links."""

from dataclasses import dataclass, replace
from typing import Self

from django.http import QueryDict

from accounts.models import Channel
from inbox.models import ConversationStatus
from inbox.queries import VIEWS

ANY = "any"
LONGEST_SEARCH = 200


@dataclass(frozen=True)
class ListFilter:
    """``status`` is open, resolved or any; ``channel`` a channel's id."""

    view: str = "mine"
    status: str = ConversationStatus.OPEN
    channel: int | None = None
    search: str = ""

    @classmethod
    def read(cls, given: QueryDict) -> Self:
        """What the address says; what it says wrongly counts as not said."""
        view, status, channel = given.get("view", ""), given.get("status", ""), given.get("channel", "")
        return cls(
            view=view if view in VIEWS else cls.view,
            status=status if status in (*ConversationStatus.values, ANY) else cls.status,
            channel=int(channel) if channel.isascii() and channel.isdigit() and len(channel) < 19 else None,
            search=given.get("q", "").strip()[:LONGEST_SEARCH],
        )

    @property
    def query(self) -> str:
        """The filter as a query string; what is as usual is left out."""
        query = QueryDict(mutable=True)
        if self.view != ListFilter.view:
            query["view"] = self.view
        if self.status != ListFilter.status:
            query["status"] = self.status
        if self.channel is not None:
            query["channel"] = str(self.channel)
        if self.search:
            query["q"] = self.search
        return query.urlencode()

    @property
    def status_asked(self) -> str:
        """For ``inbox.queries``, where empty means any."""
        return "" if self.status == ANY else self.status

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search) or self.channel is not None or self.status != ListFilter.status

    def with_view(self, view: str) -> "ListFilter":
        return replace(self, view=view)

    def name_of_channel(self, channels: list[Channel]) -> str:
        return next((channel.name for channel in channels if channel.pk == self.channel), "")
