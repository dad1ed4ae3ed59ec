"""What the workspace and the API read: the list, the thread and the counts, each in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Prefetch, Q, QuerySet

from accounts.models import Channel, Membership
from contacts.models import Contact
from inbox.counters import IMPORTED
from inbox.models import Attachment, Conversation, ConversationStatus, Direction, Message, ReadMark, Strand
from inbox.searching import conversations_with

VIEWS = ("mine", "unassigned", "all")
LIST_PAGE = 50
THREAD_PAGE = 50


@dataclass(frozen=True)
class ConversationRow:
    """One line of the list."""

    conversation: Conversation
    contact: Contact
    unread: bool


@dataclass(frozen=True)
class ConversationPage:
    """Lines, newest first; ``before`` is the cursor of the next page, empty on the last one."""

    rows: list[ConversationRow]
    before: str


@dataclass(frozen=True)
class Counts:
    """Open conversations of each view, and how many of mine hold something unread."""

    mine: int
    unassigned: int
    all: int
    mine_unread: int

    def of(self, view: str) -> int:
        return {"mine": self.mine, "unassigned": self.unassigned, "all": self.all}[view]


@dataclass(frozen=True)
class ThreadEntry:
    """One message, note or event, with what sets it apart from the one before it."""

    message: Message
    attachments: list[Attachment]
    # Set where a divider belongs: the local day that begins, and the channel that takes over.
    new_day: date | None
    new_channel: Channel | None
    first_unread: bool


@dataclass(frozen=True)
class Thread:
    """A page of a conversation's time line, oldest first; ``before`` is the cursor of the earlier page, empty at the beginning."""

    conversation: Conversation
    contact: Contact
    entries: list[ThreadEntry]
    before: str


def _cursor(at: datetime, pk: int) -> str:
    return f"{at.isoformat()}_{pk}"


def _before(field: str, cursor: str) -> Q:
    """Rows after ``cursor`` in newest-first order. Raises ``ValueError`` for a cursor we did not make."""
    at, _separator, pk = cursor.rpartition("_")
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError(cursor)
    # The first condition bounds the index scan; the second settles rows of one instant.
    return Q(**{f"{field}__lte": moment}) & (Q(**{f"{field}__lt": moment}) | Q(id__lt=int(pk)))


def conversations(
    *, membership: Membership, view: str = "all", status: str = "", channel: int | None = None, search: str = ""
) -> QuerySet[Conversation]:
    """The conversations of a view, unordered. ``status`` empty means any; ``channel`` is a channel's id.

    Raises ``ValueError`` for an unknown view.
    """
    found = Conversation.scoped()
    if view == "mine":
        found = found.filter(assignee=membership)
    elif view == "unassigned":
        found = found.filter(assignee=None)
    elif view != "all":
        raise ValueError(view)
    if status:
        found = found.filter(status=status)
    if channel is not None:
        found = found.filter(channel=channel)
    if search.strip():
        found = found.filter(pk__in=conversations_with(search))
    return found


def conversation_list(
    *,
    membership: Membership,
    view: str = "all",
    status: str = ConversationStatus.OPEN,
    channel: int | None = None,
    search: str = "",
    before: str = "",
    limit: int = LIST_PAGE,
) -> ConversationPage:
    """One page of a view, the latest message first. Four queries, five with ``search``.

    Raises ``ValueError`` for an unknown view or a cursor that is not ours.
    """
    found = conversations(membership=membership, view=view, status=status, channel=channel, search=search)
    if before:
        found = found.filter(_before("last_message_at", before))
    ordered = _with_people(found).order_by("-last_message_at", "-id")
    page = list(ordered[: limit + 1])
    more, page = len(page) > limit, page[:limit]
    return ConversationPage(
        rows=rows_for(page, membership=membership),
        before=_cursor(page[-1].last_message_at, page[-1].pk) if more else "",
    )


def conversation_row(conversation_id: int, *, membership: Membership) -> ConversationRow | None:
    """One line of the list, fetched again after a live update; ``None`` when there is no such conversation here."""
    found = _with_people(Conversation.scoped().filter(pk=conversation_id))
    rows = rows_for(list(found), membership=membership)
    return rows[0] if rows else None


