"""HubSpot: the contacts of one account, through its CRM interface, version 3.

The first run lists everything from HubSpot's database. Later ones ask the search index what changed: it gives no more than 10,000 rows
to one question, lags behind, and may give many contacts one moment. So no question is paged through: each page begins where the last
one ended, by time and, within one moment, by id; every run reaches back by an overlap; and what the index names is read from the
database before it is given.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from integrations.crm.contract import (
    AlreadyThere,
    Misconfigured,
    Notice,
    OAuth,
    Page,
    Permanent,
    Rate,
    RemoteProperty,
    RemoteRecord,
    Retry,
    SettingField,
    Several,
    Stale,
    SuggestedRule,
)
from integrations.crm.hubspot import hooks
from integrations.crm.hubspot.api import Api, body_of
from integrations.crm.hubspot.contacts import (
    ALWAYS,
    CONTACT,
    EMAILS,
    MODIFIED,
    NAME,
    PHONES,
    TOGETHER,
    Row,
    emails_of,
    merged_ids,
    merged_record,
    milliseconds,
    properties_of,
    record_of,
    said,
    version_of,
)
from integrations.crm.wire import Wire
from integrations.http_client import Answer

API = "https://api.hubapi.com"
# Read and write contacts, know their properties, and make the one that holds our key.
SCOPES = (
    *("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"),
    *("crm.schemas.contacts.read", "crm.schemas.contacts.write"),
)
CONTACTS = "/crm/v3/objects/contacts"
PROPERTIES = "/crm/v3/properties/contacts"
# The most that a list and a batch take; a search takes more, but what it names is read in one batch.
PAGE = 100
# How far the search index may lag, and our clock behind theirs.
OVERLAP = timedelta(seconds=120)
# Of contacts that a batch does not have, so many are asked for one by one in a run before they count as gone.
CONFIRMED = 40
EXISTING = re.compile(rb"Existing ID: ?(\d{1,19})")
KEY = "hilo_key"
KEY_PROPERTY = {
    "name": KEY,
    "label": "Hilo",
    "groupName": "contactinformation",
    "type": "string",
    "fieldType": "text",
    "hasUniqueValue": True,
    "hidden": True,
}


class HubSpot:
    """One HubSpot account."""

    kind: ClassVar[str] = "hubspot"
    label: ClassVar[Any] = "HubSpot"
    about: ClassVar[Any] = _("Contacts of one account. With webhooks a change there is here within seconds.")
    object_type: ClassVar[str] = CONTACT
    can_merge: ClassVar[bool] = True
    # HubSpot counts 190 in any ten seconds: a full bucket and what refills meanwhile are as many.
    rate: ClassVar[Rate] = Rate(calls=95, seconds=10)
    tells_deletions_for: ClassVar[timedelta] = timedelta()
    poll_seconds: ClassVar[int] = 30
    calls_per_poll: ClassVar[int] = 3
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("portal", _("Hub ID"), _("The number of the account, in HubSpot's menu of the account.")),
        SettingField(
            "token",
            _("Access token"),
            _("Of a private app, with the scopes that the guide names. Empty: you sign in at HubSpot instead."),
            is_secret=True,
            is_required=False,
        ),
        SettingField("client_id", _("Client ID"), _("Of your app, for signing in at HubSpot."), is_required=False),
        SettingField(
            "client_secret",
            _("Client secret"),
            _("Of the same app. It proves that a webhook comes from HubSpot; without it none is taken."),
            is_secret=True,
            is_required=False,
        ),
        SettingField("url", _("Address of the interface"), default=API),
    )
    suggested_mapping: ClassVar[tuple[SuggestedRule, ...]] = (
        SuggestedRule("name", NAME),
        SuggestedRule("email", EMAILS, type="email", is_several=True),
        SuggestedRule("phone", PHONES, type="phone", is_several=True),
        SuggestedRule("company", "company"),
        SuggestedRule("address", "address"),
        SuggestedRule("city", "city"),
        SuggestedRule("postal_code", "zip"),
        SuggestedRule("country", "country"),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self._settings = settings
        self._api = Api(_oauth(settings), settings, wire)
        mapped = settings.get("mapped") or [rule.remote for rule in self.suggested_mapping]
        self._properties = sorted({*ALWAYS, *(name for name in mapped if name not in TOGETHER)})

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        return str(settings.get("portal", ""))

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> OAuth | None:
        return None if settings.get("token") else _oauth(settings)

    @classmethod
    def verify_hook(
        cls, settings: Mapping[str, Any], *, method: str, url: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> bool:
        secret = str(settings.get("client_secret") or "")
        return hooks.is_authentic(secret=secret, method=method, url=url, headers=headers, body=body, now=now)

    @classmethod
    def read_hook(cls, settings: Mapping[str, Any], body: bytes) -> Sequence[Notice]:
        return hooks.notices_of(body, portal=str(settings.get("portal", "")))

    def check(self) -> None:
        details = self._api.get("/account-info/v3/details", expect=(403, 404))
        portal = str((details or {}).get("portalId", ""))
        if portal and portal != self.remote_account(self._settings):
            raise Misconfigured(f"The token belongs to the account {portal}")
        self._search([], limit=1)

    def describe(self) -> list[RemoteProperty]:
        found = self._api.get(PROPERTIES) or {}
        ours = [
            RemoteProperty(NAME, "Name"),
            RemoteProperty(EMAILS, "Email", type="email", is_several=True),
            RemoteProperty(PHONES, "Phone", type="phone", is_several=True),
        ]
        return ours + [_property_of(each) for each in found.get("results", []) if each.get("name") not in (None, KEY)]

    def changes(self, cursor: str) -> Page:
        """The cursor: the place in the list of everything, or since when (milliseconds, the clock there) and the place since then."""
        place = json.loads(cursor) if cursor else {}
        return self._changed(place) if "since" in place else self._listed(place)

    def read(self, external_id: str) -> RemoteRecord | None:
        row = self._row(external_id) or self._row(external_id, archived=True)
        if row is None:
            return None
        return record_of(row) if str(row["id"]) == external_id else merged_record(external_id, row)

    def read_several(self, external_ids: Collection[str]) -> dict[str, RemoteRecord]:
        """Those that there are, by the id that was asked for; deleted and merged ones say so."""
        found: dict[str, RemoteRecord] = {}
        for archived in (False, True):
            missing = [each for each in external_ids if each not in found]
            rows = self._batch(missing, archived=archived)
            known = {str(row["id"]): row for row in rows}
            aliases = {each: row for row in rows for each in merged_ids(row)}
            for each in missing:
                if each in known:
                    found[each] = record_of(known[each])
                elif each in aliases:
                    found[each] = merged_record(each, aliases[each])
        return found

    def create(self, values: Mapping[str, Any], *, key: str) -> RemoteRecord:
        """The key is kept in a hidden property of its own with unique values, by which a second attempt finds the contact."""
        path = f"{CONTACTS}/{quote(key, safe='')}"
        known = self._api.call("GET", path, params={"idProperty": KEY}, expect=(400, 404))
        if known.status == 200:
            return self._as_it_is(str(body_of(known)["id"]))
        if known.status == 400:
            self._api.call("POST", PROPERTIES, json=KEY_PROPERTY, expect=(409,))
        answer = self._api.call("POST", CONTACTS, json={"properties": {**properties_of(None, values), KEY: key}}, expect=(409,))
        if answer.status == 409:
            raise AlreadyThere(self._holder(answer, values))
        return self._as_it_is(str(body_of(answer)["id"]))

    def write(self, external_id: str, values: Mapping[str, Any], *, expected: str) -> RemoteRecord:
        """HubSpot has no precondition: the contact is read right before. Who writes the same property in between, loses it."""
        row = self._row(external_id)
        if row is None or str(row["id"]) != external_id or (expected and version_of(row) != expected):
            raise Stale("The contact was changed")
        if properties := properties_of(row, values):
            answer = self._api.call("PATCH", f"{CONTACTS}/{external_id}", json={"properties": properties}, expect=(409,))
            if answer.status == 409:
                raise AlreadyThere(self._holder(answer, values))
        emails = values.get(EMAILS)
        if isinstance(emails, Several) and emails.remove:
            self._let_go(external_id, emails.remove)
        return self._as_it_is(external_id)

    def merge(self, loser: str, survivor: str) -> None:
        """HubSpot makes a third contact of the two; both ids lead to it."""
        losing, surviving = self._row(loser), self._row(survivor)
        if losing is None or surviving is None:
            raise Stale("The contact was changed")
        if losing["id"] != surviving["id"]:
            self._api.post(f"{CONTACTS}/merge", {"primaryObjectId": str(surviving["id"]), "objectIdToMerge": str(losing["id"])})

    def erase(self, external_id: str) -> None:
        """The deletion that HubSpot makes for a person's right: it cannot be undone, and the address is not taken again."""
        self._api.call("POST", f"{CONTACTS}/gdpr-delete", json={"objectId": external_id}, expect=(404,))

    def gone(self, external_ids: Collection[str]) -> set[str]:
        there: set[str] = set()
        for row in self._batch(sorted(external_ids)):
            there |= {str(row["id"]), *merged_ids(row)}
        missing = [each for each in sorted(external_ids) if each not in there]
        return {each for each in missing[:CONFIRMED] if self._row(each) is None}

    def _listed(self, place: dict[str, Any]) -> Page:
        """A page of everything, from the database. What changes meanwhile is asked for from the moment of the first page on."""
        total = None
        if not place:
            found, start = self._search([], limit=1)
            total = int(found.get("total", 0))
            place = {"start": start}
        params = {"limit": str(PAGE), "properties": ",".join(self._properties)}
        if place.get("after"):
            params["after"] = place["after"]
        found = self._api.get(CONTACTS, params=params) or {}
        following = ((found.get("paging") or {}).get("next") or {}).get("after")
        then = {**place, "after": str(following)} if following else {"since": place["start"] - _ms(OVERLAP)}
        return Page(_with_merged(found.get("results", [])), json.dumps(then), has_more=bool(following), total=total)

    def _changed(self, place: dict[str, Any]) -> Page:
        """A page of what changed since. ``from`` is the moment where it begins, ``id`` the last contact of that very moment."""
        start = place.get("from", place["since"])
        if "id" in place:
            moment = {"propertyName": MODIFIED, "operator": "EQ", "value": str(start)}
            later = {"propertyName": "hs_object_id", "operator": "GT", "value": place["id"]}
            found, now = self._search([moment, later], sort="hs_object_id")
        else:
            found, now = self._search([{"propertyName": MODIFIED, "operator": "GTE", "value": str(start)}], sort=MODIFIED)
        rows = found.get("results", [])
        begun = place.get("begun", now)
        then: dict[str, Any] = {"since": place["since"], "begun": begun}
        moments = [milliseconds(said(row, MODIFIED)) for row in rows]
        if "id" in place:
            then |= {"from": start, "id": str(rows[-1]["id"])} if len(rows) == PAGE else {"from": start + 1}
        elif len(rows) < PAGE:
            then = {"since": begun - _ms(OVERLAP)}
        elif moments[0] == moments[-1]:
            # One moment fills the page: go through it by id, from the first.
            rows, then = [], {**then, "from": moments[0], "id": "0"}
        else:
            # The last moment may go on behind the page: it is where the next one begins.
            rows = [row for row, moment in zip(rows, moments, strict=True) if moment < moments[-1]]
            then |= {"from": moments[-1]}
        fresh = self._batch([str(row["id"]) for row in rows])
        return Page(_with_merged(fresh), json.dumps(then), has_more="from" in then)

    def _search(self, filters: list[dict[str, str]], *, sort: str = MODIFIED, limit: int = 0) -> tuple[dict[str, Any], int]:
        """What the index has, and when it was asked, in milliseconds by the clock there."""
        body = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": [MODIFIED],
            "limit": limit or PAGE,
        }
        answer = self._api.call("POST", f"{CONTACTS}/search", json=body)
        return body_of(answer), _clock(answer.headers.get("date", ""))

    def _row(self, external_id: str, *, archived: bool = False) -> dict[str, Any] | None:
        """The contact that an id leads to, from the database."""
        if not (external_id.isascii() and external_id.isdigit()):
            return None
        params = {"properties": ",".join(self._properties), **({"archived": "true"} if archived else {})}
        return self._api.get(f"{CONTACTS}/{external_id}", params=params, expect=(404,))

    def _batch(self, external_ids: Sequence[str], *, archived: bool = False) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        ids = [each for each in external_ids if each.isascii() and each.isdigit()]
        for first in range(0, len(ids), PAGE):
            body = {"properties": self._properties, "inputs": [{"id": each} for each in ids[first : first + PAGE]]}
            params = {"archived": "true"} if archived else None
            rows += self._api.post(f"{CONTACTS}/batch/read", body, params=params).get("results", [])
        return rows

    def _as_it_is(self, external_id: str) -> RemoteRecord:
        row = self._row(external_id)
        if row is None:
            raise Retry("The contact was deleted as soon as it was written")
        return record_of(row)

    def _let_go(self, external_id: str, emails: Iterable[str]) -> None:
        """Addresses that a write left among the others: HubSpot takes them away one by one only."""
        row = self._row(external_id)
        left = set(emails_of(row)[1:]) if row else set()
        for each in sorted(left & {*emails}):
            path = f"/contacts/v1/secondary-email/{external_id}/email/{quote(each, safe='@')}"
            self._api.call("DELETE", path, expect=(404,))

    def _holder(self, answer: Answer, values: Mapping[str, Any]) -> str:
        """The contact that has one of the addresses already, as the refusal says or as they lead to it. Raises ``Permanent``."""
        if named := EXISTING.search(answer.content):
            return named[1].decode()
        emails = values.get(EMAILS)
        for each in emails.add if isinstance(emails, Several) else [emails] if emails else []:
            row = self._api.get(f"{CONTACTS}/{quote(str(each), safe='')}", params={"idProperty": "email"}, expect=(404,))
            if row is not None:
                return str(row["id"])
        raise Permanent("HubSpot says that this contact is there already, and does not say which it is")


