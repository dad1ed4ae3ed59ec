"""Any system whose people can be listed, read and written as JSON. Addresses, paths and names are settings."""

import json
from collections.abc import Collection, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urljoin, urlsplit

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.crm.contract import (
    Misconfigured,
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
from integrations.crm.rest.addresses import filled, moments, places
from integrations.crm.rest.paths import at, leaves, put
from integrations.crm.wire import Wire
from integrations.http_client import Answer

OVERLAP = timedelta(seconds=60)
LONGEST_LIST = 100


class Rest:
    """One interface, as its settings describe it. Properties of the mapping are paths into a record."""

    kind: ClassVar[str] = "rest"
    label: ClassVar[Any] = "REST / JSON"
    about: ClassVar[Any] = _("Your own system: any interface that lists, reads and writes customers as JSON.")
    object_type: ClassVar[str] = "record"
    can_merge: ClassVar[bool] = False
    rate: ClassVar[Rate] = Rate(calls=60, seconds=10)
    tells_deletions_for: ClassVar[timedelta] = timedelta()
    poll_seconds: ClassVar[int] = 30
    calls_per_poll: ClassVar[int] = 2
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("url", _("Address of the interface"), _("For example https://api.example.com/v1/")),
        SettingField("header_name", _("Header of the key"), is_required=False, default="Authorization"),
        SettingField("header_value", _("Key"), _("With its first word, for example: Bearer abc123"), is_secret=True, is_required=False),
        SettingField(
            "list_path",
            _("List of records"),
            _(
                "{since} (ISO 8601), {since_seconds} or {since_milliseconds} (since 1970), {page} (from 1 on), {offset} (from 0 on) and "
                "{cursor} are filled in. For example: customers?updated_since={since}&page={page}"
            ),
        ),
        SettingField(
            "items", _("Where the list stands in the answer"), _("Empty: the answer is the list."), is_required=False, default="data"
        ),
        SettingField("next", _("Where the next cursor or address stands"), is_required=False),
        SettingField("item_path", _("Address of one record"), _("{id} is filled in."), default="customers/{id}"),
        SettingField(
            "item", _("Where one record stands in its answer"), _("Empty: the answer is the record. For example: data"), is_required=False
        ),
        SettingField("id", _("Where a record's id stands"), default="id"),
        SettingField(
            "modified",
            _("Where the time of its last change stands"),
            _("ISO 8601, or seconds or milliseconds since 1970."),
            is_required=False,
            default="updated_at",
        ),
        SettingField("version", _("Where its version stands"), _("Empty: the time of its last change, else the ETag."), is_required=False),
        SettingField("deleted", _("What says that it was deleted"), is_required=False),
        SettingField("merged_into", _("Where the id of the record stands that it was merged into"), is_required=False),
        SettingField("method", _("How a record is changed"), _("PATCH with the changed fields, or PUT with the whole."), default="PATCH"),
    )
    suggested_mapping: ClassVar[tuple[SuggestedRule, ...]] = (
        SuggestedRule("name", "name"),
        SuggestedRule("email", "email", type="email"),
        SuggestedRule("phone", "phone", type="phone"),
        SuggestedRule("address", "address.street"),
        SuggestedRule("city", "address.city"),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self._settings = {field.name: settings.get(field.name, field.default) for field in self.setting_fields}
        self._wire = wire
        self._url = str(self._settings["url"]).rstrip("/") + "/"

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        return urlsplit(str(settings.get("url", ""))).netloc

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> None:
        return None

    def check(self) -> None:
        found, _answer = self._list({})
        if not isinstance(found, list):
            raise Misconfigured(gettext("There is no list where the settings say it stands."))

    def describe(self) -> list[RemoteProperty]:
        """What the records of the first page have, taken together: one alone may leave a property out."""
        found, _answer = self._list({})
        first: dict[str, Any] = {}
        for each in found if isinstance(found, list) else []:
            first |= {path: value for path, value in leaves(each).items() if value is not None or path not in first}
        return [
            RemoteProperty(path, path, type="boolean" if isinstance(value, bool) else "text", is_several=isinstance(value, list))
            for path, value in first.items()
        ]

    def changes(self, cursor: str) -> Page:
        place = json.loads(cursor) if cursor else {}
        found, answer = self._list(place)
        if not isinstance(found, list):
            raise Misconfigured(gettext("There is no list where the settings say it stands."))
        # One without an id could never be found again; it holds up none of the others.
        records = [self.record_of(each) for each in found if self._is_record(each)]
        if found and not records:
            raise Misconfigured(gettext("A record has no id where the settings say it stands."))
        newest = max([*(each.modified_at for each in records if each.modified_at), *moments(place.get("newest"))], default=None)
        following = at(answer, self._settings["next"]) if self._settings["next"] else None
        paged = any(name in self._settings["list_path"] for name in ("{page}", "{offset}"))
        is_more = bool(following) or (paged and bool(found))
        if is_more:
            then = {
                **place,
                "cursor": following,
                "page": place.get("page", 1) + 1,
                "offset": place.get("offset", 0) + len(found),
                "newest": newest.isoformat() if newest else None,
            }
        else:
            since = min(newest, datetime.now(UTC)) - OVERLAP if newest else None
            then = {"since": since.isoformat() if since else place.get("since", "")}
        # Without a way to ask since when, every list is whole.
        whole = frozenset(each.external_id for each in records) if "{" not in self._settings["list_path"] and not is_more else None
        return Page(records, json.dumps(then), has_more=is_more, every_id=whole)

    def read(self, external_id: str) -> RemoteRecord | None:
        answer = self._call("GET", self._item(external_id), expect=(404, 410))
        return None if answer.status in (404, 410) else self.record_of(self._one(answer), etag=answer.headers.get("etag", ""))

    def create(self, values: Mapping[str, Any], *, key: str) -> RemoteRecord:
        """Sent with an Idempotency-Key; an interface that ignores it may make two of one after a lost answer."""
        body: dict[str, Any] = {}
        for path, value in values.items():
            put(body, path, list(value.add) if isinstance(value, Several) else value)
        path = filled(self._settings["list_path"].partition("?")[0], places({}))
        answer = self._call("POST", urljoin(self._url, path), json=body, headers={"Idempotency-Key": key})
        made = at(self._one(answer), self._settings["id"])
        found = self.read(str(made)) if made not in (None, "") else None
        if found is None:
            raise Permanent(gettext("The answer does not say which record was made."))
        return found

    def write(self, external_id: str, values: Mapping[str, Any], *, expected: str) -> RemoteRecord:
        answer = self._call("GET", self._item(external_id), expect=(404, 410))
        if answer.status in (404, 410):
            raise Stale("The record is gone")
        now, etag = self._one(answer), answer.headers.get("etag", "")
        known = self.record_of(now, etag=etag)
        if expected and known.version != expected:
            raise Stale("The record was changed")
        whole = deepcopy(now)
        for path, value in values.items():
            put(whole, path, _whole(at(whole, path), value) if isinstance(value, Several) else value)
        # A part that is an object or a list is sent whole: interfaces differ in whether they merge it.
        heads = {path.partition(".")[0] for path in values}
        is_put = self._settings["method"].upper() == "PUT"
        body = whole if is_put else {head: whole[head] for head in whole if head in heads}
        headers = {"If-Match": etag} if etag else {}
        self._call(self._settings["method"].upper(), self._item(external_id), json=body, headers=headers)
        found = self.read(external_id)
        if found is None:
            raise Retry(gettext("The record was deleted there as soon as it was written."))
        return found

    def merge(self, loser: str, survivor: str) -> None:
        raise Permanent(gettext("This interface cannot merge records."))

    def erase(self, external_id: str) -> None:
        self._call("DELETE", self._item(external_id), expect=(404, 410))

    def gone(self, external_ids: Collection[str]) -> set[str]:
        """One question per record, so only some of them are asked for at a time; none where a list says what was deleted."""
        if self._settings["deleted"] or "{" not in self._settings["list_path"]:
            return set()
        return {each for each in list(external_ids)[:5] if self.read(each) is None}

    def record_of(self, body: Any, *, etag: str = "") -> RemoteRecord:
        """One record of the interface. Raises ``Permanent`` for what has no id."""
        if not self._is_record(body):
            raise Permanent(gettext("A record has no id where the settings say it stands."))
        found = at(body, self._settings["id"])
        modified = at(body, self._settings["modified"]) if self._settings["modified"] else None
        version = at(body, self._settings["version"]) if self._settings["version"] else (modified or etag)
        merged = at(body, self._settings["merged_into"]) if self._settings["merged_into"] else None
        return RemoteRecord(
            self.object_type,
            str(found),
            version=str(version or ""),
            modified_at=next(iter(moments(modified)), None),
            values=_Paths(body),
            is_deleted=bool(at(body, self._settings["deleted"])) if self._settings["deleted"] else False,
            merged_into=str(merged or ""),
        )

    def _is_record(self, body: Any) -> bool:
        found = at(body, self._settings["id"]) if isinstance(body, dict) else None
        return found not in (None, "") and not isinstance(found, (dict, list))

    def _list(self, place: Mapping[str, Any]) -> tuple[Any, Any]:
        following = place.get("cursor")
        if isinstance(following, str) and following.startswith(("http://", "https://", "/")):
            url = urljoin(self._url, following)
        else:
            url = urljoin(self._url, filled(self._settings["list_path"], places(place)))
        answer = _json(self._call("GET", url))
        return at(answer, self._settings["items"]), answer

    def _item(self, external_id: str) -> str:
        return urljoin(self._url, filled(self._settings["item_path"], {"id": quote(external_id, safe="")}))

    def _one(self, answer: Answer) -> Any:
        """The record in an answer that is about one."""
        return at(_json(answer), self._settings["item"])

    def _call(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """The key goes to the server of the settings' address and to no other, whatever a path or a next page says."""
        if urlsplit(url).netloc != urlsplit(self._url).netloc:
            raise Misconfigured(gettext("A path or the next page is on another server."))
        key = {self._settings["header_name"]: self._settings["header_value"]} if self._settings["header_value"] else {}
        return self._wire.call(method, url, headers={"Accept": "application/json", **key, **(headers or {})}, **more)


class _Paths(Mapping[str, Any]):
    """A record's values by path: every path that a mapping may name has one."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def __getitem__(self, path: str) -> Any:
        value = at(self._body, path)
        if isinstance(value, dict):
            raise KeyError(path)
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    def __iter__(self) -> Any:
        return iter(leaves(self._body))

    def __len__(self) -> int:
        return len(leaves(self._body))

    def __contains__(self, path: object) -> bool:
        """A path whose first step is missing is a property that the system does not have."""
        return isinstance(path, str) and path.split(".")[0] in self._body


def _whole(now: Any, change: Several) -> list[str]:
    known = [str(each) for each in now] if isinstance(now, list) else []
    kept = [each for each in known if each not in change.remove]
    return [*kept, *(each for each in change.add if each not in kept)][:LONGEST_LIST]


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise Retry(gettext("The answer is not JSON.")) from error
