"""A HubSpot account on loop-back: keeps state, pages, caps and lags as HubSpot's search does, merges, signs webhooks, checks requests.

Where HubSpot's documentation is silent it does what is hardest for us: an address is taken away by its own call only, a primary address
that is replaced by another one of the contact stays among the others, and a merge makes a third contact.
"""

import base64
import copy
import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.integrations.crm.oauth_server import AuthorizationServer

TOKEN, SECRET, PORTAL = "pat-na1-la-llave", "el-secreto-de-la-app", "12345678"
CONTACTS = "/crm/v3/objects/contacts"
READ_ONLY = ("lastmodifieddate", "createdate", "hs_object_id", "hs_merged_object_ids")
WRITABLE = (
    *("email", "hs_additional_emails", "firstname", "lastname", "phone", "mobilephone"),
    *("company", "address", "city", "zip", "country", "jobtitle"),
)
LIMITS = {"DAILY": "You have reached your daily limit.", "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit."}
Answer = tuple[int, Any, dict[str, str]]


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, category: str, *, message: str = "", code: str = "", **context: Any) -> None:
        super().__init__(category)
        self.status = status
        errors = [{"message": message, "code": code, "context": context}] if code else []
        self.body = {"status": "error", "message": message or category, "correlationId": "c-1", "category": category, "errors": errors}


