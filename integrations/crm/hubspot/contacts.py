"""A HubSpot contact as a record, and the other way round. Pure.

What HubSpot keeps in two properties is one here: ``name`` (firstname, lastname), ``emails`` (the primary one and the others) and
``phones`` (phone, mobilephone). All other properties go by their own names.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.crm.contract import Permanent, RemoteRecord, Several

CONTACT = "contact"
NAME, EMAILS, PHONES = "name", "emails", "phones"
PRIMARY, OTHERS = "email", "hs_additional_emails"
PHONE_PLACES = ("phone", "mobilephone")
MERGED, MODIFIED = "hs_merged_object_ids", "lastmodifieddate"
TOGETHER = {NAME: ("firstname", "lastname"), EMAILS: (PRIMARY, OTHERS), PHONES: PHONE_PLACES}
ALWAYS = (MODIFIED, MERGED, *(each for several in TOGETHER.values() for each in several))

Row = Mapping[str, Any]


def said(row: Row, name: str) -> str:
    """One property's text; empty where it has none."""
    value = (row.get("properties") or {}).get(name)
    return "" if value is None else str(value).strip()


def emails_of(row: Row) -> list[str]:
    """The primary address, then the others."""
    return list(dict.fromkeys(filter(None, [said(row, PRIMARY), *_list(said(row, OTHERS))])))


def merged_ids(row: Row) -> list[str]:
    """The contacts that this one was made of."""
    return _list(said(row, MERGED))


def version_of(row: Row) -> str:
    return said(row, MODIFIED) or str(row.get("updatedAt") or "")


def record_of(row: Row) -> RemoteRecord:
    """The contact as it is. Raises ``Permanent`` for what has no id."""
    if not row.get("id"):
        raise Permanent("A contact has no id")
    values: dict[str, Any] = {name: value if value != "" else None for name, value in (row.get("properties") or {}).items()}
    values[NAME] = " ".join(f"{said(row, 'firstname')} {said(row, 'lastname')}".split()) or None
    values[EMAILS] = emails_of(row)
    values[PHONES] = [number for number in (said(row, place) for place in PHONE_PLACES) if number]
    return RemoteRecord(
        CONTACT,
        str(row["id"]),
        version=version_of(row),
        modified_at=moment_of(version_of(row)),
        values=values,
        is_deleted=bool(row.get("archived")),
        made_of=tuple(merged_ids(row)),
    )


def merged_record(external_id: str, row: Row) -> RemoteRecord:
    """An id that leads to another contact since a merge."""
    return RemoteRecord(CONTACT, external_id, version=version_of(row), modified_at=moment_of(version_of(row)), merged_into=str(row["id"]))


def properties_of(row: Row | None, values: Mapping[str, Any]) -> dict[str, str]:
    """What to send so that the contact has the values; ``row`` is the contact as it was just read, ``None`` for a new one."""
    row = row or {}
    properties: dict[str, str] = {}
    for name, value in values.items():
        if name == NAME:
            properties |= _name(row, value or "")
        elif name == EMAILS:
            wanted = several(emails_of(row), value)
            properties |= {PRIMARY: wanted[0] if wanted else "", OTHERS: ";".join(wanted[1:])}
        elif name == PHONES:
            properties |= _phones(row, value)
        else:
            properties[name] = _text(value)
    return {name: value for name, value in properties.items() if value != said(row, name)}


def several(now: list[str], change: Any) -> list[str]:
    """The list after the change; those that stay keep their order."""
    if not isinstance(change, Several):
        return [change] if change else []
    kept = [each for each in now if each not in change.remove]
    return [*kept, *(each for each in change.add if each not in kept)]


def _name(row: Row, name: str) -> dict[str, str]:
    """A last name that is still the end of the name stays one; otherwise the first word is the first name."""
    words, last = " ".join(name.split()), said(row, "lastname")
    if last and words.endswith(f" {last}"):
        return {"firstname": words.removesuffix(last).strip(), "lastname": last}
    first, _space, rest = words.partition(" ")
    return {"firstname": first, "lastname": rest}


def _phones(row: Row, change: Any) -> dict[str, str]:
    """There are two places: a number stays where it is, a new one takes a free place. What finds none is not sent."""
    wanted = several([number for number in (said(row, place) for place in PHONE_PLACES) if number], change)
    places = {place: said(row, place) if said(row, place) in wanted else "" for place in PHONE_PLACES}
    new = [number for number in wanted if number not in places.values()]
    for place in PHONE_PLACES:
        if not places[place] and new:
            places[place] = new.pop(0)
    return places


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Several):
        return ";".join(value.add)
    return "" if value is None else str(value)


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(";") if each.strip()]


def moment_of(text: str) -> datetime | None:
    """ISO 8601, or milliseconds since 1970."""
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def milliseconds(text: str) -> int:
    """A moment as the search writes it; 0 for what is none."""
    moment = moment_of(text)
    return round(moment.timestamp() * 1000) if moment else 0
