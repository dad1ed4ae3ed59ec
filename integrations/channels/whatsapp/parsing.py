"""From a webhook's bytes to what happened: every message and status of every change of every entry."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from contacts.claims import Address
from inbox.adapters import (
    AddressChange,
    DeliveryError,
    IdentityChange,
    Inbound,
    InboundMessage,
    MessageEdit,
    MessageReaction,
    MessageWithdrawal,
    PartNotRead,
    PreferenceChange,
    StatusUpdate,
    UnreadableEvent,
)
from integrations.channels.whatsapp.contents import Content, content_of
from integrations.channels.whatsapp.failures import STOPPED_MARKETING, WHATSAPP
from integrations.channels.whatsapp.people import People, Person, is_bsuid
from integrations.meta.failures import failure_for
from integrations.meta.reading import UnreadablePart, all_rows, entries, identifier, mapping, moment, rows, text

log = structlog.get_logger("hilo.whatsapp")

MARKETING = "marketing_messages"
# Another phone has the number: perhaps another person's.
IDENTITY_CHANGED = "identity_changed"
# What Meta tells about templates, quality and the address book: nothing of it is lost when it is not taken.
NOTICES = frozenset(
    "account_review_update account_settings_update automatic_events business_capability_update business_status_update flows "
    "message_template_components_update message_template_quality_update message_template_status_update "
    "payment_configuration_update phone_number_name_update phone_number_quality_update security smb_app_state_sync "
    "template_category_update template_correct_category_detection tracking_events user_id_update".split()
)
STATUSES = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed"}


def parse(body: bytes, *, phone_number_id: str, portfolio: str, received_at: Any = None) -> list[Inbound]:
    """Everything that happened on the channel's number, in the order of the batch.

    ``portfolio`` is what BSUIDs are unique within, where the entry does not say. A part that cannot be read is a message of kind
    ``unsupported`` where it names its sender, else a ``PartNotRead``. Raises ``UnreadableEvent`` where nothing is for this number.
    """
    parts: list[Inbound] = []
    foreign: set[str] = set()
    for entry in entries(body, expected="whatsapp_business_account"):
        if isinstance(entry, PartNotRead):
            parts.append(entry)
            continue
        for change in all_rows(entry, "changes"):
            if isinstance(change, PartNotRead):
                parts.append(change)
                continue
            value = mapping(change, "value")
            number = text(value, "metadata", "phone_number_id")
            if number and number != phone_number_id:
                foreign.add(number)
                continue
            scope = f"whatsapp:{text(entry, 'id') or portfolio}"
            parts += _Change(value, text(change, "field"), People.of(value), scope, received_at).parts()
    if foreign:
        other = f"This is for phone number id {', '.join(sorted(foreign))[:300]}; the channel's is {phone_number_id}."
        if not parts:
            raise UnreadableEvent(f"{other} Correct the channel and replay.")
        parts.append(PartNotRead(other))
    return parts


@dataclass(frozen=True)
class _Change:
    value: dict[str, Any]
    field: str
    people: People
    portfolio: str
    received_at: Any

    def parts(self) -> list[Inbound]:
        readers: tuple[tuple[str, Callable[[dict[str, Any]], Iterable[Inbound]]], ...] = (
            ("messages", self._message),
            ("message_echoes", self._echo),
            ("calls", self._call),
            ("statuses", self._status),
            ("user_preferences", self._preference),
        )
        found: list[Inbound] = []
        for name, read in readers:
            for part in all_rows(self.value, name):
                try:
                    found += [part] if isinstance(part, PartNotRead) else read(part)
                except UnreadablePart as error:
                    found.append(PartNotRead(f"{name} {text(part, 'id')[:80] or 'without id'}: {error}"))
        for told in rows(self.value, "errors"):
            found.append(PartNotRead(f"WhatsApp reports an error of the account: {text(told, 'code')} {_details(told)[:300]}"))
        if not found and not any(name in self.value for name, _read in readers) and self.field not in NOTICES:
            found.append(PartNotRead(f"Hilo takes nothing from '{self.field[:80]}'{_notice(self.value)}"))
        return found

    def _message(self, message: dict[str, Any]) -> list[Inbound]:
        return self._said(message, self.people.named(text(message, "from"), text(message, "from_user_id")), is_echo=False)

    def _echo(self, message: dict[str, Any]) -> list[Inbound]:
        """Something that the business wrote in the WhatsApp Business app on its phone."""
        receiver = self.people.named(*(text(message, key) for key in ("to", "to_user_id", "recipient_user_id")))
        return self._said(message, receiver, is_echo=True)

    def _said(self, message: dict[str, Any], person: Person, *, is_echo: bool) -> list[Inbound]:
        at, kind = self._at(message), text(message, "type")
        try:
            if kind == "reaction":
                target = identifier(message, "reaction", "message_id")
                return [MessageReaction(target, person.address, text(message, "reaction", "emoji")[:64], at)]
            if kind == "edit":
                return [self._edit(message, person, at)]
            if kind == "revoke":
                return [MessageWithdrawal(identifier(message, "revoke", "original_message_id"), person.address, at)]
            if kind == "system" and text(message, "system", "type").endswith(IDENTITY_CHANGED):
                return [IdentityChange(person.address, at)]
            if kind == "system" and (change := self._address_change(message, person, at)) is not None:
                return [change]
            content = content_of(message)
        except UnreadablePart as error:
            log.warning("whatsapp_unreadable_message", type=kind[:40], provider_id=text(message, "id")[:200], reason=str(error))
            content = Content("unsupported", payload={"type": kind, "reason": str(error)})
        return [self._inbound(message, person, at, content, is_echo=is_echo)]

    def _inbound(self, message: dict[str, Any], person: Person, at: datetime, content: Content, *, is_echo: bool) -> InboundMessage:
        answered = text(message, "context", "id") or text(message, "context", "message_id")
        return InboundMessage(
            provider_id=identifier(message, "id"),
            sender=person.address,
            occurred_at=at,
            claim=person.claim(portfolio=self.portfolio, shared=content.shared),
            kind=content.kind,
            body=content.body,
            payload={**content.payload, **_circumstances(message)},
            files=content.files,
            reply_to=(answered,) if answered else (),
            is_echo=is_echo,
            raw=message,
        )

    def _edit(self, message: dict[str, Any], person: Person, at: datetime) -> MessageEdit:
        target = identifier(message, "edit", "original_message_id")
        changed = mapping(message, "edit", "message")
        return MessageEdit(target, person.address, content_of(changed).body, at)

    def _address_change(self, message: dict[str, Any], person: Person, at: datetime) -> AddressChange | None:
        """A new number, and with it a new BSUID; or a new BSUID where no number may be told."""
        system = mapping(message, "system")
        if not text(system, "type").endswith(("changed_number", "changed_user_id")):
            return None
        phone = text(system, "wa_id") or text(system, "new_wa_id")
        successor = People().named(phone, text(system, "user_id"))
        former = person.address
        if not person.phone and is_bsuid(previous := text(system, "previous_user_id")):
            former = Address(former.kind, previous)
        if successor.address == former:
            raise UnreadablePart("the new address is the old one")
        return AddressChange(former, successor.address, successor.claim(portfolio=self.portfolio), at)

    def _call(self, call: dict[str, Any]) -> list[Inbound]:
        """A call rings or ends. Both carry the call's id, so the event makes each its own message."""
        ours = text(call, "direction") == "BUSINESS_INITIATED"
        person = self.people.named(
            *((text(call, "to"), text(call, "to_user_id")) if ours else (text(call, "from"), text(call, "from_user_id")))
        )
        event = text(call, "event") or "call"
        facts = {"event": event, "status": text(call, "status"), "direction": "out" if ours else "in", "seconds": call.get("duration")}
        content = Content("call", payload={key: value for key, value in facts.items() if isinstance(value, (str, int)) and value != ""})
        told = {**call, "id": f"{identifier(call, 'id', longest=360)}:{event[:30]}"}
        # A session description is of no use later, and large.
        told.pop("session", None)
        return [self._inbound(told, person, self._at(call), content, is_echo=ours)]

    def _status(self, status: dict[str, Any]) -> list[Inbound]:
        if text(status, "type") == "call" or text(status, "status") not in STATUSES:
            return []
        at = self._at(status)
        keys = ("recipient_participant_id", "recipient_participant_user_id", "recipient_id", "recipient_user_id")
        recipients = [found for key in keys if (found := text(status, key))]
        errors = rows(status, "errors")
        code = errors[0].get("code") if errors else None
        failure = _failure(errors[0]) if errors else None
        update = StatusUpdate(
            provider_id=identifier(status, "id"),
            status=STATUSES[text(status, "status")],
            occurred_at=at,
            recipient=recipients[0][:200] if recipients else "",
            code=str(code) if code is not None else "",
            text=failure.text if failure else "",
            key=text(status, "biz_opaque_callback_data")[:64],
            is_of_channel=bool(failure and failure.is_of_channel),
        )
        if code == STOPPED_MARKETING and recipients:
            # The refusal tells of a choice that we may never have been told of.
            return [update, PreferenceChange(self.people.named(*recipients).address, MARKETING, False, at)]
        return [update]

    def _preference(self, preference: dict[str, Any]) -> list[Inbound]:
        person = self.people.named(text(preference, "wa_id"), text(preference, "user_id"))
        wants = {"stop": False, "resume": True}.get(text(preference, "value"))
        if wants is None:
            raise UnreadablePart(f"a preference of {text(preference, 'value')[:40]!r}")
        return [PreferenceChange(person.address, text(preference, "category")[:100] or MARKETING, wants, self._at(preference))]

    def _at(self, part: dict[str, Any]) -> datetime:
        return moment(part.get("timestamp"), fallback=self.received_at)


def _circumstances(message: dict[str, Any]) -> dict[str, Any]:
    """How a message came: forwarded, from an advertisement, about a product, in a group."""
    context = mapping(message, "context")
    found = {
        "forwarded": context.get("forwarded") is True or context.get("frequently_forwarded") is True,
        "referral": mapping(message, "referral"),
        "product": mapping(context, "referred_product"),
        "group": text(message, "group_id"),
    }
    return {key: value for key, value in found.items() if value}


def _notice(value: dict[str, Any]) -> str:
    """What happened to the account, where the change is about that (a ban, a restriction)."""
    event = text(value, "event")
    return f": {event[:80]}" if event else ""


def _details(error: dict[str, Any]) -> str:
    return text(error, "error_data", "details") or text(error, "message") or text(error, "title")


def _failure(error: dict[str, Any]) -> DeliveryError:
    code = error.get("code")
    return failure_for(WHATSAPP, code=code if isinstance(code, int) else None, details=_details(error), status=400)
