"""What each type of message says: the text a person reads, and what the type needs to be shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contacts.claims import ClaimedIdentifier
from contacts.models import IdentifierKind
from inbox.adapters import InboundFile
from integrations.meta.reading import UnreadablePart, load_text, mapping, number, rows, text


@dataclass(frozen=True)
class Content:
    """The part of a message that depends on its type. ``shared``: what the sender told about themselves by it."""

    kind: str
    body: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    files: tuple[InboundFile, ...] = ()
    shared: tuple[ClaimedIdentifier, ...] = ()


def content_of(message: dict[str, Any]) -> Content:
    """The content by the message's type; a type that we do not know is ``unsupported``. Raises ``UnreadablePart``."""
    kind = text(message, "type")
    read = _READERS.get(kind)
    if read is not None:
        return read(message)
    return _unsupported(message)


def _text(message: dict[str, Any]) -> Content:
    return Content("text", body=_needed(mapping(message, "text"), "body"))


def _media(message: dict[str, Any]) -> Content:
    kind = text(message, "type")
    media = mapping(message, kind)
    remote = {key: found for key in ("id", "url", "sha256") if (found := text(media, key))}
    if not remote.get("id") and not remote.get("url"):
        raise UnreadablePart("the file has neither id nor address")
    file = InboundFile(name=text(media, "filename")[:255], content_type=text(media, "mime_type").split(";")[0].strip()[:120], remote=remote)
    payload = {key: True for key in ("voice", "animated") if media.get(key) is True}
    return Content(kind, body=text(media, "caption"), payload=payload, files=(file,))


def _location(message: dict[str, Any]) -> Content:
    place = mapping(message, "location")
    latitude, longitude = number(place.get("latitude")), number(place.get("longitude"))
    if latitude is None or longitude is None:
        raise UnreadablePart("the place has no coordinates")
    words = {key: found for key in ("name", "address", "url") if (found := text(place, key))}
    body = ", ".join(words[key] for key in ("name", "address") if key in words)
    return Content("location", body=body, payload={"latitude": latitude, "longitude": longitude, **words})


def _contacts(message: dict[str, Any]) -> Content:
    cards = [_card(card) for card in rows(message, "contacts")]
    if not cards:
        raise UnreadablePart("no card came along")
    lines = [" ".join((card["name"], *card["phones"], *card["emails"])).strip() for card in cards]
    shared: tuple[ClaimedIdentifier, ...] = ()
    if text(message, "origin") == "contact_request":
        # Asked for their own number, they pressed the button that gives it.
        shared = tuple(ClaimedIdentifier(IdentifierKind.PHONE, phone) for card in cards[:1] for phone in card["phones"][:1])
    return Content("contacts", body="\n".join(line for line in lines if line), payload={"contacts": cards}, shared=shared)


def _card(card: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": text(card, "name", "formatted_name") or text(card, "name", "first_name"),
        "organisation": text(card, "org", "company"),
        "phones": [found for phone in rows(card, "phones") if (found := text(phone, "phone") or text(phone, "wa_id"))],
        "emails": [found for email in rows(card, "emails") if (found := text(email, "email"))],
    }


def _button(message: dict[str, Any]) -> Content:
    button = mapping(message, "button")
    return Content("button", body=_needed(button, "text"), payload={"payload": text(button, "payload")})


def _interactive(message: dict[str, Any]) -> Content:
    interactive = mapping(message, "interactive")
    kind = text(interactive, "type")
    answer = mapping(interactive, kind)
    if kind in ("button_reply", "list_reply"):
        payload = {"type": kind, **{key: found for key in ("id", "description") if (found := text(answer, key))}}
        return Content("interactive", body=_needed(answer, "title"), payload=payload)
    if kind == "nfm_reply":
        payload = {"type": kind, "name": text(answer, "name"), "answers": _form(answer.get("response_json"))}
        return Content("interactive", body=text(answer, "body") or text(answer, "name"), payload=payload)
    return _unsupported(message)


def _form(answers: Any) -> Any:
    """The answers to a form, which come as JSON inside a string."""
    try:
        return load_text(answers) if isinstance(answers, str) else answers
    except ValueError:
        return answers


def _order(message: dict[str, Any]) -> Content:
    order = mapping(message, "order")
    items, lines = [], []
    for item in rows(order, "product_items"):
        product, quantity = text(item, "product_retailer_id"), number(item.get("quantity"))
        facts = {"product": product, "quantity": quantity, "price": number(item.get("item_price")), "currency": text(item, "currency")}
        items.append(facts)
        lines.append(product if quantity is None else f"{quantity:g} × {product}")
    if not items:
        raise UnreadablePart("the order is empty")
    note = text(order, "text")
    body = "\n".join([*([note] if note else []), *lines])
    return Content("order", body=body, payload={"items": items, "catalog": text(order, "catalog_id")})


def _system(message: dict[str, Any]) -> Content:
    system = mapping(message, "system")
    return Content("system", body=text(system, "body"), payload={"type": text(system, "type")})


def _unsupported(message: dict[str, Any]) -> Content:
    """Shown as such, with whatever words it has; the raw part is kept, so nothing is lost."""
    kind = text(message, "type") or "unknown"
    own = mapping(message, kind)
    words = text(own, "body") or text(own, "text") or text(own, "caption") or text(own, "title")
    errors = [{"code": error.get("code"), "title": text(error, "title")} for error in rows(message, "errors")]
    detail = text(message, "unsupported", "type")
    payload = {"type": kind[:40], **({"detail": detail} if detail else {}), **({"errors": errors} if errors else {})}
    return Content("unsupported", body=words, payload=payload)


def _needed(source: dict[str, Any], key: str) -> str:
    found = source.get(key)
    if not isinstance(found, str):
        raise UnreadablePart(f"'{key}' is missing")
    return found


_READERS: dict[str, Callable[[dict[str, Any]], Content]] = {
    "text": _text,
    "audio": _media,
    "document": _media,
    "image": _media,
    "sticker": _media,
    "video": _media,
    "location": _location,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "system": _system,
}
