"""What is exported, row by row, in a constant number of queries for every lot of rows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consent.fingerprints import point_of
from consent.models import ConsentEvent
from consent.points import ADDRESSES
from contacts.models import Contact, Identifier, Profile
from contacts.queries import contacts_found, having, visible_contacts
from inbox.counters import IMPORTED
from inbox.models import Direction, Message
from integrations.models.exports import Export

LOT = 500
SEPARATOR = "; "
# Headings that an import takes for what they are (integrations.importing.columns).
PEOPLE = {
    "hilo_id": "int",
    "name": "text",
    "email": "texts",
    "phone": "texts",
    "whatsapp": "texts",
    "national_id": "texts",
    "customer_number": "texts",
    "company": "text",
    "street": "text",
    "city": "text",
    "postcode": "text",
    "country": "text",
    "language": "text",
    "date_of_birth": "text",
    "since": "moment",
    "last_seen": "moment",
}
MESSAGES = {
    "conversation": "text",
    "message_id": "text",
    "at": "moment",
    "direction": "text",
    "channel": "text",
    "body": "text",
    "subject": "text",
    "author": "text",
    "status": "text",
    "hilo_contact": "int",
    "name": "text",
    "email": "texts",
    "phone": "texts",
}
CONSENTS = {
    "at": "moment",
    "action": "text",
    "purpose": "text",
    "channel": "text",
    "kind": "text",
    "address": "text",
    "origin": "text",
    "notice": "int",
    "hilo_contact": "int",
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """``columns``: heading → text, texts, int or moment. ``count`` and ``rows`` take the filters of an export."""

    columns: Mapping[str, str]
    count: Callable[[Mapping[str, str]], int]
    rows: Callable[[Mapping[str, str]], Iterator[list[Row]]]


def _people(filters: Mapping[str, str]) -> Any:
    """The contacts that the directory shows with these filters."""
    words = filters.get("q", "").strip()
    return having(filters.get("fix", ""), contacts_found(words) if words else visible_contacts()).filter(is_erased=False)


def lots(queryset: Any) -> Iterator[list[Any]]:
    """The rows in the order of their ids, so that what is written meanwhile neither doubles nor hides one."""
    last = 0
    while lot := list(queryset.filter(pk__gt=last).order_by("pk")[:LOT]):
        yield lot
        last = lot[-1].pk


def _addresses(contact_ids: set[int]) -> dict[int, dict[str, list[str]]]:
    found: dict[int, dict[str, list[str]]] = {pk: {} for pk in contact_ids}
    rows = Identifier.scoped().filter(profile__contact__in=contact_ids, valid_to=None).order_by("pk")
    for contact_id, kind, value in rows.values_list("profile__contact_id", "kind", "value"):
        values = found[contact_id].setdefault(kind, [])
        if value not in values:
            values.append(value)
    return found


def contact_rows(contacts: Any) -> Iterator[list[Row]]:
    for lot in lots(contacts):
        addresses = _addresses({contact.pk for contact in lot})
        yield [_contact_row(contact, addresses[contact.pk]) for contact in lot]


def _contact_row(contact: Contact, addresses: Mapping[str, list[str]]) -> Row:
    whatsapp = [f"+{value}" for value in addresses.get("whatsapp", [])]
    row: dict[str, Any] = {
        "hilo_id": contact.pk,
        "name": contact.fields.get("name", {}).get("value", ""),
        "email": addresses.get("email", []),
        # A WhatsApp number stands in a column of its own.
        "phone": [value for value in addresses.get("phone", []) if value not in whatsapp],
        "whatsapp": whatsapp,
        "national_id": addresses.get("national_id", []),
        "customer_number": addresses.get("customer_number", []),
        "since": contact.born_at,
        "last_seen": contact.last_seen_at,
    }
    return {name: row.get(name, str(contact.fields.get(name, {}).get("value", "") or "")) for name in PEOPLE}


def _is_filtered(filters: Mapping[str, str]) -> bool:
    return bool(filters.get("q", "").strip() or filters.get("fix"))


def spoken_messages() -> Any:
    """What was said either way and not withdrawn."""
    return Message.scoped().filter(direction__in=(Direction.IN, Direction.OUT), withdrawn_at=None)


def _messages(filters: Mapping[str, str]) -> Any:
    found = spoken_messages()
    return found.filter(strand__profile__contact__in=_people(filters)) if _is_filtered(filters) else found


def message_rows(messages: Any) -> Iterator[list[Row]]:
    for lot in lots(messages.select_related("strand__profile__contact", "channel", "author__user", "identifier")):
        addresses = _addresses({message.strand.profile.contact_id for message in lot})
        yield [_message_row(message, addresses[message.strand.profile.contact_id]) for message in lot]


def _message_row(message: Message, addresses: Mapping[str, list[str]]) -> Row:
    contact = message.strand.profile.contact
    imported = message.payload.get("imported", {}) if message.author_kind == IMPORTED else {}
    return {
        "hilo_message": message.pk,
        "conversation": str(message.strand.conversation_id),
        "message_id": message.provider_id or str(message.pk),
        "at": message.occurred_at,
        "direction": message.direction,
        "channel": message.channel.kind if message.channel else imported.get("channel", ""),
        "body": message.body,
        "subject": str(message.payload.get("subject", "")),
        "author": str(message.author) if message.author else imported.get("author") or message.author_kind,
        "status": message.status,
        "hilo_contact": contact.pk,
        "name": contact.fields.get("name", {}).get("value", ""),
        "email": addresses.get("email", []),
        "phone": addresses.get("phone", []),
    }


def _consents(filters: Mapping[str, str]) -> Any:
    found = ConsentEvent.scoped()
    if _is_filtered(filters):
        found = found.filter(profile__contact__in=_people(filters))
    return found


def consent_rows(events: Any) -> Iterator[list[Row]]:
    for lot in lots(events.select_related("point", "notice")):
        profile_ids = {event.profile_id for event in lot if event.profile_id}
        people = dict(Profile.scoped().filter(pk__in=profile_ids, erased_at=None).values_list("pk", "contact_id"))
        identifiers = Identifier.scoped().filter(profile__contact__in=people.values(), kind__in=ADDRESSES)
        # The ledger knows addresses by their fingerprints only.
        spelt = {point_of(identifier).lookup: identifier.value for identifier in identifiers}
        yield [_consent_row(event, people, spelt) for event in lot]


def _consent_row(event: ConsentEvent, people: Mapping[int, int], spelt: Mapping[str, str]) -> Row:
    return {
        "hilo_event": event.pk,
        "at": event.occurred_at,
        "action": event.action,
        "purpose": event.purpose,
        "channel": event.channel,
        "kind": event.point.kind,
        "address": spelt.get(event.point.lookup_hmac, ""),
        "origin": event.source,
        "notice": event.notice.number if event.notice else None,
        "hilo_contact": people.get(event.profile_id or 0),
    }


TABLES: dict[str, Table] = {
    Export.Kind.CONTACTS: Table(PEOPLE, lambda filters: _people(filters).count(), lambda filters: contact_rows(_people(filters))),
    Export.Kind.CONVERSATIONS: Table(
        MESSAGES, lambda filters: _messages(filters).count(), lambda filters: message_rows(_messages(filters))
    ),
    Export.Kind.CONSENTS: Table(CONSENTS, lambda filters: _consents(filters).count(), lambda filters: consent_rows(_consents(filters))),
}