@dataclass
class HubSpotAccount:
    """``cap``: how many rows one search gives. ``busy``: the limits, each with its Retry-After, that calls meet after the
    next ``busy_in`` ones. ``makes``: what a workflow there makes of a first or last name."""

    url: str = ""
    cap: int = 10_000
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    properties: list[str] = field(default_factory=lambda: [*WRITABLE, *READ_ONLY])
    unique: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)
    sign_in: AuthorizationServer = field(default_factory=lambda: AuthorizationServer(more={"expires_in": 1800, "hub_id": int(PORTAL)}))
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    busy: list[tuple[str, str]] = field(default_factory=list)
    busy_in: int = 0
    makes: Callable[[str], str] = str
    lagging: dict[str, dict[str, Any]] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    forgets_answers: int = 0
    stamp: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _ids: int = 100

    # What people do there.

    def add(self, *, at: int | None = None, **properties: str) -> str:
        """A contact; ``at``: the moment of its last change, in milliseconds, for many at one."""
        with self.lock:
            self._ids += 1
            found = str(self._ids)
            self.rows[found] = {"id": found, "archived": False, "properties": {"hs_object_id": found}}
            self._set(found, properties, at=at)
            self._tell("creation", found)
            return found

    def change(self, external_id: str, *, at: int | None = None, **properties: str | None) -> None:
        with self.lock:
            self._set(external_id, properties, at=at)
            for name, value in properties.items():
                self._tell("propertyChange", external_id, propertyName=name, propertyValue=value)

    def delete(self, external_id: str) -> None:
        with self.lock:
            self.rows[external_id]["archived"] = True
            self._touch(external_id)
            self._tell("deletion", external_id)

    def restore(self, external_id: str) -> None:
        with self.lock:
            self.rows[external_id]["archived"] = False
            self._touch(external_id)
            self._tell("restore", external_id)

    def forget(self, external_id: str) -> None:
        """The deletion for a person's right. Two webhooks tell of it."""
        with self.lock:
            found = self._resolve(external_id)
            if found is None:
                raise Refused(404, "OBJECT_NOT_FOUND")
            del self.rows[found]
            self.erased.append(found)
            self._tell("deletion", found)
            self._tell("privacyDeletion", found)

    def merge(self, primary: str, other: str) -> str:
        """The contact that the two become, under an id of its own."""
        with self.lock:
            ids = [self._resolve(primary), self._resolve(other)]
            if None in ids or ids[0] == ids[1]:
                raise Refused(400, "VALIDATION_ERROR", message="They cannot be merged")
            keeps, goes = (self.rows.pop(str(each))["properties"] for each in ids)
            values = {name: keeps.get(name) or goes.get(name) for name in WRITABLE}
            emails = dict.fromkeys([*_emails(keeps), *_emails(goes)])
            values["email"], values["hs_additional_emails"] = next(iter(emails), None), ";".join(list(emails)[1:]) or None
            self._ids += 1
            found = str(self._ids)
            merged = [str(each) for each in ids] + _list(keeps.get("hs_merged_object_ids")) + _list(goes.get("hs_merged_object_ids"))
            self.rows[found] = {"id": found, "archived": False, "properties": {"hs_object_id": found}}
            self.aliases |= dict.fromkeys(merged, found)
            self._set(found, {**values, "hs_merged_object_ids": ";".join(merged)})
            self._tell("merge", str(ids[0]), primaryObjectId=int(str(ids[0])), mergedObjectIds=[int(str(ids[1]))], newObjectId=int(found))
            return found

    def lag(self) -> None:
        """From now on the search shows what is there now."""
        with self.lock:
            self.lagging = copy.deepcopy(self.rows)

    def values(self, external_id: str) -> dict[str, Any]:
        with self.lock:
            return dict(self.rows[str(self._resolve(external_id))]["properties"])

    # Webhooks.

    def batches(self, *, rng: random.Random, size: int = 100, twice: bool = False) -> list[bytes]:
        """What is to be told, in any order, some of it twice."""
        with self.lock:
            events, self.events = self.events, []
        if twice:
            events = [*events, *({**each, "attemptNumber": 1} for each in events)]
        rng.shuffle(events)
        return [json.dumps(events[first : first + size]).encode() for first in range(0, len(events), size)]

    def _tell(self, what: str, external_id: str, **more: Any) -> None:
        event = {
            "eventId": len(self.events) + 1,
            "subscriptionId": 7,
            "portalId": int(PORTAL),
            "appId": 99,
            "occurredAt": int(time.time() * 1000),
            "subscriptionType": f"contact.{what}",
            "attemptNumber": 0,
            "objectId": int(external_id),
            "changeSource": "CRM_UI",
        }
        self.events.append({**event, **more})

    # The state.

    def _set(self, external_id: str, properties: dict[str, Any], *, at: int | None = None) -> None:
        row = self.rows[external_id]["properties"]
        for name, value in properties.items():
            row[name] = (self.makes(value) if name.endswith("stname") else value) if value else None
        self._touch(external_id, at=at)

    def _touch(self, external_id: str, *, at: int | None = None) -> None:
        self.stamp = max(self.stamp + 1, int(time.time() * 1000)) if at is None else self.stamp
        moment = datetime.fromtimestamp((self.stamp if at is None else at) / 1000, UTC).isoformat(timespec="milliseconds")
        self.rows[external_id]["properties"]["lastmodifieddate"] = moment.replace("+00:00", "Z")
        self.rows[external_id]["updatedAt"] = moment.replace("+00:00", "Z")

    def _resolve(self, external_id: str) -> str | None:
        while external_id in self.aliases:
            external_id = self.aliases[external_id]
        return external_id if external_id in self.rows else None

    def _holder(self, email: str) -> str | None:
        found = (each for each, row in self.rows.items() if not row["archived"] and email in _emails(row["properties"]))
        return next(found, None)

    # The interface.

    def answer(self, method: str, url: str, body: Any, headers: Any) -> Answer:
        with self.lock:
            parts = urlsplit(url)
            self.calls.append(f"{method} {parts.path}")
            self.busy_in -= 1
            if self.busy and self.busy_in < 0:
                policy, wait = self.busy.pop(0)
                said = {"status": "error", "message": LIMITS[policy], "errorType": "RATE_LIMIT", "policyName": policy}
                return 429, said, {"Retry-After": wait} if wait else {}
            scheme, _space, token = headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or token not in self.tokens | self.sign_in.access:
                return 401, {"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": f"{token} is expired"}, {}
            if body is not None and headers.get("Content-Type") != "application/json":
                self.complaints.append(f"{method} {parts.path}: no JSON")
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            try:
                status, said = self._serve(method, unquote(parts.path), query, body)
            except Refused as refused:
                return refused.status, refused.body, {}
            if method == "POST" and parts.path == CONTACTS and self.forgets_answers:
                self.forgets_answers -= 1
                return 502, {}, {}
            return status, said, {}

    def _serve(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if path == "/account-info/v3/details":
            return 200, {"portalId": int(PORTAL), "timeZone": "America/Guayaquil"}
        if path == "/crm/v3/properties/contacts":
            return self._schema(method, body)
        if path.startswith("/contacts/v1/secondary-email/") and method == "DELETE":
            return self._let_go(*path.removeprefix("/contacts/v1/secondary-email/").split("/email/"))
        match (method, path.removeprefix(CONTACTS)):
            case "GET", "":
                return self._list(query)
            case "POST", "":
                return self._create(body)
            case "POST", "/search":
                return self._search(body)
            case "POST", "/batch/read":
                return self._batch(body, archived=query.get("archived") == "true")
            case "POST", "/merge":
                self._check_keys(body, {"primaryObjectId", "objectIdToMerge"})
                return 200, self.rows[self.merge(body["primaryObjectId"], body["objectIdToMerge"])]
            case "POST", "/gdpr-delete":
                self._check_keys(body, {"objectId"})
                self.forget(body["objectId"])
                return 204, None
            case _, rest if rest.startswith("/") and "/" not in rest[1:]:
                return self._one(method, rest[1:], query, body)
        self.complaints.append(f"{method} {path}: there is no such address")
        raise Refused(404, "OBJECT_NOT_FOUND")

    def _schema(self, method: str, body: Any) -> tuple[int, Any]:
        if method == "POST":
            if not {"name", "label", "groupName", "type", "fieldType"} <= set(body):
                raise Refused(400, "VALIDATION_ERROR")
            if body["name"] in self.properties:
                raise Refused(409, "OBJECT_ALREADY_EXISTS")
            self.properties.append(body["name"])
            self.unique |= {body["name"]} if body.get("hasUniqueValue") else set()
            return 201, body
        found = [
            {
                "name": name,
                "label": name.title(),
                "type": "datetime" if name.endswith("date") else "string",
                "fieldType": "text",
                "options": [],
                "calculated": False,
                "modificationMetadata": {"readOnlyValue": name in READ_ONLY},
            }
            for name in self.properties
        ]
        return 200, {"results": found}

    def _list(self, query: dict[str, str]) -> tuple[int, Any]:
        limit = int(query.get("limit", "10"))
        if limit > 100:
            raise Refused(400, "VALIDATION_ERROR")
        ids = sorted((each for each, row in self.rows.items() if not row["archived"]), key=int)
        later = [each for each in ids if int(each) > int(query.get("after", "0"))]
        found = {"results": [self._shown(self.rows[each], query.get("properties", "").split(",")) for each in later[:limit]]}
        return 200, found | ({"paging": {"next": {"after": later[limit - 1]}}} if len(later) > limit else {})

    def _create(self, body: Any) -> tuple[int, Any]:
        self._check_keys(body, {"properties"})
        properties = self._checked(body["properties"])
        for name in self.unique & set(properties):
            if any(row["properties"].get(name) == properties[name] for row in self.rows.values()):
                raise Refused(400, "VALIDATION_ERROR", code="CONFLICTING_UNIQUE_VALUE", propertyName=[name])
        self._keep_unique(properties, None)
        found = self.add(**{name: value for name, value in properties.items() if value})
        return 201, self.rows[found]

    def _one(self, method: str, wanted: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        archived = query.get("archived") == "true"
        by = query.get("idProperty", "hs_object_id")
        if by not in self.unique | {"email", "hs_object_id"}:
            raise Refused(400, "VALIDATION_ERROR", message=f"{by} is no unique property")
        if by == "email":
            found = self._holder(wanted.lower())
        elif by == "hs_object_id":
            found = self._resolve(wanted)
        else:
            found = next((each for each, row in self.rows.items() if row["properties"].get(by) == wanted), None)
        if found is None or self.rows[found]["archived"] != archived:
            raise Refused(404, "OBJECT_NOT_FOUND")
        if method == "PATCH":
            self._check_keys(body, {"properties"})
            properties = self._checked(body["properties"])
            self._keep_unique(properties, found)
            self.change(found, **self._with_emails(self.rows[found]["properties"], properties))
        elif method != "GET":
            self.complaints.append(f"{method} of a contact")
        return 200, self._shown(self.rows[found], query.get("properties", "").split(","))

    def _with_emails(self, now: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
        """Addresses are only ever added by a write, and a primary one whose place is taken by another of the contact stays with it."""
        known = _emails(now)
        primary = properties.get("email", now.get("email"))
        others = [*known[1:], *_list(properties.get("hs_additional_emails"))]
        if primary in known[1:] and known:
            others.append(known[0])
        kept = [each for each in dict.fromkeys(others) if each != primary]
        return {**properties, "email": primary, "hs_additional_emails": ";".join(kept)}

    def _let_go(self, external_id: str, email: str) -> tuple[int, Any]:
        found = self._resolve(external_id)
        if found is None:
            raise Refused(404, "OBJECT_NOT_FOUND")
        left = [each for each in _list(self.rows[found]["properties"].get("hs_additional_emails")) if each != email]
        self.change(found, hs_additional_emails=";".join(left))
        return 200, {"vid": int(found), "secondaryEmails": left}

    def _search(self, body: Any) -> tuple[int, Any]:
        self._check_keys(body, {"filterGroups", "sorts", "properties", "limit", "after"})
        first, limit, sorts = int(body.get("after", 0)), body.get("limit", 10), body.get("sorts", [])
        if limit > 200 or first + limit > self.cap or len(sorts) > 1 or len(body.get("filterGroups", [])) > 5:
            raise Refused(400, "VALIDATION_ERROR", message="There was a problem with the request")
        rows = [row for row in (self.rows if self.lagging is None else self.lagging).values() if not row["archived"]]
        groups = body.get("filterGroups", [])
        found = [row for row in rows if not groups or any(all(_passes(row, each) for each in group["filters"]) for group in groups)]
        if sorts:
            found.sort(key=lambda row: _number(row, sorts[0]["propertyName"]), reverse=sorts[0]["direction"] == "DESCENDING")
        page = found[first : first + limit]
        more = {"paging": {"next": {"after": str(first + limit)}}} if len(found) > first + limit else {}
        return 200, {"total": len(found), "results": [self._shown(row, body.get("properties", [])) for row in page], **more}

    def _batch(self, body: Any, *, archived: bool) -> tuple[int, Any]:
        self._check_keys(body, {"properties", "inputs"})
        if len(body["inputs"]) > 100:
            raise Refused(400, "VALIDATION_ERROR", message="The maximum batch size is 100")
        if not body["inputs"]:
            self.complaints.append("an empty batch")
        ids = [self._resolve(each["id"]) for each in body["inputs"]]
        found = list(dict.fromkeys(each for each in ids if each is not None and self.rows[each]["archived"] == archived))
        said = {"status": "COMPLETE", "results": [self._shown(self.rows[each], body["properties"]) for each in found]}
        if len(found) == len(ids):
            return 200, said
        return 207, {**said, "numErrors": 1, "errors": [{"status": "error", "category": "OBJECT_NOT_FOUND"}]}

    def _checked(self, properties: dict[str, Any]) -> dict[str, Any]:
        for name, value in properties.items():
            if name not in self.properties:
                raise Refused(400, "VALIDATION_ERROR", code="PROPERTY_DOESNT_EXIST", propertyName=[name])
            if name in READ_ONLY:
                raise Refused(400, "VALIDATION_ERROR", code="READ_ONLY_VALUE", propertyName=[name])
            if not isinstance(value, str):
                self.complaints.append(f"{name} is no text")
            if name == "email" and value and "@" not in value:
                raise Refused(400, "VALIDATION_ERROR", message=f"{value} is no address", code="INVALID_EMAIL", propertyName=[name])
        return {name: value.lower() if name in ("email", "hs_additional_emails") else value for name, value in properties.items()}

    def _keep_unique(self, properties: dict[str, Any], mine: str | None) -> None:
        for email in _emails(properties):
            holder = self._holder(email)
            if holder is not None and holder != mine:
                raise Refused(409, "CONFLICT", message=f"Contact already exists. Existing ID: {holder}")

    def _shown(self, row: dict[str, Any], names: list[str]) -> dict[str, Any]:
        wanted = [name for name in names if name]
        self.complaints += [f"{name} is asked for" for name in wanted if name not in self.properties]
        shown = {name: row["properties"].get(name) for name in {*wanted, "hs_object_id", "lastmodifieddate", "email"}}
        return {**row, "properties": shown}

    def _check_keys(self, body: Any, known: set[str]) -> None:
        if not isinstance(body, dict) or not set(body) <= known:
            self.complaints.append(f"a body with {sorted(body)}")


def _emails(properties: dict[str, Any]) -> list[str]:
    return [each for each in [properties.get("email"), *_list(properties.get("hs_additional_emails"))] if each]


def _list(text: str | None) -> list[str]:
    return [each for each in (text or "").split(";") if each]


def _number(row: dict[str, Any], name: str) -> int:
    value = row["properties"].get(name) or "0"
    return int(value) if value.isdigit() else round(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)


def _passes(row: dict[str, Any], asked: dict[str, str]) -> bool:
    mine, value = _number(row, asked["propertyName"]), int(asked["value"])
    operators = {"EQ": mine == value, "GT": mine > value, "GTE": mine >= value, "LT": mine < value, "LTE": mine <= value}
    return operators[asked["operator"]]


def signed(body: bytes, url: str, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The heads of a webhook, with the older signatures that HubSpot sends along."""
    timestamp = str(int((time.time() if at is None else at) * 1000))
    digest = hmac.new(secret.encode(), b"POST" + url.encode() + body + timestamp.encode(), hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
        "X-HubSpot-Signature-Version": "v1",
    }


@contextmanager
def running_hubspot(**options: Any) -> Iterator[HubSpotAccount]:
    account = HubSpotAccount(**options)

    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: every answer closes its line, so that no test leaves one open.
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            if self.path == "/oauth/v3/token":
                status, headers, content = account.sign_in.token(raw)
            elif self.path == "/oauth/2026-03/token/revoke":
                status, headers, content = account.sign_in.withdraw(raw)
            else:
                body = json.loads(raw) if raw else None
                status, said, headers = account.answer(self.command, self.path, body, self.headers)
                content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    account.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield account
        assert account.complaints == [], "HubSpot would not have liked that"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
