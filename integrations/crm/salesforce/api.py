"""Calls to one Salesforce organisation, and its answers turned into the contract's errors.

A refusal is ``[{"errorCode", "message", "fields"}]``. The messages may hold people's data and are not passed on; codes and fields are.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from integrations.crm.contract import Misconfigured, OAuth, Permanent, Retry, Stale
from integrations.crm.oauth import SignedIn
from integrations.crm.salesforce.soql import is_name
from integrations.crm.wire import Wire
from integrations.http_client import Answer

# Calls of any 24 hours count together: used up, there are some again within minutes.
WAIT = 600.0
# From here on the organisation's other programs come first.
ENOUGH = 0.95
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
REFUSALS = (300, 400, 403, 404, 405, 412, 414)
BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION", "REQUEST_RUNNING_TOO_LONG"})
GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
# Refusals with 403 that are about one record.
ONE_RECORD = frozenset({"INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "ENTITY_IS_LOCKED"})


class UnknownField(Permanent):
    """The question names a field that is not there, or not to be seen."""


class LostPlace(Permanent):
    """Salesforce no longer knows where a list was to go on."""


class Api:
    """``version`` as in ``60.0``."""

    def __init__(self, oauth: OAuth, settings: Mapping[str, Any], wire: Wire, *, version: str) -> None:
        self._wire = wire
        self._signed_in = SignedIn(oauth, settings, wire)
        self._login = str(settings.get("url") or "")
        self._data = f"/services/data/v{version}"

    @property
    def token(self) -> str:
        """The token that worked last, for calls that carry it in their body."""
        return str(self._signed_in.held.get("access_token") or "")

    def call(self, method: str, path: str, *, expect: Collection[int] = (), **options: Any) -> Answer:
        """``path`` below the interface's version, or from ``/services/`` on."""
        whole = path if path.startswith("/services/") else f"{self._data}{path}"
        headers = {"Accept": "application/json", **(options.pop("headers", None) or {})}
        answer = self._signed_in.call(
            method, lambda held: self._base(held) + whole, headers=headers, expect={*REFUSALS, *expect}, **options
        )
        self._watch(answer)
        if answer.status in REFUSALS and answer.status not in expect:
            raise self._refusal(method, answer)
        return answer

    def query(self, question: str) -> dict[str, Any]:
        """The first batch of an answer, deleted and merged records included."""
        return parsed(self.call("GET", f"/queryAll?q={quote(question)}"))

    def more(self, place: str) -> dict[str, Any]:
        """The next batch. Raises ``LostPlace`` where the place has been forgotten, or is none."""
        if not place.startswith("/services/data/") or ".." in place:
            raise LostPlace("nextRecordsUrl")
        answer = self.call("GET", place, expect=(404,))
        if answer.status == 404:
            raise LostPlace("nextRecordsUrl")
        return parsed(answer)

    def _base(self, held: Mapping[str, Any]) -> str:
        base = str(held.get("instance_url") or self._login).rstrip("/")
        if urlsplit(self._login).scheme == "https" and urlsplit(base).scheme != "https":
            raise Misconfigured(_("Salesforce names an address without encryption."))
        return base

    def _watch(self, answer: Answer) -> None:
        """Nearly used up, the calls that are left are the others'."""
        found = _USAGE.search(answer.headers.get("sforce-limit-info", ""))
        if found and int(found[1]) >= ENOUGH * int(found[2]):
            self._wire.hold(WAIT)

    def _refusal(self, method: str, answer: Answer) -> Exception:
        codes, fields = _errors(answer)
        said = " ".join([f"{method} {answer.status}", *codes, *([f"({', '.join(fields)})"] if fields else [])])[:200]
        known = set(codes)
        if known & {"REQUEST_LIMIT_EXCEEDED"}:
            self._wire.hold(WAIT)
            return Retry(said, after=WAIT)
        if known & BUSY:
            return Retry(said)
        if known & {"INVALID_FIELD"} and method == "GET":
            return UnknownField(said)
        if known & {"INVALID_QUERY_LOCATOR"}:
            return LostPlace(said)
        if answer.status == 412 or (known & GONE and method != "GET"):
            return Stale(said)
        if known & {"DUPLICATES_DETECTED"}:
            return Permanent(_("A duplicate rule of Salesforce refuses the record: it looks like one that is there."))
        if answer.status in (403, 404) and not known & ONE_RECORD:
            return Misconfigured(said)
        return Permanent(said)


def parsed(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise Retry("Salesforce's answer is no JSON") from error
    if not isinstance(said, dict):
        raise Retry("Salesforce's answer is another one than was asked for")
    return said


def _errors(answer: Answer) -> tuple[list[str], list[str]]:
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        said = []
    found = [each for each in (said if isinstance(said, list) else [said]) if isinstance(each, dict)]
    codes = [str(each.get("errorCode", ""))[:60] for each in found if is_name(str(each.get("errorCode", ""))[:60])]
    fields = [str(name) for each in found for name in (each.get("fields") or []) if is_name(str(name))]
    return codes, fields
