"""What the templates of the thread show: entries with what their kind needs, and events folded where many follow each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from contacts.models import Identifier
from contacts.queries import UNREADABLE, readable
from inbox.counters import IMPORTED
from inbox.models import Attachment, Direction, Message, MessageStatus
from inbox.queries import ThreadEntry
from inbox.thread_events import EventKind, event_text

# From this many on, events that follow each other are folded.
FOLD_FROM = 3
# Minutes within which messages of one side stand close together.
CLOSE = 5 * 60
# What is more than a remark at the margin.
LOUD_EVENTS = frozenset({EventKind.BOT, EventKind.CONFLICT, EventKind.ASKED_WHO, EventKind.IDENTITY_CHANGED, EventKind.COMPLAINED})
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
KIND_LABELS = {
    "image": "image",
    "sticker": "sticker",
    "audio": "mic",
    "video": "video",
    "document": "file-text",
    "location": "map-pin",
    "contacts": "contact",
    "button": "mouse-pointer-click",
    "interactive": "mouse-pointer-click",
    "order": "shopping-cart",
    "story_reply": "reply",
    "story_mention": "at-sign",
    "template": "layout-template",
    "system": "info",
    "unsupported": "circle-help",
}


@dataclass(frozen=True)
class ShownFile:
    """One attachment. ``as_`` says how it is shown: picture, audio, video or file."""

    attachment: Attachment
    as_: str


@dataclass(frozen=True)
class ShownEntry:
    """One message, note or event with everything its template asks for."""

    entry: ThreadEntry
    files: list[ShownFile]
    is_joined: bool
    event_text: str = ""
    # Nothing stands before it: a line that parts the new from the old would part nothing.
    is_first: bool = False

    @property
    def message(self) -> Message:
        return self.entry.message

    @property
    def side(self) -> str:
        return self.message.direction

    @property
    def kind(self) -> str:
        return self.message.kind if self.message.kind in KIND_LABELS else "text"

    @property
    def icon(self) -> str:
        return KIND_LABELS.get(self.message.kind, "")

    @property
    def kind_label(self) -> str:
        return kind_label(self.message.kind)

    @property
    def is_loud(self) -> bool:
        return self.message.kind in LOUD_EVENTS

    @property
    def author_key(self) -> str:
        """Messages with the same key in a row are one person's turn."""
        message = self.message
        author = message.author_id or self._imported.get("author") or message.author_kind
        return f"{message.direction}-{message.strand_id}-{author}-{message.channel_id or ''}"

    @property
    def is_imported(self) -> bool:
        return self.message.author_kind == IMPORTED

    @property
    def _imported(self) -> dict[str, str]:
        return self.message.payload.get("imported", {}) if self.is_imported else {}

    @property
    def author(self) -> str:
        """Who wrote it on our side; empty for the other side."""
        message = self.message
        if message.author is not None:
            return message.author.user.get_short_name()
        if self.is_imported:
            return self._imported.get("author", "") if self.side != Direction.IN else ""
        return {"api": "API", "bot": _("Bot"), "system": "Hilo", "native": _("From the channel's own app")}.get(message.author_kind, "")

    @property
    def needs_look(self) -> bool:
        return self.side == Direction.OUT and self.message.status in (MessageStatus.FAILED, MessageStatus.UNKNOWN)

    @property
    def shown_text(self) -> str:
        """The body without what is folded away."""
        message = self.message
        if message.folded and message.body.rstrip().endswith(message.folded.strip()):
            return message.body.rstrip()[: -len(message.folded.strip())].rstrip()
        return message.body

    @property
    def address(self) -> str:
        """The other side's address, where a person can read it."""
        identifier = self.message.identifier
        if identifier is None or identifier.kind in UNREADABLE:
            return ""
        return readable(identifier.kind, identifier.value)

    @property
    def said(self) -> str:
        """What a screen reader hears of a message that comes in; empty for ours and for what was withdrawn."""
        message = self.message
        if self.side != Direction.IN or message.withdrawn_at is not None:
            return ""
        return Truncator(message.body).chars(160) or self.kind_label or _("Attachment")

    @property
    def is_rich(self) -> bool:
        """HTML that says more than its text: shown as it was sent."""
        html = self.message.html.lower()
        return "<table" in html or "<img" in html

    @property
    def map_url(self) -> str:
        place = self.message.payload
        if "latitude" not in place or "longitude" not in place:
            return ""
        query = urlencode({"mlat": place["latitude"], "mlon": place["longitude"]})
        return f"https://www.openstreetmap.org/?{query}#map=16/{place['latitude']}/{place['longitude']}"

    @property
    def reactions(self) -> list[tuple[str, bool]]:
        """(emoji, whether the other side's)."""
        return [(emoji, who == "contact") for who, emoji in self.message.reactions.items()]

    @property
    def gathered(self) -> list[tuple[str, Any]]:
        """What the bot asked and was told."""
        labels = {"name": _("Name"), "email": _("Email"), "phone": _("Phone"), "reason": _("Reason")}
        return [(label, self.message.payload[key]) for key, label in labels.items() if self.message.payload.get(key)]


