"""HubSpot's webhooks: the third version of their signature, and which contacts they are about.

The older signatures (versions 1 and 2, sent along) prove no time, so that a request could be repeated for ever; they are not asked.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from integrations.crm.contract import Notice

SIGNATURE, TIMESTAMP = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
OLDEST = 300.0  # seconds
# How far our clock may be behind theirs; what is further ahead was not sent yet.
AHEAD = 10.0
ABOUT_CONTACTS = ("creation", "propertyChange", "deletion", "merge", "privacyDeletion", "restore")
CONTACTS_TYPE = "0-1"


def signature_of(*, secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """What HubSpot writes into the header: HMAC-SHA256 over method, address, body and time, in base64."""
    signed = f"{method}{url}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def is_authentic(*, secret: str, method: str, url: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether whoever knows ``secret`` sent these bytes to this address in the last five minutes. ``now``: seconds since 1970."""
    given, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not secret or not given or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
        return False
    wanted = signature_of(secret=secret, method=method, url=url, body=body, timestamp=timestamp)
    is_same = hmac.compare_digest(wanted.encode(), given.encode())
    return is_same and -AHEAD <= now - int(timestamp) / 1000 <= OLDEST


def notices_of(body: bytes, *, portal: str) -> list[Notice]:
    """Each contact of the account once, whatever happened to it and in whatever order. Raises ``ValueError`` for what is no batch."""
    events = json.loads(body)
    if not isinstance(events, list):
        raise ValueError("It is no list of events")
    erased: dict[str, bool] = {}
    for event in events:
        if not isinstance(event, dict):
            raise ValueError("An event is no object")
        about, _dot, what = str(event.get("subscriptionType", "")).partition(".")
        is_contact = about == "contact" or (about == "object" and event.get("objectTypeId") == CONTACTS_TYPE)
        if not is_contact or what not in ABOUT_CONTACTS or str(event.get("portalId", "")) != portal:
            continue
        for each in _ids(event):
            erased[each] = erased.get(each, False) or what == "privacyDeletion"
    return [Notice(external_id, is_erasure=is_erasure) for external_id, is_erasure in erased.items()]


def _ids(event: Mapping[str, Any]) -> list[str]:
    several = event.get("mergedObjectIds")
    found = [event.get(name) for name in ("objectId", "primaryObjectId", "newObjectId")]
    found += several if isinstance(several, list) else []
    return [str(each) for each in found if str(each).isascii() and str(each).isdigit() and len(str(each)) < 20]
