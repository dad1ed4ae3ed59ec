"""A Salesforce organisation as far as we speak to it: keeps contacts, reads the questions that we send, and checks our requests."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from defusedxml import ElementTree

from tests.integrations.crm.oauth_server import AuthorizationServer, Reply

DATA = "/services/data/v60.0"
KEY_FIELD = "Hilo_Key__c"
WRITABLE = {
    **dict.fromkeys(("FirstName", "LastName", "MailingStreet", "MailingCity", "MailingPostalCode", "Title"), "string"),
    "Email": "email",
    "Phone": "phone",
    "MobilePhone": "phone",
    "Birthdate": "date",
    "DoNotCall": "boolean",
    KEY_FIELD: "string",
    "LeadSource": "picklist",
}
READ_ONLY = {
    "Id": "id",
    "Name": "string",
    "IsDeleted": "boolean",
    "MasterRecordId": "reference",
    "MailingAddress": "address",
    "SystemModstamp": "datetime",
    "LastModifiedDate": "datetime",
}
_TEXT = r"'((?:[^'\\]|\\['\"\\nrtbf])*)'"
_MOMENT = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"
_QUESTION = re.compile(r"SELECT ([A-Za-z0-9_, ]+) FROM (\w+)(?: WHERE (.+?))?( ORDER BY SystemModstamp ASC, Id ASC)?")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
Row = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, code: str, *fields: str) -> None:
        super().__init__(code)
        self.status, self.code, self.fields = status, code, list(fields)


@dataclass
class Org:
    """``ahead`` is its clock's error; ``frozen`` stops the clock, which else goes on by a second at least with every change.

    ``missing``: fields that were taken away. ``busy``: so many calls are answered that the day's are used up. ``batch``: rows of an
    answer. ``watching`` is told of every request before it is looked at.
    """

    url: str = ""
    oauth: AuthorizationServer = field(default_factory=AuthorizationServer)
    rows: dict[str, Row] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    places: dict[str, list[str]] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    frozen: datetime | None = None
    last: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    batch: int = 3
    busy: int = 0
    usage: str = "17/15000"
    missing: set[str] = field(default_factory=set)
    duplicate: Callable[[Row], bool] = lambda _row: False
    makes: Callable[[str], str] = str
    watching: Callable[[str, str], None] = lambda _method, _path: None
    questions: list[str] = field(default_factory=list)
    sent: list[tuple[str, Row]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    # What its people do.

    def add(self, **values: Any) -> str:
        with self.lock:
            row_id = f"003{len(self.rows) + 1:012d}AAA"
            empty = dict.fromkeys(WRITABLE) | {"DoNotCall": False, "IsDeleted": False, "MasterRecordId": None}
            self.rows[row_id] = {"Id": row_id, **empty, **values}
            self.touch(row_id)
            return row_id

    def change(self, row_id: str, **values: Any) -> None:
        with self.lock:
            self.rows[row_id] |= values
            self.touch(row_id)

    def delete(self, row_id: str) -> None:
        self.change(row_id, IsDeleted=True)

    def merge(self, loser: str, survivor: str) -> None:
        with self.lock:
            self.change(loser, IsDeleted=True, MasterRecordId=survivor)
            self.touch(survivor)

    def touch(self, row_id: str) -> None:
        now = self.frozen or max((datetime.now(UTC) + self.ahead).replace(microsecond=0), self.last + timedelta(seconds=1))
        self.last = max(now, self.last)
        self.rows[row_id] |= dict.fromkeys(("SystemModstamp", "LastModifiedDate"), f"{now:%Y-%m-%dT%H:%M:%S}.000+0000")
        first, last = self.rows[row_id]["FirstName"], self.rows[row_id]["LastName"]
        self.rows[row_id]["Name"] = " ".join(each for each in (first, last) if each)

    # What its interface answers.

    def answer(self, method: str, url: str, body: bytes, headers: Any) -> Reply:
        path, _mark, query = url.partition("?")
        self.watching(method, path)
        with self.lock:
            if path == "/services/oauth2/authorize":
                return self.oauth.authorize(query)
            if path == "/services/oauth2/token":
                return self.oauth.token(body)
            if path == "/services/oauth2/revoke":
                return self.oauth.withdraw(body)
            if path == "/services/Soap/u/60.0":
                return self._soap(body)
            usage = {"Sforce-Limit-Info": f"api-usage={self.usage}"}
            try:
                if not self.oauth.lets_in(headers.get("Authorization", "")):
                    raise Refused(401, "INVALID_SESSION_ID")
                if self.busy:
                    self.busy -= 1
                    raise Refused(403, "REQUEST_LIMIT_EXCEEDED")
                if body and headers.get("Content-Type") != "application/json":
                    raise Refused(415, "UNSUPPORTED_MEDIA_TYPE")
                status, said = self._rest(method, path, query, json.loads(body) if body else None, headers)
            except Refused as refused:
                told = {"message": f"secreto de Ana: {refused.code}", "errorCode": refused.code, "fields": refused.fields}
                status, said = refused.status, [told]
        content = b"" if said is None else json.dumps(said).encode()
        return status, {"Content-Type": "application/json", **usage}, content

    def _rest(self, method: str, path: str, query: str, body: Any, headers: Any) -> tuple[int, Any]:
        steps = path.removeprefix(f"{DATA}/").split("/")
        match method, steps:
            case "GET", ["queryAll"]:
                return 200, self._query(parse_qs(query, strict_parsing=True)["q"][0])
            case "GET", ["query", place]:
                return 200, self._more(place)
            case "GET", ["sobjects", "Contact", "describe"]:
                return 200, self._description()
            case "PATCH", ["sobjects", "Contact", name, key] if name == KEY_FIELD:
                return self._upsert(unquote(key), body)
            case "PATCH", ["sobjects", "Contact", row_id]:
                self._write(row_id, body, headers.get("If-Unmodified-Since"))
                return 204, None
            case "DELETE", ["sobjects", "Contact", row_id]:
                self._there(row_id)
                self.delete(row_id)
                return 204, None
        raise Refused(404, "NOT_FOUND")

    def _query(self, question: str) -> Row:
        self.questions.append(question)
        read = _QUESTION.fullmatch(question)
        if not read or read[2] != "Contact":
            raise Refused(400, "MALFORMED_QUERY")
        names = read[1].split(", ")
        if unknown := [name for name in names if name in self.missing or name not in {**WRITABLE, **READ_ONLY}]:
            raise Refused(400, "INVALID_FIELD", unknown[0])
        where, _and, beyond = (read[3] or "").partition(" AND (")
        parts = [*(where.split(" AND ") if where else ()), *([f"({beyond}"] if beyond else ())]
        conditions = [_condition(each) for each in parts]
        found = [row for row in self.rows.values() if row["Id"] not in self.purged and all(each(row) for each in conditions)]
        if read[4]:
            found.sort(key=lambda row: (row["SystemModstamp"], row["Id"]))
        place = f"01g{len(self.places):012d}"
        # What was found stays found: the rows of a list are those of its beginning.
        self.places[place] = [json.dumps({"attributes": {"type": "Contact"}, **{name: row[name] for name in names}}) for row in found]
        return {"totalSize": len(found), **self._batch(place, 0)}

    def _more(self, place: str) -> Row:
        name, _dash, first = place.partition("-")
        if name not in self.places:
            raise Refused(400, "INVALID_QUERY_LOCATOR")
        return self._batch(name, int(first))

    def _batch(self, place: str, first: int) -> Row:
        rows, end = self.places[place], first + self.batch
        said: Row = {"done": end >= len(rows), "records": [json.loads(each) for each in rows[first:end]]}
        if not said["done"]:
            said["nextRecordsUrl"] = f"{DATA}/query/{place}-{end}"
        return said

    def _description(self) -> Row:
        kinds = {name: kind for name, kind in {**READ_ONLY, **WRITABLE}.items() if name not in self.missing}
        sources = [{"value": "Web", "active": True}, {"value": "Fax", "active": False}]
        return {
            "name": "Contact",
            "fields": [
                {
                    "name": name,
                    "label": name,
                    "type": kind,
                    "updateable": name in WRITABLE,
                    "externalId": name == KEY_FIELD,
                    "picklistValues": sources if kind == "picklist" else [],
                }
                for name, kind in kinds.items()
            ],
        }

    def _upsert(self, key: str, body: Row) -> tuple[int, Any]:
        if KEY_FIELD in body or "Id" in body:
            raise Refused(400, "INVALID_FIELD", KEY_FIELD)
        known = [row["Id"] for row in self.rows.values() if row[KEY_FIELD] == key and not row["IsDeleted"]]
        if known:
            self._write(known[0], body, None)
            return 200, {"id": known[0], "success": True, "errors": [], "created": False}
        self._check({**dict.fromkeys(WRITABLE), **body}, body)
        made = self.add(**{KEY_FIELD: key}, **body)
        self.sent.append((made, body))
        return 201, {"id": made, "success": True, "errors": [], "created": True}

    def _write(self, row_id: str, body: Row, unmodified_since: str | None) -> None:
        row = self._there(row_id)
        if unmodified_since is not None:
            at = datetime.strptime(row["LastModifiedDate"], "%Y-%m-%dT%H:%M:%S.%f%z")
            if at > parsedate_to_datetime(unmodified_since):
                raise Refused(412, "PRECONDITION_FAILED")
        self._check({**row, **body}, body)
        self.sent.append((row_id, body))
        self.change(row_id, **{**body, **({"LastName": self.makes(body["LastName"])} if body.get("LastName") else {})})

    def _check(self, row: Row, body: Row) -> None:
        if unknown := [name for name in body if name in self.missing or name not in {**WRITABLE, **READ_ONLY}]:
            raise Refused(400, "INVALID_FIELD", unknown[0])
        if closed := [name for name in body if name in READ_ONLY]:
            raise Refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE", closed[0])
        if not row["LastName"]:
            raise Refused(400, "REQUIRED_FIELD_MISSING", "LastName")
        if self.duplicate(row):
            raise Refused(400, "DUPLICATES_DETECTED")

    def _there(self, row_id: str) -> Row:
        if row_id not in self.rows:
            raise Refused(404, "NOT_FOUND")
        if self.rows[row_id]["IsDeleted"]:
            raise Refused(404, "ENTITY_IS_DELETED")
        return self.rows[row_id]

    def _soap(self, body: bytes) -> Reply:
        api, thing = "{urn:partner.soap.sforce.com}", "{urn:sobject.partner.soap.sforce.com}"
        root = ElementTree.fromstring(body)
        texts = {element.tag: (element.text or "").strip() for element in root.iter()}
        error, fault = "", ""
        if texts.get(f"{api}sessionId") not in self.oauth.access:
            fault = "INVALID_SESSION_ID"
        elif f"{api}merge" in texts:
            loser, survivor = texts[f"{api}recordToMergeIds"], texts[f"{thing}Id"]
            if texts[f"{thing}type"] != "Contact" or any(
                self.rows.get(each, {"IsDeleted": True})["IsDeleted"] for each in (loser, survivor)
            ):
                error = "INVALID_ID_FIELD"
            else:
                self.merge(loser, survivor)
        elif f"{api}emptyRecycleBin" in texts:
            row_id = texts[f"{api}ids"]
            if row_id in self.purged or not self.rows.get(row_id, {"IsDeleted": False})["IsDeleted"]:
                error = "INVALID_ID_FIELD"
            else:
                self.purged.add(row_id)
        else:
            fault = "UNKNOWN"
        result = f"<success>{'false' if error else 'true'}</success>" + (
            f"<errors><statusCode>{error}</statusCode></errors>" if error else ""
        )
        inner = f'<result xmlns="urn:partner.soap.sforce.com">{result}</result>'
        if fault:
            inner = f'<s:Fault><faultcode xmlns:sf="urn:fault">sf:{fault}</faultcode><faultstring>no</faultstring></s:Fault>'
        answer = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inner}</s:Body></s:Envelope>'
        return (500 if fault else 200), {"Content-Type": "text/xml"}, answer.encode()


def _condition(text: str) -> Callable[[Row], bool]:
    """One condition, in the very form in which we write it; every other is refused."""
    if text == "IsDeleted = false":
        return lambda row: not row["IsDeleted"]
    if read := re.fullmatch(rf"SystemModstamp >= {_MOMENT}", text):
        return lambda row: bool(row["SystemModstamp"] >= _stamp(read[1]))
    if read := re.fullmatch(rf"\(SystemModstamp > {_MOMENT} OR \(SystemModstamp = {_MOMENT} AND Id > '(\w{{18}})'\)\)", text):
        return lambda row: (row["SystemModstamp"], row["Id"]) > (_stamp(read[1]), read[3]) and read[1] == read[2]
    if read := re.fullmatch(r"Id IN \(('\w{18}'(?:, '\w{18}')*)\)", text):
        return lambda row: f"'{row['Id']}'" in read[1]
    if read := re.fullmatch(rf"(\w+) = {_TEXT}", text):
        value = re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), read[2])
        return lambda row: bool(row.get(read[1]) == value)
    raise Refused(400, "MALFORMED_QUERY")


def _stamp(literal: str) -> str:
    return literal.replace("Z", "+0000")


@contextmanager
def running_org(**options: Any) -> Iterator[Org]:
    org = Org(**options)

    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: every answer closes its line, so that no test leaves one open.
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status, headers, content = org.answer(self.command, self.path, self.rfile.read(length), self.headers)
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
    org.url = f"http://127.0.0.1:{server.server_port}"
    org.oauth.more = {"instance_url": org.url, "id": f"{org.url}/id/00D000000000001EAA/005000000000001AAA"}
    org.oauth.scopes = {"api", "refresh_token"}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield org
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
