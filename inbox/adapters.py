"""The contract between the inbox and a channel: bytes in, dataclasses out; a message in, a receipt out.

An adapter translates between one provider's wire format and ours and decides nothing. All times are aware datetimes in UTC
and the provider's own. ``integrations`` fills the registry from an explicit list in ``AppConfig.ready()``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from contacts.claims import Address, Claim

if TYPE_CHECKING:
    from accounts.models import Channel
    from inbox.models import Attachment, InboundEvent, Message

__all__ = ["Address", "Claim"]


class UnreadableEvent(Exception):
    """The stored bytes are not what this provider sends. The event is kept and shown to the admin; trying again is no use."""


class DeliveryError(Exception):
    """The provider did not take the message.

    ``permanent`` errors fail the message at once; the others are tried again with back-off. ``retry_after`` is in seconds.
    ``code`` is the provider's own, ``text`` is shown to the agent. ``is_of_channel``: the fault is the channel's (a login refused, a
    token expired), so every other message meets it too until an administrator mends it.
    """

    def __init__(
        self, text: str, *, permanent: bool, code: str = "", retry_after: float | None = None, is_of_channel: bool = False
    ) -> None:
        super().__init__(text)
        self.text, self.permanent, self.code, self.retry_after = text, permanent, code, retry_after
        self.is_of_channel = is_of_channel


class OutcomeUnknown(Exception):
    """The call broke after the request may have been taken (time-out while waiting for the answer): never sent again by itself."""


class MediaGone(Exception):
    """The provider no longer has the file: trying again is no use."""


@dataclass(frozen=True)
class InboundFile:
    """A file of an inbound message: its bytes where they came along (email), else ``remote``, by which the adapter fetches it."""

    name: str = ""
    content_type: str = ""
    content: bytes | None = None
    content_id: str = ""
    remote: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InboundMessage:
    """One message from the other side, or (``is_echo``) one of ours that was written in the provider's own app.

    ``sender`` is the other side's address on the channel even in an echo. ``reply_to`` names provider ids, the nearest first,
    of messages that it answers. ``reply_is_claimed`` says that the sender's own program wrote that reference and whoever knows
    an id can name it (email): it counts only if the sender is the address that the answered message went to or came from, or
    another identifier of that person. ``fingerprint`` stands for the content where the sender makes up the provider id too
    (email): the same id with another fingerprint is another message, kept under ``f"{provider_id}#{fingerprint}"``; the first
    one's is found in its payload (``payload["fingerprint"]``). ``is_automatic`` marks machine mail (never answered by a bot);
    ``suppresses_replies`` only forbids automatic answers.
    """

    provider_id: str
    sender: Address
    occurred_at: datetime
    claim: Claim = field(default_factory=Claim)
    kind: str = "text"
    body: str = ""
    html: str = ""
    folded: str = ""
    subject: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    files: tuple[InboundFile, ...] = ()
    reply_to: tuple[str, ...] = ()
    reply_is_claimed: bool = False
    fingerprint: str = ""
    is_echo: bool = False
    is_automatic: bool = False
    suppresses_replies: bool = False
    raw: Any = None


@dataclass(frozen=True)
class StatusUpdate:
    """A provider's word on one of our messages: ``status`` is sent, delivered, read or failed.

    ``key`` is our own idempotency key where the provider gives it back: it settles a message whose receipt was lost.
    ``is_of_channel``: as ``DeliveryError`` has it, for a failure that is told later.
    """

    provider_id: str
    status: str
    occurred_at: datetime
    recipient: str = ""
    code: str = ""
    text: str = ""
    key: str = ""
    is_of_channel: bool = False


@dataclass(frozen=True)
class Complaint:
    """The receiver of one of our messages reported it as spam to their provider; ``kind`` is the provider's word for it."""

    provider_id: str
    occurred_at: datetime
    kind: str = ""


@dataclass(frozen=True)
class MessageReaction:
    """An emoji on a message; an empty ``emoji`` takes it back."""

    provider_id: str
    sender: Address
    emoji: str
    occurred_at: datetime


@dataclass(frozen=True)
class MessageEdit:
    """The sender changed a message's text."""

    provider_id: str
    sender: Address
    body: str
    occurred_at: datetime


@dataclass(frozen=True)
class MessageWithdrawal:
    """The sender took a message back."""

    provider_id: str
    sender: Address
    occurred_at: datetime


