"""What happens here, in Segment's language: people go as identify and alias, everything else as track.

One more kind of receiver of the outgoing webhooks: order, retries, log and replay are theirs. Every message carries an id of its own, so
that a second attempt changes nothing over there.
"""

import base64
from datetime import datetime
from typing import Any

from rest_framework.renderers import JSONRenderer

from contacts.models import Contact, Identifier
from integrations.models import WebhookEvent, WebhookSubscription
from integrations.webhooks.destinations import Outgoing, message_id
from integrations.webhooks.event_types import TEST
from integrations.webhooks.payloads import Built

# Fields of a contact → Segment's traits.
TRAITS = {"name": "name", "company": "company", "language": "language", "username": "username", "date_of_birth": "birthday"}
PLACES = {"address": "street", "city": "city", "postal_code": "postalCode", "country": "country"}
HIDDEN = frozenset({"authorization"})


def compose_segment(*, subscription: WebhookSubscription, event: WebhookEvent, built: Built, at: datetime) -> Outgoing | None:
    messages = _messages(event, built)
    if not messages:
        return None
    uid, stamp = message_id(event), _iso(event.occurred_at)
    numbered = [{**each, "messageId": f"{uid}-{number}", "timestamp": stamp} for number, each in enumerate(messages)]
    body = JSONRenderer().render({"batch": numbered, "sentAt": _iso(at)})
    secrets: Any = subscription.secrets
    key = base64.b64encode(f"{secrets['current']}:".encode()).decode()
    headers = {"content-type": "application/json", "authorization": f"Basic {key}"}
    return Outgoing(subscription.url.rstrip("/") + "/v1/batch", headers, body, HIDDEN)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _messages(event: WebhookEvent, built: Built) -> list[dict[str, Any]]:
    if event.type == TEST.name:
        return [{"type": "track", "anonymousId": "hilo-test", "event": "Hilo Test", "properties": {}}]
    contact = built.contact
    if contact is None:
        return []  # nobody it could be filed under: suggestions, erasures
    user = str(contact.pk)
    if event.type == "contact.merged":
        aliases = [{"type": "alias", "previousId": str(pk), "userId": user} for pk in built.data["emptied"]]
        return [*aliases, _identify(contact)]
    if event.type.startswith("contact."):
        return [_identify(contact)]
    noun, verb = event.type.split(".")
    name = f"{noun} {verb}".title()
    return [{"type": "track", "userId": user, "event": name, "properties": _properties(noun, built.data)}]


def _identify(contact: Contact) -> dict[str, Any]:
    shown = {name: entry["value"] for name, entry in contact.fields.items()}
    traits: dict[str, Any] = {theirs: shown[ours] for ours, theirs in TRAITS.items() if ours in shown}
    if place := {theirs: shown[ours] for ours, theirs in PLACES.items() if ours in shown}:
        traits["address"] = place
    rows = Identifier.scoped().filter(profile__contact=contact, valid_to=None, kind__in=("email", "phone")).order_by("-last_seen_at", "-pk")
    for row in rows:
        traits.setdefault(row.kind, row.value)
    return {"type": "identify", "userId": str(contact.pk), "traits": traits}


def _properties(noun: str, data: dict[str, Any]) -> dict[str, Any]:
    """What it is about, without anybody's words."""
    if noun == "conversation":
        row = data["conversation"]
        assignee = row["assignee"]["name"] if row["assignee"] else None
        return {"conversation": row["id"], "channel": row["channel"]["kind"], "status": row["status"], "assignee": assignee}
    if noun == "message":
        row = data["message"]
        channel = row["channel"]["kind"] if row["channel"] else None
        return {"conversation": row["conversation"], "message": row["id"], "channel": channel, "kind": row["kind"], "status": row["status"]}
    row = data["event"]
    return {name: row[name] for name in ("action", "purpose", "channel", "basis", "reason")}