def _oauth(settings: Mapping[str, Any]) -> OAuth:
    url = str(settings.get("url") or API).rstrip("/")
    return OAuth(
        label=HubSpot.label,
        authorize_url="https://app.hubspot.com/oauth/authorize",
        token_url=f"{url}/oauth/v3/token",
        revoke_url=f"{url}/oauth/2026-03/token/revoke",
        scopes=SCOPES,
        own_hosts=("hubapi.com",),
        account_of=lambda said: str(said.get("hub_id") or ""),
    )


def _with_merged(rows: Iterable[Row]) -> list[RemoteRecord]:
    """The contacts, each followed by those that it was made of."""
    return [record for row in rows for record in (record_of(row), *(merged_record(each, row) for each in merged_ids(row)))]


def _property_of(found: Mapping[str, Any]) -> RemoteProperty:
    kinds = {"date": "date", "bool": "boolean", "enumeration": "enum", "phone_number": "phone"}
    choices = tuple(str(each.get("value")) for each in found.get("options") or ())
    is_boolean = {*choices} == {"true", "false"}
    return RemoteProperty(
        str(found["name"]),
        str(found.get("label") or found["name"]),
        type="boolean" if is_boolean else kinds.get(str(found.get("type")), "text"),
        is_writable=not ((found.get("modificationMetadata") or {}).get("readOnlyValue") or found.get("calculated")),
        choices=() if is_boolean else choices,
    )


def _clock(date: str) -> int:
    """The time in the head of an answer; ours where it has none."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        moment = datetime.now(UTC)
    return _ms(moment - datetime(1970, 1, 1, tzinfo=UTC))


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
