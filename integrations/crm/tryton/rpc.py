"""Tryton's JSON-RPC: one session, kept with the credentials, and its answers turned into the contract's errors.

``POST /<database>/rpc/`` with ``{"method", "params"}``; the last parameter is the context. 401: the session ended. 423: a record was
modified since the timestamp that the context names.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from integrations.crm.contract import Misconfigured, Permanent, Retry, Stale
from integrations.crm.wire import Wire


class Warned(Permanent):
    """Tryton asks whether that is really meant. ``name`` is what an answer refers to."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Session:
    """Calls of one user of one database."""

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self._settings = settings
        self._wire = wire
        self._token = str(settings.get("session") or "")
        self.url = f"{str(settings['url']).rstrip('/')}/{quote(str(settings['database']), safe='')}/rpc/"

    def call(self, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """The result. Signs in first where there is no session, and once more where it ended."""
        if not self._token:
            self._renew()
        arguments = [*params, dict(context or {})]
        answer = self._post(method, arguments)
        if answer is None:
            self._renew()
            answer = self._post(method, arguments)
        if answer is None:
            raise Misconfigured(_("Tryton refuses its own session."))
        return answer["result"]

    @property
    def user_id(self) -> int:
        return int(self._token.split(":")[1])

    def _renew(self) -> None:
        refused = {"session": self._token} if self._token else {"session": self._settings.get("session")}
        held = self._wire.renew(refused, lambda _secrets: {"session": self._sign_in()})
        self._token = str(held["session"])

    def _sign_in(self) -> str:
        user, password = str(self._settings["user"]), str(self._settings["password"])
        body = {"id": 0, "method": "common.db.login", "params": [user, {"password": password}]}
        answer = self._wire.call("POST", self.url, json=body, expect=(401, 404))
        if answer.status == 404:
            raise Misconfigured(_("Tryton has no such database."))
        result = None if answer.status == 401 else _result(answer.content)
        if not result:
            raise Misconfigured(_("Tryton does not accept the user or the password."))
        return f"{user}:{result[0]}:{result[1]}"

    def _post(self, method: str, params: list[Any]) -> dict[str, Any] | None:
        headers = {"Authorization": f"Session {base64.b64encode(self._token.encode()).decode()}"}
        answer = self._wire.call("POST", self.url, headers=headers, json={"id": 0, "method": method, "params": params}, expect=(401,))
        return None if answer.status == 401 else {"result": _result(answer.content)}


def _result(content: bytes) -> Any:
    try:
        said = json.loads(content, object_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Retry(_("What answers there is not Tryton.")) from error
    refusal = said.get("error") if isinstance(said, dict) else None
    if not refusal:
        return said.get("result") if isinstance(said, dict) else said
    kind, details = str(refusal[0]), refusal[1] if len(refusal) > 1 else ""
    if kind == "UserWarning":
        raise Warned(str(details[0]), str(details[1]))
    if kind == "ConcurrencyException":
        raise Stale(kind)
    text = str(details[0]) if isinstance(details, list) and details else kind
    if kind == "UserError":
        raise Permanent(text[:200])
    if kind in ("AccessError", "Forbidden"):
        raise Misconfigured(text[:200])
    raise Retry(f"Tryton: {kind[:120]}")


def _object(value: dict[str, Any]) -> Any:
    """Tryton's own kinds of values."""
    match value.get("__class__"):
        case "datetime":
            year, month, day, *time = (value[name] for name in ("year", "month", "day", "hour", "minute", "second", "microsecond"))
            return datetime(year, month, day, *time).replace(tzinfo=UTC)
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "Decimal":
            return value["decimal"]
        case _:
            return value


def as_datetime(moment: datetime) -> dict[str, Any]:
    """A moment as Tryton writes it: UTC without a zone."""
    utc = moment.astimezone(UTC)
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(utc, name) for name in names}}
