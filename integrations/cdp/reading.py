"""Read one message of Segment's tracking specification. Pure: JSON in, a dataclass out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from contacts.dates import read_date

KINDS = ("identify", "track", "page", "screen", "alias")
LONGEST_ID, LONGEST_NAME, LONGEST_TEXT = 320, 200, 500
# What is said to have happened before this comes from a broken clock.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# Traits that contacts have as fields, and those within ``address``: theirs → ours.
TRAITS = ("name", "company", "language", "username", "city", "country")
PLACES = {"street": "address", "city": "city", "postalCode": "postal_code", "country": "country"}


class Rejected(Exception):
    """The message says nothing that can be taken; the text says why, for people."""


@dataclass(frozen=True)
class Said:
    """A message in our words. ``email`` and ``phone`` are as they were given: empty takes the value away, ``None`` says nothing."""

    kind: str
    user_id: str
    anonymous_id: str
    previous_id: str
    occurred_at: datetime
    given: Mapping[str, Any] = field(default_factory=dict)
    email: str | None = None
    phone: str | None = None
    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


def read(*, kind: str, body: Mapping[str, Any], sent_at: datetime | None, received_at: datetime) -> Said:
    """Raises ``Rejected``."""
    if kind not in KINDS:
        raise Rejected(_("“%(kind)s” is not taken: send identify, track, page, screen or alias.") % {"kind": kind})
    user, anonymous, previous = (_id(body, name) for name in ("userId", "anonymousId", "previousId"))
    if not user and not anonymous:
        raise Rejected(_("It says neither userId nor anonymousId."))
    if kind == "alias" and not (previous and user):
        raise Rejected(_("An alias needs previousId and userId."))
    at = moment(read_time(body.get("timestamp")), sent_at=sent_at, received_at=received_at)
    if kind == "identify":
        traits = _mapping(body, "traits")
        return Said(kind, user, anonymous, previous, at, _given(traits), _text(traits, "email"), _text(traits, "phone"))
    if kind == "alias":
        return Said(kind, user, anonymous, previous, at)
    properties = _mapping(body, "properties")
    return Said(kind, user, anonymous, previous, at, name=_name(kind, body, properties), properties=properties)


def moment(said: datetime | None, *, sent_at: datetime | None, received_at: datetime) -> datetime:
    """When it happened by our clock: the sender's clock is off by as much as its "sent" differs from our "received".

    What then lies ahead, or long before anything, happened when it was received.
    """
    if said is None:
        return received_at
    try:
        at = received_at - (sent_at - said) if sent_at is not None else said
    except OverflowError:
        return received_at
    return at if EARLIEST <= at <= received_at else received_at


def read_time(value: Any) -> datetime | None:
    """A time in ISO 8601, in UTC where it names no zone; ``None`` for anything else."""
    try:
        found = parse_datetime(value) if isinstance(value, str) and len(value) < 60 else None
        if found is None:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _id(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not 0 < len(str(value).strip()) <= LONGEST_ID:
        raise Rejected(_("%(name)s must be text of at most %(length)d characters.") % {"name": name, "length": LONGEST_ID})
    return str(value).strip()


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Rejected(_("%(name)s must be an object.") % {"name": name})
    return value


def _text(traits: Mapping[str, Any], name: str) -> str | None:
    """``None`` where nothing is said; empty where it is said to be nothing."""
    value = traits.get(name)
    if value is None:
        return "" if name in traits else None
    return str(value).strip()[:LONGEST_TEXT] if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _given(traits: Mapping[str, Any]) -> dict[str, Any]:
    """What the traits say of the fields that contacts have. Null takes a value away; what is not said stays."""
    company = traits.get("company")
    flat = {**traits, "company": company.get("name")} if isinstance(company, Mapping) else traits
    given: dict[str, Any] = {name: value for name in TRAITS if (value := _text(flat, name)) is not None}
    whole = " ".join(part for part in (_text(traits, "firstName"), _text(traits, "lastName")) if part)
    if whole and not given.get("name"):
        given["name"] = whole
    address = traits.get("address")
    places = address if isinstance(address, Mapping) else {"street": address} if "address" in traits else {}
    for theirs, ours in PLACES.items():
        if (value := _text(places, theirs)) is not None:
            given.setdefault(ours, value)
    birthday = _text(traits, "birthday")
    day = read_date(birthday[:10]) if birthday else None
    if day is not None:
        given["date_of_birth"] = day.isoformat()
    return given


def _name(kind: str, body: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    if kind == "track":
        name = body.get("event")
        if not isinstance(name, str) or not name.strip():
            raise Rejected(_("A track needs the name of its event."))
        return name.strip()[:LONGEST_NAME]
    candidates = (body.get("name"), *(properties.get(each) for each in ("name", "title", "path", "url")))
    return next((each.strip() for each in candidates if isinstance(each, str) and each.strip()), kind)[:LONGEST_NAME]