def _with_people(found: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """With what a line shows. Channels and members are few: fetched once for the page, without their secrets."""
    heavy = ("profile__given", "profile__given_at", "profile__later", "profile__contact__fields", "profile__contact__search_text")
    return found.select_related("profile__contact").defer(*heavy).prefetch_related(_channels("channel"), _members("assignee"))


def _channels(name: str) -> Prefetch:
    return Prefetch(name, queryset=Channel.scoped().defer("secrets", "settings", "greeting_bot"))


def _members(name: str) -> Prefetch:
    return Prefetch(name, queryset=Membership.scoped().select_related("user"))


def rows_for(page: Sequence[Conversation], *, membership: Membership) -> list[ConversationRow]:
    """Lines for conversations that carry ``profile__contact``. One query for the member's read marks."""
    marks = dict(
        ReadMark.scoped()
        .filter(membership=membership, conversation__in=[item.pk for item in page])
        .values_list("conversation_id", "read_at")
    )
    return [ConversationRow(conversation=item, contact=item.profile.contact, unread=_is_unread(item, marks.get(item.pk))) for item in page]


def _is_unread(conversation: Conversation, read_at: datetime | None) -> bool:
    return conversation.last_inbound_at is not None and (read_at is None or conversation.last_inbound_at > read_at)


def counts(*, membership: Membership) -> Counts:
    """How many open conversations each view holds. Two queries."""
    mine = Q(assignee=membership)
    figures = (
        Conversation.scoped()
        .filter(status=ConversationStatus.OPEN)
        .aggregate(mine=Count("pk", filter=mine), unassigned=Count("pk", filter=Q(assignee=None)), all=Count("pk"))
    )
    read = ReadMark.scoped().filter(membership=membership, read_at__gte=F("conversation__last_inbound_at"))
    unread = (
        Conversation.scoped()
        .filter(mine, status=ConversationStatus.OPEN, last_inbound_at__isnull=False)
        .exclude(pk__in=read.values("conversation"))
    )
    return Counts(**figures, mine_unread=unread.count())


def find_conversation(conversation_id: int) -> Conversation | None:
    """The conversation with what its page shows; ``None`` when it is missing or another account's."""
    return (
        Conversation.scoped().select_related("account", "profile__contact", "channel", "assignee__user").filter(pk=conversation_id).first()
    )


def messages_of(conversation: Conversation) -> QuerySet[Message]:
    """Messages, notes and events across the strands, with what one entry of the thread shows, unordered. One query right away."""
    return (
        _spoken(Strand.scoped().filter(conversation=conversation))
        .select_related("reply_to", "outbound")
        .defer("raw", "words", "reply_to__raw", "reply_to__words", "reply_to__html")
    )


def _spoken(strands: QuerySet[Strand]) -> QuerySet[Message]:
    # The strands are named one by one: joined, PostgreSQL prefers to read every message of the account.
    found = Message.scoped().filter(strand__in=list(strands.values_list("pk", flat=True))).defer("raw", "words")
    files = Prefetch("attachments", queryset=Attachment.scoped().order_by("pk"))
    return found.select_related("strand", "identifier").prefetch_related(_channels("channel"), _members("author"), files)


def thread(conversation: Conversation, *, membership: Membership | None = None, before: str = "", limit: int = THREAD_PAGE) -> Thread:
    """One page of the time line, the latest unless ``before`` names an earlier one. At most six queries.

    Days are of the account's time zone. ``membership`` marks where that member's unread part begins.
    Raises ``ValueError`` for a cursor that is not ours.
    """
    found = messages_of(conversation)
    if before:
        found = found.filter(_before("occurred_at", before))
    page = list(found.order_by("-occurred_at", "-id")[: limit + 1])
    more, page = len(page) > limit, page[:limit]
    page.reverse()
    read_at = None
    if membership is not None:
        read_at = ReadMark.scoped().filter(membership=membership, conversation=conversation).values_list("read_at", flat=True).first()
    zone = ZoneInfo(conversation.account.timezone)
    return Thread(
        conversation=conversation,
        contact=conversation.profile.contact,
        entries=_entries(page, zone=zone, marks_unread=membership is not None, read_at=read_at),
        before=_cursor(page[0].occurred_at, page[0].pk) if more else "",
    )


def thread_entry(conversation: Conversation, message_id: int) -> ThreadEntry | None:
    """One entry, fetched again after a live update, with the dividers it has after the entry before it."""
    message = messages_of(conversation).filter(pk=message_id).first()
    if message is None:
        return None
    earlier = messages_of(conversation).filter(_before("occurred_at", _cursor(message.occurred_at, message.pk)))
    # A note or an event in between does not change the channel: look a few entries back for the last one that names one.
    page = [*reversed(earlier.order_by("-occurred_at", "-id")[:5]), message]
    return _entries(page, zone=ZoneInfo(conversation.account.timezone), marks_unread=False, read_at=None)[-1]


def _entries(page: list[Message], *, zone: ZoneInfo, marks_unread: bool, read_at: datetime | None) -> list[ThreadEntry]:
    entries: list[ThreadEntry] = []
    day: date | None = None
    channel_id: int | None = None
    seen_unread = not marks_unread
    for message in page:
        here = message.occurred_at.astimezone(zone).date()
        changes = message.channel_id is not None and message.channel_id != channel_id and message.direction in (Direction.IN, Direction.OUT)
        is_news = message.direction == Direction.IN and message.author_kind != IMPORTED
        unread = is_news and (read_at is None or message.occurred_at > read_at)
        entries.append(
            ThreadEntry(
                message=message,
                attachments=list(message.attachments.all()),
                new_day=here if here != day else None,
                new_channel=message.channel if changes else None,
                first_unread=unread and not seen_unread,
            )
        )
        day = here
        channel_id = message.channel_id if changes else channel_id
        seen_unread = seen_unread or unread
    return entries


def conversations_of_contact(contact_id: int, *, limit: int = 20) -> list[Conversation]:
    """The person's conversations, the latest first, for the person panel. At most three queries."""
    found = Conversation.scoped().filter(profile__contact=contact_id).prefetch_related(_channels("channel"), _members("assignee"))
    return list(found.order_by("-last_message_at", "-id")[:limit])


def said_with(contact_id: int) -> QuerySet[Message]:
    """Everything said with the person, on every channel and in every conversation, unordered. One query right away."""
    return _spoken(Strand.scoped().filter(profile__contact=contact_id))


def members() -> list[Membership]:
    """Who can be given a conversation, by name. One query."""
    return list(Membership.scoped().filter(is_active=True).select_related("user").order_by("user__name", "user__email"))
