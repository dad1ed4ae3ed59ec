"""What every connector to another system offers, and the three errors it may raise.

A connector translates between one system's wire format and the values below. It decides nothing: what is new, who wins, what is
repeated and when is ``integrations.syncing``'s. ``docs/guides/write-a-connector.md`` shows how to write one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, runtime_checkable

from integrations.crm.errors import AlreadyThere, ConnectorError, Misconfigured, Permanent, Retry, Stale
from integrations.crm.oauth import OAuth
from integrations.crm.wire import Wire

__all__ = [
    "AlreadyThere",
    "Connector",
    "ConnectorError",
    "HearsHooks",
    "Misconfigured",
    "Notice",
    "OAuth",
    "Page",
    "Permanent",
    "Rate",
    "RemoteProperty",
    "RemoteRecord",
    "Retry",
    "SettingField",
    "Several",
    "Stale",
    "SuggestedRule",
]


@dataclass(frozen=True)
class RemoteRecord:
    """One record as the other system has it now.

    ``values``: property → value; text, a list of texts where the property holds several, or ``None``. ``version`` changes with every
    change of the record and is what ``write`` expects (ETag, timestamp). ``modified_at`` is aware, by the other system's clock.
    """

    object_type: str
    external_id: str
    version: str = ""
    modified_at: datetime | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    is_deleted: bool = False
    # The person's data was destroyed there on purpose, by their right; it never comes back.
    is_erased: bool = False
    # The record that took this one's place in a merge.
    merged_into: str = ""
    # The records whose place this one took, in systems that make a new one of two.
    made_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """Some of what changed. ``cursor`` is where the next page begins; it is stored after the page's records were written."""

    records: Sequence[RemoteRecord]
    cursor: str
    has_more: bool = False
    # Every id that exists, where the system was listed as a whole: a known record that is not among them is gone.
    every_id: frozenset[str] | None = None
    # How many records there are in all, where the system says so: for the progress bar.
    total: int | None = None


@dataclass(frozen=True)
class Several:
    """What to change in a property that holds several values: spellings to take out, as they were read, and values to add."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoteProperty:
    """One property of the remote schema."""

    name: str
    label: str
    type: str = "text"  # text, email, phone, date, boolean, enum
    is_several: bool = False
    is_writable: bool = True
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingField:
    """One line of the form by which an administrator connects."""

    name: str
    label: Any
    help: Any = ""
    is_secret: bool = False
    is_required: bool = True
    is_long: bool = False
    default: str = ""


@dataclass(frozen=True)
class SuggestedRule:
    """One line of the mapping that a new connection starts with; the words are those of ``integrations.models.Mapping``."""

    ours: str
    remote: str
    type: str = "text"
    is_several: bool = False
    direction: str = "both"
    policy: str = "newest"


@dataclass(frozen=True)
class Rate:
    """How many calls the other system takes: ``calls`` at once, refilled evenly over ``seconds``."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Notice:
    """A webhook says that something happened to a record: reason to read it, and nothing more is believed.

    ``is_erasure``: it was destroyed by the person's right, if it is indeed no longer there.
    """

    external_id: str
    is_erasure: bool = False


class Connector(Protocol):
    """One connected account of another system. Made anew for each piece of work; keeps nothing between them.

    ``settings`` holds what the form asks for, secrets too, and under ``mapped`` the properties that the mapping names, where there is one.
    ``about`` says in one sentence what of the other system is kept in step.
    """

    kind: ClassVar[str]
    label: ClassVar[Any]
    about: ClassVar[Any]
    object_type: ClassVar[str]
    setting_fields: ClassVar[tuple[SettingField, ...]]
    suggested_mapping: ClassVar[tuple[SuggestedRule, ...]]
    rate: ClassVar[Rate]
    can_merge: ClassVar[bool]
    # For how long ``changes`` tells that a record was deleted. Zero: never, so that ``gone`` is asked about some records with every
    # run; ``timedelta.max``: always. In between, ``gone`` is asked about every record after a longer silence.
    tells_deletions_for: ClassVar[timedelta]
    # How often a new connection asks for changes, and about how many calls that costs when there are none.
    poll_seconds: ClassVar[int]
    calls_per_poll: ClassVar[int]

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None: ...

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        """Names the account there without a secret: connections to one account share one budget of calls."""
        ...

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> OAuth | None:
        """Where an administrator lets us in by OAuth 2; ``None`` where the settings are enough. Calls then go by ``oauth.SignedIn``."""
        ...

    def check(self) -> None:
        """Sign in and look at what is needed. Raises ``Misconfigured`` with what to do, or ``Retry``."""
        ...

    def describe(self) -> list[RemoteProperty]:
        """The properties that a mapping may name."""
        ...

    def changes(self, cursor: str) -> Page:
        """What changed since ``cursor``, oldest first; an empty cursor begins with everything.

        A cursor must survive a restart and lag: reach back by an overlap rather than miss a change, the engine knows versions.
        A cursor that the other system forgot begins anew by itself.
        """
        ...

    def read(self, external_id: str) -> RemoteRecord | None:
        """The record now; a deleted or merged one says so; ``None`` where nothing is known of it."""
        ...

    def create(self, values: Mapping[str, Any], *, key: str) -> RemoteRecord:
        """A new record. With the same ``key`` twice it is one record: the first attempt may have gone through unheard."""
        ...

    def write(self, external_id: str, values: Mapping[str, Any], *, expected: str) -> RemoteRecord:
        """Change the named properties and nothing else, if the record still has the version ``expected``; else ``Stale``.

        Values are text, ``None`` to empty one, or ``Several``. Gives the record as it is afterwards, whatever the system made of it.
        """
        ...

    def merge(self, loser: str, survivor: str) -> None:
        """Make one record of two there. Called only where ``can_merge``."""
        ...

    def erase(self, external_id: str) -> None:
        """Destroy the record there, as far as the system can. A record that is gone already is no error."""
        ...

    def gone(self, external_ids: Collection[str]) -> set[str]:
        """Which of these no longer exist and will not be told by ``changes``. It may look at only some of them."""
        ...


@runtime_checkable
class HearsHooks(Protocol):
    """What the connector of a system that sends webhooks offers besides: they come to ``/hooks/crm/<key of the connection>/``."""

    @classmethod
    def verify_hook(
        cls, settings: Mapping[str, Any], *, method: str, url: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> bool:
        """Whether the request comes from that system, judged by the raw bytes. Names of headers in lower case; ``now`` in seconds."""
        ...

    @classmethod
    def read_hook(cls, settings: Mapping[str, Any], body: bytes) -> Sequence[Notice]:
        """Which records it is about, each once. Raises ``ValueError`` for what makes no sense."""
        ...

    def read_several(self, external_ids: Collection[str]) -> dict[str, RemoteRecord]:
        """As ``read``, of many at once; what is not there is left out."""
        ...
