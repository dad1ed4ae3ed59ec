"""Tryton: parties with their addresses, emails and phones."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.crm.contract import (
    Page,
    Permanent,
    Rate,
    RemoteProperty,
    RemoteRecord,
    SettingField,
    Stale,
    SuggestedRule,
)
from integrations.crm.tryton.parties import CHILDREN, FIELDS, PARTY, Party, changes_to, party_of, record_of
from integrations.crm.tryton.rpc import Session, Warned, as_datetime
from integrations.crm.wire import Wire

PAGE = 100
# A transaction there is stamped when it begins and seen when it ends: reach back for those that take long.
OVERLAP = timedelta(seconds=60)
EVERYTHING = {"active_test": False}


class Tryton:
    """One database of one Tryton server."""

    kind: ClassVar[str] = "tryton"
    label: ClassVar[Any] = "Tryton"
    about: ClassVar[Any] = _("Parties of an ERP, with their addresses, emails and phones.")
    object_type: ClassVar[str] = PARTY
    can_merge: ClassVar[bool] = True
    rate: ClassVar[Rate] = Rate(calls=120, seconds=10)
    tells_deletions_for: ClassVar[timedelta] = timedelta()
    poll_seconds: ClassVar[int] = 10
    calls_per_poll: ClassVar[int] = 2
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("url", _("Address of the server"), _("For example https://tryton.example.com")),
        SettingField("database", _("Database")),
        SettingField("user", _("User")),
        SettingField("password", _("Password"), is_secret=True),
    )
    suggested_mapping: ClassVar[tuple[SuggestedRule, ...]] = (
        SuggestedRule("name", "name"),
        SuggestedRule("email", "emails", type="email", is_several=True),
        SuggestedRule("phone", "phones", type="phone", is_several=True),
        SuggestedRule("address", "address.street"),
        SuggestedRule("city", "address.city"),
        SuggestedRule("postal_code", "address.postal_code"),
        SuggestedRule("customer_number", "code", direction="in"),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self._session = Session(settings, wire)

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        return f"{settings.get('url', '')} {settings.get('database', '')}"

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> None:
        return None

    def check(self) -> None:
        self._model(PARTY, "search", [], 0, 1, None)

    def describe(self) -> list[RemoteProperty]:
        return [
            RemoteProperty("name", "Name"),
            RemoteProperty("code", "Code", is_writable=False),
            RemoteProperty("emails", "Email", type="email", is_several=True),
            RemoteProperty("phones", "Phone", type="phone", is_several=True),
            RemoteProperty("address.street", "Street"),
            RemoteProperty("address.city", "City"),
            RemoteProperty("address.postal_code", "Postal Code"),
        ]

    def changes(self, cursor: str) -> Page:
        """The cursor: since when (the clock there), the last party of the pages so far, and where the next run begins.

        Where there was nobody yet, the next run begins with everything again.
        """
        at = json.loads(cursor) if cursor else {}
        since = datetime.fromisoformat(at["since"]) if at.get("since") else None
        since, after = at.get("since"), at.get("after", 0)
        rows = self._rows([["id", ">", after], *_changed_since(since)], PAGE + 1)
        found = [record_of(party_of(row)) for row in rows[:PAGE]]
        newest = max((record.modified_at for record in found if record.modified_at), default=None) if since else self._newest(after)
        following = at.get("next") or _start_after(newest) or since
        is_more = len(rows) > PAGE
        total = self._model(PARTY, "search_count", [], context=EVERYTHING) if not since and not after and is_more else None
        then = {"since": since, "after": rows[PAGE - 1]["id"], "next": following} if is_more else {"since": following}
        return Page(found, json.dumps(then), has_more=is_more, total=total if total is not None or since or after else len(found))

    def read(self, external_id: str) -> RemoteRecord | None:
        party = self._party(external_id)
        return record_of(party) if party else None

    def create(self, values: Mapping[str, Any], *, key: str) -> RemoteRecord:
        """The key is kept as an identifier of the party, by which a second attempt finds it."""
        known = self._model("party.identifier", "search_read", [["code", "=", key]], 0, 1, None, ["party"])
        if known:
            found = str(known[0]["party"])
        else:
            row = {**changes_to(None, values), "identifiers": [["create", [{"code": key}]]]}
            found = str(self._model(PARTY, "create", [row])[0])
        return self._as_it_is(found)

    def write(self, external_id: str, values: Mapping[str, Any], *, expected: str) -> RemoteRecord:
        party = self._party(external_id)
        if party is None or (expected and party.version != expected):
            raise Stale("The party was modified")
        self._model(PARTY, "write", [int(external_id)], changes_to(party, values), context={"_timestamp": party.timestamps, **EVERYTHING})
        return self._as_it_is(external_id)

    def merge(self, loser: str, survivor: str) -> None:
        """By Tryton's own assistant; that names or tax numbers differ was seen here by whoever merged."""
        self._wizard("party.replace", {"ask": {"source": int(loser), "destination": int(survivor)}}, "replace")

    def erase(self, external_id: str) -> None:
        party = self._party(external_id)
        if party is None or record_of(party).is_erased:
            return
        if party.row["active"]:
            self._model(PARTY, "write", [int(external_id)], {"active": False})
        self._wizard("party.erase", {"ask": {"party": int(external_id)}}, "erase")

    def gone(self, external_ids: Collection[str]) -> set[str]:
        wanted = sorted(int(each) for each in external_ids)
        there = self._model(PARTY, "search", [["id", "in", wanted]], 0, None, None, context=EVERYTHING)
        return {str(each) for each in set(wanted) - set(there)}

    def _as_it_is(self, external_id: str) -> RemoteRecord:
        found = self.read(external_id)
        if found is None:
            raise Permanent(gettext("The record was deleted there as soon as it was written."))
        return found

    def _newest(self, after: int) -> datetime | None:
        """The newest change of a party when a whole listing begins, by the clock there. Of what hangs from it, the next run tells."""
        if after:
            return None
        stamps = []
        for name in ("write_date", "create_date"):
            rows = self._model(PARTY, "search_read", [[name, "!=", None]], 0, 1, [[name, "DESC"]], [name], context=EVERYTHING)
            stamps += [row[name] for row in rows]
        return max(stamps, default=None)

    def _rows(self, question: list[Any], limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._model(PARTY, "search_read", question, 0, limit, [["id", "ASC"]], FIELDS, context=EVERYTHING)
        return found

    def _party(self, external_id: str) -> Party | None:
        rows = self._rows([["id", "=", int(external_id)]], 1)
        return party_of(rows[0]) if rows else None

    def _wizard(self, name: str, data: Mapping[str, Any], state: str) -> None:
        session, _start, _end = self._session.call(f"wizard.{name}.create")
        try:
            for _warning in range(3):
                try:
                    self._session.call(f"wizard.{name}.execute", session, data, state)
                    return
                except Warned as warned:
                    row = {"user": self._session.user_id, "name": warned.name, "always": False}
                    self._model("res.user.warning", "create", [row])
            raise Permanent(gettext("Tryton asks again and again whether that is meant."))
        finally:
            self._session.call(f"wizard.{name}.delete", session)

    def _model(self, model: str, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        return self._session.call(f"model.{model}.{method}", *params, context=context)


def _changed_since(since: str | None) -> list[Any]:
    """The condition that the party, or something that hangs from it, changed since; none for everything."""
    if not since:
        return []
    moment = as_datetime(datetime.fromisoformat(since))
    places = ("", *(f"{name}." for name in CHILDREN))
    return [["OR", *([f"{place}{name}", ">=", moment] for place in places for name in ("write_date", "create_date"))]]


def _start_after(newest: datetime | None) -> str | None:
    """The earlier of now and the newest change there, less the overlap: a clock that was ahead and is put right loses nothing."""
    return (min(newest, datetime.now(UTC)) - OVERLAP).isoformat() if newest else None
