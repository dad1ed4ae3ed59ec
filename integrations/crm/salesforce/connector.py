"""Salesforce: contacts, leads or person accounts of one organisation."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.crm.contract import (
    Misconfigured,
    OAuth,
    Page,
    Permanent,
    Rate,
    RemoteProperty,
    RemoteRecord,
    Retry,
    SettingField,
    Stale,
    SuggestedRule,
)
from integrations.crm.salesforce import soap, soql
from integrations.crm.salesforce.api import Api, LostPlace, UnknownField, parsed
from integrations.crm.salesforce.records import (
    KINDS,
    PHONES,
    Kind,
    changes_to,
    fields_for,
    moment_of,
    property_of,
    record_of,
    version_of,
)
from integrations.crm.wire import Wire

VERSION = "60.0"
# A stamp is given when a transaction begins there, and seen when it ends: reach back for those that take long.
OVERLAP = timedelta(minutes=2)
# How many ids one question names.
AT_ONCE = 200


class Salesforce:
    """The people of one organisation."""

    kind: ClassVar[str] = "salesforce"
    label: ClassVar[Any] = "Salesforce"
    about: ClassVar[Any] = _("Contacts, leads or person accounts of one organisation.")
    object_type: ClassVar[str] = "person"
    can_merge: ClassVar[bool] = True
    rate: ClassVar[Rate] = Rate(calls=100, seconds=20)
    # The recycle bin keeps them for fifteen days.
    tells_deletions_for: ClassVar[timedelta] = timedelta(days=14)
    poll_seconds: ClassVar[int] = 60
    calls_per_poll: ClassVar[int] = 1
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            "url",
            _("Where one signs in"),
            _("https://login.salesforce.com, https://test.salesforce.com for a sandbox, or your own domain there."),
            default="https://login.salesforce.com",
        ),
        SettingField("client_id", _("Consumer key"), _("Of the connected app. Empty: the app of this installation."), is_required=False),
        SettingField("client_secret", _("Consumer secret"), _("Empty where the app asks for none."), is_secret=True, is_required=False),
        SettingField(
            "object", _("Object"), _("Contact, Lead or PersonAccount. For another one make another connection."), default="Contact"
        ),
        SettingField(
            "key_field",
            _("External id field"),
            _("A text field, marked as external id and unique, by which a record that Hilo makes is made once. Empty: Hilo makes none."),
            is_required=False,
            default="Hilo_Key__c",
        ),
    )
    suggested_mapping: ClassVar[tuple[SuggestedRule, ...]] = (
        SuggestedRule("name", "Name"),
        SuggestedRule("email", "Email", type="email"),
        SuggestedRule("phone", PHONES, type="phone", is_several=True),
        SuggestedRule("address", "MailingStreet"),
        SuggestedRule("city", "MailingCity"),
        SuggestedRule("postal_code", "MailingPostalCode"),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self._api = Api(self.oauth(settings), settings, wire, version=VERSION)
        self._object = str(settings.get("object") or "Contact")
        self._key_field = str(settings.get("key_field") or "")
        mapped = settings.get("mapped") or [rule.remote for rule in self.suggested_mapping]
        known = fields_for(KINDS[self._object], mapped) if self._object in KINDS else []
        self._fields = [name for name in known if soql.is_name(name)]

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        return urlsplit(str(settings.get("instance_url") or settings.get("url", ""))).netloc

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> OAuth:
        url = str(settings.get("url") or "").rstrip("/")
        return OAuth(
            label=cls.label,
            authorize_url=f"{url}/services/oauth2/authorize",
            token_url=f"{url}/services/oauth2/token",
            revoke_url=f"{url}/services/oauth2/revoke",
            scopes=("api", "refresh_token"),
            own_hosts=("salesforce.com",),
            keeps=("instance_url",),
            account_of=_organisation,
        )

    @property
    def _kind(self) -> Kind:
        if self._object not in KINDS:
            raise Misconfigured(gettext("The object is Contact, Lead or PersonAccount."))
        return KINDS[self._object]

    def check(self) -> None:
        said = {str(each.get("name")): each for each in self._described()}
        if self._kind.condition and "IsPersonAccount" not in said:
            raise Misconfigured(gettext("This organisation has no person accounts."))
        if self._key_field and not (said.get(self._key_field) or {}).get("externalId"):
            raise Misconfigured(
                gettext("%(object)s has no external id field %(field)s.") % {"object": self._object, "field": self._key_field}
            )

    def describe(self) -> list[RemoteProperty]:
        found = [each for said in self._described() if (each := property_of(self._kind, said))]
        return [*found, RemoteProperty(PHONES, "Mobile + Phone", type="phone", is_several=True)]

    def changes(self, cursor: str) -> Page:
        """The cursor: since when (the clock there); while there are more pages, the place in the list, the last record of the pages so
        far, when the run began, and the newest stamp. A place that was forgotten is found again by the last record."""
        at = json.loads(cursor) if cursor else {}
        begun = at.get("begun") or datetime.now(UTC).isoformat()
        said = self._next(at)
        rows = [row for row in said.get("records") or () if isinstance(row, dict)]
        stamps = [*(each for row in rows if (each := moment_of(row.get("SystemModstamp")))), *filter(None, [moment_of(at.get("newest"))])]
        newest = max(stamps, default=None)
        is_first = not at.get("since") and not at.get("after")
        records = self._with_survivors([record_of(self._kind, self.object_type, row) for row in rows])
        if said.get("done", True) or not rows:
            since = (min(newest, datetime.fromisoformat(begun)) - OVERLAP).isoformat() if newest else at.get("since")
            then = {"since": since} if since else {}
        else:
            last = rows[-1]
            then = {
                "since": at.get("since"),
                "begun": begun,
                "newest": newest.isoformat() if newest else None,
                "after": [last["SystemModstamp"], last["Id"]],
                "place": said.get("nextRecordsUrl"),
            }
        total = int(said["totalSize"]) if is_first and isinstance(said.get("totalSize"), int) else None
        return Page(records, json.dumps(then), has_more="after" in then, total=total)

    def read(self, external_id: str) -> RemoteRecord | None:
        row = self._row(external_id)
        return record_of(self._kind, self.object_type, row) if row else None

    def create(self, values: Mapping[str, Any], *, key: str) -> RemoteRecord:
        """Made under the key; one that is there already is left as it is."""
        if not self._key_field:
            raise Permanent(gettext("Hilo makes records there only with an external id field; the settings name it."))
        known = self._rows([f"{self._key_field} = {soql.quoted(key)}", "IsDeleted = false"])
        if known:
            return self._as_it_is(known[0]["Id"])
        path = f"/sobjects/{self._kind.sobject}/{self._key_field}/{quote(key, safe='')}"
        answer = self._api.call("PATCH", path, json=changes_to(self._kind, None, values))
        made = parsed(answer).get("id") if answer.content else None
        found = made or next((row["Id"] for row in self._rows([f"{self._key_field} = {soql.quoted(key)}", "IsDeleted = false"])), None)
        if not found:
            raise Retry("Salesforce does not say which record was made")
        return self._as_it_is(str(found))

    def write(self, external_id: str, values: Mapping[str, Any], *, expected: str) -> RemoteRecord:
        """Compared first, because the precondition that Salesforce knows counts in whole seconds."""
        row = self._row(external_id)
        if row is None or row.get("IsDeleted") or (expected and version_of(row) != expected):
            raise Stale("The record was changed")
        if said := changes_to(self._kind, row, values):
            said |= self._other_parts(row, said)
            self._api.call("PATCH", self._path(external_id), json=said, headers=_unmodified_since(row))
        return self._as_it_is(external_id)

    def merge(self, loser: str, survivor: str) -> None:
        """The survivor keeps its own values; what hangs from the loser there moves along."""
        row = self._row(loser)
        if row is not None and row.get("MasterRecordId"):
            return
        if row is None or row.get("IsDeleted"):
            raise Stale("The record was changed")
        soap.merge(self._api, version=VERSION, sobject=self._kind.sobject, loser=loser, survivor=survivor)

    def erase(self, external_id: str) -> None:
        """Emptied, deleted, and taken out of the recycle bin, where it could be read for fifteen days."""
        row = self._row(external_id)
        if row is None:
            return
        if not row.get("IsDeleted"):
            writable = {str(each.get("name")) for each in self._described() if each.get("updateable")}
            nothing = {name: None for name in self._fields if name in writable and row.get(name) is not None}
            self._api.call("PATCH", self._path(external_id), json={**nothing, "LastName": "-"})
            self._api.call("DELETE", self._path(external_id), expect=(404,))
        try:
            soap.empty_recycle_bin(self._api, version=VERSION, external_id=external_id)
        except Permanent:
            # It is not in the bin any more, or this user may not empty it; what is left there is empty.
            return

    def gone(self, external_ids: Collection[str]) -> set[str]:
        """Those that are not even in the recycle bin; of what is in it, the changes tell. Ids of another object are nobody's."""
        asked = [each for each in external_ids if soql.is_id(each) and each.startswith(self._kind.prefix)]
        there: set[str] = set()
        for first in range(0, len(asked), AT_ONCE):
            among = f"Id IN ({', '.join(soql.quoted(each) for each in asked[first : first + AT_ONCE])})"
            said = self._api.query(soql.select(["Id"], self._kind.sobject, [among]))
            there |= _ids(said)
            while place := said.get("nextRecordsUrl"):
                said = self._api.more(str(place))
                there |= _ids(said)
        return set(asked) - there

    def _next(self, at: Mapping[str, Any]) -> dict[str, Any]:
        if at.get("place"):
            try:
                return self._api.more(str(at["place"]))
            except LostPlace:
                pass
        conditions = [self._kind.condition] if self._kind.condition else []
        if at.get("since"):
            conditions.append(f"SystemModstamp >= {soql.moment(datetime.fromisoformat(at['since']))}")
        else:
            conditions.append("IsDeleted = false")
        if at.get("after") and (stamp := moment_of(at["after"][0])):
            conditions.append(soql.after(stamp, str(at["after"][1])))
        return self._ask(conditions, ordered=True)

    def _ask(self, conditions: list[str], *, ordered: bool = False) -> dict[str, Any]:
        """Without the fields that are not there any more, where one is not."""
        try:
            return self._api.query(soql.select(self._fields, self._kind.sobject, conditions, ordered=ordered))
        except UnknownField:
            known = {str(each.get("name")) for each in self._described()}
            self._fields = [name for name in self._fields if name in known]
            return self._api.query(soql.select(self._fields, self._kind.sobject, conditions, ordered=ordered))

    def _rows(self, conditions: list[str]) -> list[dict[str, Any]]:
        return [row for row in self._ask(conditions).get("records") or () if isinstance(row, dict)]

    def _row(self, external_id: str) -> dict[str, Any] | None:
        if not soql.is_id(external_id):
            return None
        if not external_id.startswith(self._kind.prefix):
            raise Misconfigured(gettext("The connection is in step with another object. Set it back, or make a new connection."))
        return next(iter(self._rows([soql.id_is(external_id)])), None)

    def _as_it_is(self, external_id: str) -> RemoteRecord:
        found = self.read(external_id)
        if found is None:
            raise Permanent(gettext("The record was deleted there as soon as it was written."))
        return found

    def _with_survivors(self, records: list[RemoteRecord]) -> list[RemoteRecord]:
        """A merge tells of the losers; what became of the survivor is read, because what only moved to it gives no sign."""
        here = {record.external_id for record in records}
        survivors = sorted({record.merged_into for record in records if record.merged_into} - here)
        found: list[RemoteRecord] = []
        for first in range(0, len(survivors), AT_ONCE):
            ids = [each for each in survivors[first : first + AT_ONCE] if soql.is_id(each)]
            rows = self._rows([f"Id IN ({', '.join(soql.quoted(each) for each in ids)})", "IsDeleted = false"]) if ids else []
            found += [record_of(self._kind, self.object_type, row) for row in rows]
        return [*records, *found]

    def _described(self) -> list[dict[str, Any]]:
        said = parsed(self._api.call("GET", f"/sobjects/{self._kind.sobject}/describe")).get("fields")
        return [each for each in said or () if isinstance(each, dict)]

    def _path(self, external_id: str) -> str:
        return f"/sobjects/{self._kind.sobject}/{external_id}"

    def _other_parts(self, row: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, None]:
        """A middle name and a suffix are part of the whole name, where the organisation has them: they would stand there twice."""
        whole = " ".join(str(row[each]) for each in ("FirstName", "LastName") if row.get(each))
        if "LastName" not in said or not row.get("Name") or row["Name"] == whole:
            return {}
        known = {str(each.get("name")) for each in self._described()}
        return {name: None for name in ("MiddleName", "Suffix") if name in known}


def _ids(said: Mapping[str, Any]) -> set[str]:
    return {str(row.get("Id")) for row in said.get("records") or () if isinstance(row, dict)}


def _unmodified_since(row: Mapping[str, Any]) -> dict[str, str]:
    at = moment_of(row.get("LastModifiedDate"))
    if at is None:
        return {}
    whole = at.replace(microsecond=0) + timedelta(seconds=1 if at.microsecond else 0)
    return {"If-Unmodified-Since": format_datetime(whole.astimezone(UTC), usegmt=True)}


def _organisation(said: Mapping[str, Any]) -> str:
    """The identity address ends in the organisation's id and the user's."""
    parts = urlsplit(str(said.get("id") or "")).path.strip("/").split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "id" else ""
