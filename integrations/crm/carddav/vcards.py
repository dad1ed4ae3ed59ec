"""Read and change vCards (3.0 and 4.0): what nobody maps stays in the card as it was."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import vobject
from django.utils.translation import gettext as _
from vobject.vcard import Address, Name

from integrations.crm.contract import Permanent, RemoteProperty, Several

PROPERTIES = (
    RemoteProperty("fn", "FN"),
    RemoteProperty("email", "EMAIL", type="email", is_several=True),
    RemoteProperty("tel", "TEL", type="phone", is_several=True),
    RemoteProperty("adr.street", "ADR · street"),
    RemoteProperty("adr.city", "ADR · city"),
    RemoteProperty("adr.region", "ADR · region"),
    RemoteProperty("adr.code", "ADR · postal code"),
    RemoteProperty("adr.country", "ADR · country"),
    RemoteProperty("bday", "BDAY", type="date"),
    RemoteProperty("org", "ORG"),
    RemoteProperty("title", "TITLE"),
    RemoteProperty("note", "NOTE"),
)
SEVERAL = frozenset({"email", "tel"})
PLAIN = frozenset({"fn", "bday", "title", "note"})
_TEL_URI = "tel:"


def read_card(text: str) -> Any:
    """The card. Raises ``Permanent`` for what is none."""
    try:
        card = vobject.readOne(text)
    except (vobject.base.VObjectError, ValueError, StopIteration, AttributeError, IndexError) as error:
        raise Permanent(_("The card cannot be read.")) from error
    if card is None or getattr(card, "name", "") != "VCARD":
        raise Permanent(_("The card cannot be read."))
    return card


def values_of(card: Any) -> dict[str, Any]:
    """Property → value, for every property that may be mapped."""
    address = _first(card, "adr")
    found: dict[str, Any] = {name: _text(_first(card, name)) for name in PLAIN}
    found["org"] = _organisation(_first(card, "org"))
    found |= {f"adr.{part}": _text(getattr(address, part, None)) for part in ("street", "city", "region", "code", "country")}
    found["email"] = [str(line.value).strip() for line in card.contents.get("email", []) if str(line.value).strip()]
    found["tel"] = [number for line in card.contents.get("tel", []) if (number := _number(line.value))]
    if not found["fn"] and (name := _first(card, "n")) is not None:
        found["fn"] = " ".join(str(each) for each in (name.given, name.family) if each) or None
    return found


def new_card(key: str) -> Any:
    """An empty card whose UID follows from the key."""
    card = vobject.vCard()
    card.add("uid").value = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
    return card


def change_card(card: Any, values: Mapping[str, Any], *, at: datetime) -> str:
    """The card's text with the values set and everything else as it was. Raises ``Permanent`` for an unknown property."""
    for name, value in values.items():
        if name in SEVERAL:
            _set_several(card, name, value)
        elif name.startswith("adr."):
            _set_address(card, name.removeprefix("adr."), value)
        elif name in PLAIN or name == "org":
            _set(card, name, [value] if name == "org" and value else value)
        else:
            raise Permanent(_("“%(name)s” cannot be written there.") % {"name": name})
    if values.get("fn") and ("n" in values or "n" in card.contents or _version(card) == "3.0"):
        given, _space, family = values["fn"].partition(" ")
        _set(card, "n", Name(family=family, given=given))
    if not _text(_first(card, "fn")):
        _set(card, "fn", next(iter([*values_of(card)["email"], *values_of(card)["tel"]]), "—"))
    _set(card, "rev", at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"))
    try:
        text: str = card.serialize()
    except (vobject.base.VObjectError, ValueError, TypeError, AttributeError) as error:
        raise Permanent(_("The card cannot be written.")) from error
    return text


def _set(card: Any, name: str, value: Any) -> None:
    lines = card.contents.get(name, [])
    if not value:
        for line in list(lines):
            card.remove(line)
    elif lines:
        lines[0].value = value
    else:
        card.add(name).value = value


def _set_address(card: Any, part: str, value: str | None) -> None:
    if not card.contents.get("adr"):
        if not value:
            return
        card.add("adr").value = Address()
    setattr(card.contents["adr"][0].value, part, value or "")


def _set_several(card: Any, name: str, value: Any) -> None:
    read = _number if name == "tel" else lambda line: str(line).strip()
    known = list(card.contents.get(name, []))
    if not isinstance(value, Several):
        value = Several(add=(value,) if value else (), remove=tuple(read(line.value) for line in known if read(line.value) != value))
    for line in known:
        if read(line.value) in value.remove:
            card.remove(line)
    there = {read(line.value) for line in card.contents.get(name, [])}
    for each in value.add:
        if each not in there:
            line = card.add(name)
            line.value = f"{_TEL_URI}{each}" if name == "tel" and _version(card) == "4.0" else each
            if name == "tel" and _version(card) == "4.0":
                line.value_param = "uri"


def _number(value: Any) -> str:
    return str(value).strip().removeprefix(_TEL_URI)


def _version(card: Any) -> str:
    return _text(_first(card, "version")) or "3.0"


def _first(card: Any, name: str) -> Any:
    lines = card.contents.get(name)
    return lines[0].value if lines else None


def _text(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(each) for each in value)
    return str(value).strip() or None if value is not None else None


def _organisation(value: Any) -> str | None:
    return _text([each for each in value if each]) if isinstance(value, (list, tuple)) else _text(value)