@dataclass(frozen=True)
class AddressChange:
    """The other side's address on the channel changed (a new number, a new BSUID): ``sender`` is the old one."""

    sender: Address
    successor: Address
    claim: Claim
    occurred_at: datetime


@dataclass(frozen=True)
class IdentityChange:
    """The provider says that somebody else may hold the address from now on: a number that was given away, a new phone."""

    sender: Address
    occurred_at: datetime


@dataclass(frozen=True)
class ReadUpTo:
    """The other side has read our messages up to ``occurred_at``."""

    sender: Address
    occurred_at: datetime


@dataclass(frozen=True)
class PreferenceChange:
    """The platform's own opt-out or opt-in: ``category`` is the provider's word, ``wants`` what the person wants."""

    sender: Address
    category: str
    wants: bool
    occurred_at: datetime


@dataclass(frozen=True)
class PartNotRead:
    """A part of a batch that nothing can be made of; the others are taken. The admin is shown ``reason``, in plain English."""

    reason: str


Inbound = (
    InboundMessage
    | StatusUpdate
    | MessageReaction
    | MessageEdit
    | MessageWithdrawal
    | AddressChange
    | IdentityChange
    | ReadUpTo
    | PreferenceChange
    | Complaint
    | PartNotRead
)


@dataclass(frozen=True)
class ProviderReceipt:
    """The provider took the message: ``provider_id`` is the id that its statuses will name."""

    provider_id: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SettingField:
    """One setting of a channel, for the admin's form and for the API's validation."""

    name: str
    label: Any
    help: Any = ""
    secret: bool = False
    required: bool = True
    default: Any = ""
    kind: str = "text"  # text | url | number | boolean | list
    # (value, label) of a text that is one of a few; (name, label) of what each entry of a list holds, where it is more than a text.
    choices: Sequence[tuple[str, Any]] = ()
    columns: Sequence[tuple[str, Any]] = ()


class ChannelAdapter(Protocol):
    """Translate between one provider's wire format and ours; decide nothing.

    Two attributes are optional, ``False`` where missing: ``honours_idempotency_key`` (calling ``send`` again with the same
    ``message.outbound.key`` delivers once, so a worker that died in between is no risk) and ``threads_by_reference`` (a message
    names the ones before it: then ``message.reply_to``, ``payload["subject"]`` and ``payload["references"]`` are filled in).
    """

    kind: str
    # The kind of contacts.Identifier that this channel writes to, and the kinds of a person's identifiers it can reach.
    address_kind: str
    reaches: frozenset[str]
    setting_fields: tuple[SettingField, ...]
    # Whether a signed webhook brings its events; False: a process fetches or a socket carries them.
    has_webhook: bool

    def validate_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings and secrets, cleaned. Raises django's ValidationError, keyed by field, with what to do."""
        ...

    def parse(self, *, channel: "Channel", event: "InboundEvent") -> list[Inbound]:
        """Every part of the event, in order. Pure: no database, no network. Raises ``UnreadableEvent``."""
        ...

    def send(self, *, channel: "Channel", message: "Message") -> ProviderReceipt:
        """Hand one message over; ``message.outbound.key`` is the idempotency key. Raises ``DeliveryError``, ``OutcomeUnknown``."""
        ...

    def fetch_media(self, *, channel: "Channel", attachment: "Attachment") -> tuple[bytes, str]:
        """Bytes and content type of an inbound file. Raises ``MediaGone``; any other error is tried again."""
        ...


@runtime_checkable
class ChecksConnection(Protocol):
    """An adapter that can try its settings out."""

    def check_connection(self, channel: "Channel") -> list[str]:
        """Log in wherever the channel has to (it need not be saved yet), send nothing. What does not work, in words."""
        ...


@runtime_checkable
class LooksPeopleUp(Protocol):
    """An adapter whose provider tells who an address is, where messages carry an id only."""

    address_kind: str

    def look_up(self, *, channel: "Channel", address: Address) -> Claim:
        """Name, user name and the like. Raises ``DeliveryError``."""
        ...


_adapters: dict[str, ChannelAdapter] = {}


def register(adapter: ChannelAdapter) -> None:
    """Called once per adapter from ``integrations.apps``."""
    _adapters[adapter.kind] = adapter


def adapter_for(kind: str) -> ChannelAdapter:
    """The adapter of a channel's kind. Raises ``KeyError`` for a kind that nobody registered."""
    return _adapters[kind]


def registered_kinds() -> list[str]:
    return list(_adapters)