@dataclass(frozen=True)
class EventGroup:
    """Events that follow each other: told in one line, unfolded on demand."""

    entries: list[ShownEntry]

    @property
    def last(self) -> ShownEntry:
        return self.entries[-1]


def kind_label(kind: str) -> str:
    """The name of a kind of message, for a line that has no text of its own."""
    labels = {
        "image": _("Image"),
        "sticker": _("Sticker"),
        "audio": _("Audio"),
        "video": _("Video"),
        "document": _("Document"),
        "location": _("Location"),
        "contacts": _("Contact card"),
        "button": _("Button"),
        "interactive": _("Choice"),
        "order": _("Order"),
        "story_reply": _("Reply to a story"),
        "story_mention": _("Mention in a story"),
        "template": _("Template"),
        "system": _("Notice of the channel"),
        "unsupported": _("Not supported yet"),
    }
    return labels.get(kind, "")


def show(entry: ThreadEntry, *, after: ThreadEntry | None = None) -> ShownEntry:
    """One entry; ``after`` is the one before it."""
    text = event_text(entry.message) if entry.message.direction == Direction.EVENT else ""
    files = [_file(file) for file in entry.attachments]
    shown = ShownEntry(entry=entry, files=files, is_joined=False, event_text=text, is_first=after is None)
    if after is None or entry.new_channel is not None or entry.new_day is not None or entry.first_unread:
        return shown
    before = ShownEntry(entry=after, files=[], is_joined=False)
    gap = (entry.message.occurred_at - after.message.occurred_at).total_seconds()
    is_joined = before.author_key == shown.author_key and gap < CLOSE and shown.side in (Direction.IN, Direction.OUT)
    return ShownEntry(entry=entry, files=shown.files, is_joined=is_joined, event_text=text)


def show_all(entries: Sequence[ThreadEntry]) -> list[ShownEntry | EventGroup]:
    """The page of a thread, in order, with long runs of quiet events folded."""
    shown = [show(entry, after=entries[index - 1] if index else None) for index, entry in enumerate(entries)]
    return list(_fold(shown))


def _fold(shown: list[ShownEntry]) -> Iterator[ShownEntry | EventGroup]:
    run: list[ShownEntry] = []
    for item in shown:
        quiet = item.side == Direction.EVENT and not item.is_loud
        if run and (not quiet or item.entry.new_day is not None):
            yield from _unless_few(run)
            run = []
        if quiet:
            run.append(item)
        else:
            yield item
    yield from _unless_few(run)


def _unless_few(run: list[ShownEntry]) -> Iterator[ShownEntry | EventGroup]:
    if len(run) >= FOLD_FROM:
        yield EventGroup(run)
    else:
        yield from run


def _file(attachment: Attachment) -> ShownFile:
    kind = attachment.content_type.split(";")[0].strip().lower()
    if kind in PICTURES:
        return ShownFile(attachment, "picture")
    for family in ("audio", "video"):
        if kind.startswith(f"{family}/"):
            return ShownFile(attachment, family)
    return ShownFile(attachment, "file")


def line_of_address(identifier: Identifier) -> str:
    """An address as a person reads it; the user name where the address is only a number, else nothing. Needs ``profile``."""
    if identifier.kind not in UNREADABLE:
        return readable(identifier.kind, identifier.value)
    username = str(identifier.profile.given.get("username") or "")
    return f"@{username.lstrip('@')}" if username else ""
