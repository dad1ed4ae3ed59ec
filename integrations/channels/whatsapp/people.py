"""Who is on the other side: by phone number, by business-scoped user id (BSUID), or by both."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import Certainty, IdentifierKind
from integrations.meta.reading import MAX_ADDRESS, UnreadablePart, rows, text

# US.13491208655302741918, or US.ENT.… across the portfolios of one enterprise.
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_PHONE = re.compile(r"\+?[0-9]{5,20}")


def is_bsuid(value: str) -> bool:
    return bool(_BSUID.fullmatch(value))


@dataclass(frozen=True)
class Person:
    """One user of WhatsApp as one webhook tells of them. ``phone`` holds digits without a plus, as WhatsApp spells them."""

    phone: str = ""
    user_id: str = ""
    other_phone: str = ""
    name: str = ""
    username: str = ""

    @property
    def address(self) -> Address:
        """The number where there is one: it is older than BSUIDs, and conversations hang from it."""
        if self.phone:
            return Address(IdentifierKind.WHATSAPP, self.phone)
        if self.user_id:
            return Address(IdentifierKind.WHATSAPP_USER, self.user_id)
        raise UnreadablePart("nobody is named")

    def claim(self, *, portfolio: str, shared: Iterable[ClaimedIdentifier] = ()) -> Claim:
        """What WhatsApp attests: the number, the phone behind it, the BSUID within its portfolio."""
        found = []
        for phone in dict.fromkeys(value for value in (self.phone, self.other_phone) if value):
            found.append(ClaimedIdentifier(IdentifierKind.WHATSAPP, phone, Certainty.ATTESTED))
            found.append(ClaimedIdentifier(IdentifierKind.PHONE, f"+{phone}", Certainty.ATTESTED))
        if self.user_id:
            found.append(ClaimedIdentifier(IdentifierKind.WHATSAPP_USER, self.user_id, Certainty.ATTESTED, scope=portfolio))
        given = {"name": self.name, "username": self.username}
        return Claim(identifiers=(*found, *shared), given={key: value for key, value in given.items() if value})


@dataclass(frozen=True)
class People:
    """The ``contacts`` of one change. ``alone``: everything in the change comes from one sender."""

    contacts: list[dict[str, Any]] = field(default_factory=list)
    alone: bool = False

    @classmethod
    def of(cls, value: dict[str, Any]) -> "People":
        senders = {text(message, "from") or text(message, "from_user_id") for message in rows(value, "messages")}
        return cls(rows(value, "contacts"), alone=len(senders - {""}) <= 1)

    def named(self, *ids: str) -> Person:
        """The person with one of these numbers or BSUIDs, with what the contacts say of them. Raises ``UnreadablePart``."""
        ids = tuple(id for id in (value.strip() for value in ids) if id)
        contact = self._contact(ids)
        wa_id, user_id = text(contact, "wa_id").strip(), text(contact, "user_id").strip()
        candidates = (*ids, wa_id, user_id)
        phones = list(dict.fromkeys(value.lstrip("+") for value in candidates if _PHONE.fullmatch(value)))
        bsuids = [value for value in candidates if is_bsuid(value)]
        if not phones and not bsuids:
            # A spelling of tomorrow still names somebody, and WhatsApp takes it back as it gave it.
            bsuids = [value for value in candidates if value and len(value) <= MAX_ADDRESS][:1]
        if not phones and not bsuids:
            raise UnreadablePart("the sender is missing")
        return Person(
            phone=phones[0] if phones else "",
            other_phone=phones[1] if len(phones) > 1 else "",
            user_id=bsuids[0] if bsuids else "",
            name=text(contact, "profile", "name").strip()[:200],
            username=text(contact, "profile", "username").strip()[:100],
        )

    def _contact(self, ids: tuple[str, ...]) -> dict[str, Any]:
        keys = {value.lstrip("+") for value in ids}
        for contact in self.contacts:
            if keys & {text(contact, "wa_id").lstrip("+"), text(contact, "user_id"), text(contact, "parent_user_id")} - {""}:
                return contact
        # The id and the number of a person may differ in spelling (Mexico, Argentina): one message, one contact.
        return self.contacts[0] if len(self.contacts) == 1 and self.alone else {}
