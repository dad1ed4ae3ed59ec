"""What a message, a form or a record says about the person it comes from: the input of matching."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contacts.models import Certainty


@dataclass(frozen=True)
class Address:
    """Where somebody writes from, on one channel: ``value`` is the provider's own spelling, stable for that person."""

    kind: str  # an IdentifierKind
    value: str


@dataclass(frozen=True)
class ClaimedIdentifier:
    """One identifier as it was given. ``scope`` is empty where the value is unique within the account."""

    kind: str
    raw: str
    certainty: str = Certainty.CLAIMED
    scope: str = ""


@dataclass(frozen=True)
class Claim:
    """Everything a source says about its person. ``given`` maps fields (name, language, username, city …) to values as given."""

    identifiers: tuple[ClaimedIdentifier, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
