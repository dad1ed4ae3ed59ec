"""An address book behind CardDAV: Radicale, Nextcloud, iCloud, Google and whatever else speaks it."""

import base64
import email.utils
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urljoin, urlsplit

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.crm.carddav import dav
from integrations.crm.carddav.vcards import PROPERTIES, change_card, new_card, read_card, values_of
from integrations.crm.contract import (
    Misconfigured,
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
from integrations.crm.wire import Wire
from integrations.http_client import Answer

CARDS_PER_PAGE = 50
XML = {"Content-Type": "application/xml; charset=utf-8"}
ETAG = f"{{{dav.DAV}}}getetag"
# What servers answer to a sync-token that they no longer know (RFC 6578 says 403; others were seen).
FORGOTTEN = (400, 403, 404, 409, 410, 412)


class CardDav:
    """One address book. The cursor is JSON: a sync-token, or a listing of ETags for servers that have none."""

    kind: ClassVar[str] = "carddav"
    label: ClassVar[Any] = "CardDAV"
    about: ClassVar[Any] = _("An address book: iCloud, Nextcloud, Radicale and others.")
    object_type: ClassVar[str] = "vcard"
    can_merge: ClassVar[bool] = False
    rate: ClassVar[Rate] = Rate(calls=100, seconds=10)
    tells_deletions_for: ClassVar[timedelta] = timedelta.max
    poll_seconds: ClassVar[int] = 60
    calls_per_poll: ClassVar[int] = 3
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            "url",
            _("Address"),
            _("Of the address book, or of the server: then the first address book is taken. iCloud: https://contacts.icloud.com"),
        ),
        SettingField("user", _("User"), is_required=False),
        SettingField("password", _("Password"), _("iCloud and others want an app password."), is_secret=True, is_required=False),
        SettingField(
            "token", _("Access token"), _("Instead of user and password, where the server takes one."), is_secret=True, is_required=False
        ),
    )
    suggested_mapping: ClassVar[tuple[SuggestedRule, ...]] = (
        SuggestedRule("name", "fn"),
        SuggestedRule("email", "email", type="email", is_several=True),
        SuggestedRule("phone", "tel", type="phone", is_several=True),
        SuggestedRule("address", "adr.street"),
        SuggestedRule("city", "adr.city"),
        SuggestedRule("postal_code", "adr.code"),
        SuggestedRule("company", "org"),
        SuggestedRule("date_of_birth", "bday", type="date"),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        self._settings = settings
        self._wire = wire
        self._book_url = ""

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        token = str(settings.get("token") or "")
        return f"{urlsplit(str(settings.get('url', ''))).netloc} {settings.get('user') or hashlib.sha256(token.encode()).hexdigest()[:12]}"

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> None:
        return None

    def check(self) -> None:
        self._find(self._book, f"{{{dav.DAV}}}resourcetype", "d:resourcetype")

    def describe(self) -> list[RemoteProperty]:
        return list(PROPERTIES)

    def changes(self, cursor: str) -> Page:
        at = json.loads(cursor) if cursor else {}
        if "etags" in at or not self._has_tokens():
            return self._listed(at)
        return self._synced(at)

    def read(self, external_id: str) -> RemoteRecord | None:
        answer = self._call("GET", self._url(external_id), expect=(404, 410))
        if answer.status in (404, 410):
            return None
        return self._record(external_id, answer.headers.get("etag", ""), answer.headers.get("last-modified", ""), _decode(answer))

    def create(self, values: Mapping[str, Any], *, key: str) -> RemoteRecord:
        href = f"{urlsplit(self._book).path.rstrip('/')}/{quote(key, safe='')}.vcf"
        body = change_card(new_card(key), values, at=datetime.now(UTC)).encode()
        answer = self._put(href, body, {"If-None-Match": "*"}, expect=(412,))
        # Some servers give the card a name of their own.
        return self._as_it_is(urlsplit(answer.headers.get("location", "")).path or href)

    def write(self, external_id: str, values: Mapping[str, Any], *, expected: str) -> RemoteRecord:
        answer = self._call("GET", self._url(external_id), expect=(404, 410))
        etag = answer.headers.get("etag", "")
        if answer.status != 200 or (expected and etag != expected):
            raise Stale("The card was changed")
        body = change_card(read_card(_decode(answer)), values, at=datetime.now(UTC)).encode()
        self._put(external_id, body, {"If-Match": etag} if etag else {})
        return self._as_it_is(external_id)

    def merge(self, loser: str, survivor: str) -> None:
        raise Permanent(gettext("An address book cannot merge cards."))

    def erase(self, external_id: str) -> None:
        self._call("DELETE", self._url(external_id), expect=(404, 410))

    def gone(self, external_ids: Collection[str]) -> set[str]:
        return set()

    def _put(self, href: str, body: bytes, condition: Mapping[str, str], expect: tuple[int, ...] = ()) -> Answer:
        headers = {"Content-Type": "text/vcard; charset=utf-8", **condition}
        return self._call("PUT", self._url(href), headers=headers, content=body, expect=expect)

    def _as_it_is(self, href: str) -> RemoteRecord:
        found = self.read(href)
        if found is None:
            raise Retry(gettext("The record was deleted there as soon as it was written."))
        return found

    def _synced(self, at: Mapping[str, Any]) -> Page:
        """By sync-token (RFC 6578): what changed since the token; without one, everything. A forgotten token begins anew.

        Servers that have tokens and yet want one from the start are listed.
        """
        token = at.get("token", "")
        answer = self._call("REPORT", self._book, headers={"Depth": "0", **XML}, content=dav.sync_collection(token), expect=FORGOTTEN)
        if answer.status in FORGOTTEN:
            return self._synced({}) if token else self._listed({})
        found = dav.read(answer.content)
        cut = any(each.status == 507 for each in found.responses)
        listed = {each.href: each for each in found.responses if each.status != 507 and not self._is_book(each.href)}
        hrefs = sorted(href for href in listed if href > at.get("after", ""))
        now, later = hrefs[:CARDS_PER_PAGE], hrefs[CARDS_PER_PAGE:]
        gone = [RemoteRecord(self.object_type, href, is_deleted=True) for href in now if listed[href].status in (404, 410)]
        records = [*self._cards(href for href in now if listed[href].status not in (404, 410)), *gone]
        following = at.get("next") or found.sync_token
        then = {"token": token, "after": now[-1], "next": following} if later else {"token": following}
        every_id = frozenset(listed) if not token and not later and not cut else None
        total = len(listed) if not token and not at.get("after") else None
        return Page(records, json.dumps(then), has_more=bool(later) or cut, every_id=every_id, total=total)

    def _listed(self, at: Mapping[str, Any]) -> Page:
        """By ETags, for servers without sync-tokens: the cursor holds those that are known, and the ctag of the whole."""
        known: dict[str, str] = at.get("etags", {})
        ctag = self._find(self._book, f"{{{dav.CALENDAR_SERVER}}}getctag", "cs:getctag")
        if ctag and ctag == at.get("ctag"):
            return Page([], json.dumps(at))
        answer = self._call("PROPFIND", self._book, headers={"Depth": "1", **XML}, content=dav.propfind("d:getetag"))
        responses = dav.read(answer.content).responses
        there = {each.href: _short(each.text(ETAG)) for each in responses if each.text(ETAG) and not self._is_book(each.href)}
        changed = sorted(href for href, etag in there.items() if known.get(href) != etag)
        now, later = changed[:CARDS_PER_PAGE], changed[CARDS_PER_PAGE:]
        kept = {href: etag for href, etag in known.items() if href in there} | {href: there[href] for href in now}
        then = {"etags": kept} if later else {"etags": kept, "ctag": ctag}
        return Page(
            self._cards(now),
            json.dumps(then),
            has_more=bool(later),
            every_id=None if later else frozenset(there),
            total=None if known else len(there),
        )

    def _cards(self, hrefs: Iterable[str]) -> list[RemoteRecord]:
        wanted = list(hrefs)
        if not wanted:
            return []
        answer = self._call("REPORT", self._book, headers={"Depth": "1", **XML}, content=dav.multiget(wanted))
        records = []
        for each in dav.read(answer.content).responses:
            if each.status in (404, 410):
                records.append(RemoteRecord(self.object_type, each.href, is_deleted=True))
            elif card := each.text(f"{{{dav.CARD}}}address-data"):
                records.append(self._record(each.href, each.text(ETAG), each.text(f"{{{dav.DAV}}}getlastmodified"), card))
        return records

    def _record(self, href: str, etag: str, modified: str, card: str) -> RemoteRecord:
        """A card that cannot be read keeps its place and says nothing: it must not stop the others."""
        try:
            values = values_of(read_card(card))
        except Permanent:
            values = {}
        return RemoteRecord(self.object_type, href, version=etag, modified_at=_moment(modified), values=values)

    def _is_book(self, href: str) -> bool:
        return urlsplit(href).path.rstrip("/") == urlsplit(self._book).path.rstrip("/")

    def _has_tokens(self) -> bool:
        return bool(self._find(self._book, f"{{{dav.DAV}}}sync-token", "d:sync-token"))

    @property
    def _book(self) -> str:
        """The address of the book, looked for once: as given, else by way of the user's principal (RFC 6352, 6764)."""
        if not self._book_url:
            given = str(self._settings["url"])
            answer = self._ask(given, "d:resourcetype", expect=(404, 405))
            is_book = answer.status == 207 and any(_is_addressbook(each) for each in dav.read(answer.content).responses[:1])
            # Where the server sent us, if it did.
            self._book_url = answer.url if is_book else self._discover(given)
        return self._book_url

    def _discover(self, given: str) -> str:
        for start in (given, urljoin(given, "/.well-known/carddav")):
            principal = self._find(start, f"{{{dav.DAV}}}current-user-principal", "d:current-user-principal")
            home = principal and self._find(urljoin(start, principal), f"{{{dav.CARD}}}addressbook-home-set", "c:addressbook-home-set")
            if not home:
                continue
            folder = urljoin(urljoin(start, principal), home)
            answer = self._ask(folder, "d:resourcetype", depth="1")
            books = [each.href for each in dav.read(answer.content).responses if _is_addressbook(each)]
            if books:
                return urljoin(folder, sorted(books)[0])
        raise Misconfigured(gettext("No address book was found there. Give the address of the book itself."))

    def _find(self, url: str, tag: str, name: str) -> str:
        """One property of a resource: its text, or the address in it; empty where it has none."""
        answer = self._ask(url, name, expect=(404, 405))
        if answer.status != 207:
            return ""
        for each in dav.read(answer.content).responses[:1]:
            node = each.props.get(tag)
            if node is not None:
                return str(node.findtext(f"{{{dav.DAV}}}href") or node.text or "").strip()
        return ""

    def _ask(self, url: str, name: str, *, depth: str = "0", expect: tuple[int, ...] = ()) -> Answer:
        return self._call("PROPFIND", url, headers={"Depth": depth, **XML}, content=dav.propfind(name), expect=expect)

    def _url(self, href: str) -> str:
        return urljoin(self._book, href)

    def _call(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        return self._wire.call(method, url, headers={**self._authorization(), **(headers or {})}, **more)

    def _authorization(self) -> dict[str, str]:
        if token := self._settings.get("token"):
            return {"Authorization": f"Bearer {token}"}
        pair = f"{self._settings.get('user', '')}:{self._settings.get('password', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _is_addressbook(response: dav.Response) -> bool:
    kinds = response.props.get(f"{{{dav.DAV}}}resourcetype")
    return kinds is not None and kinds.find(f"{{{dav.CARD}}}addressbook") is not None


def _short(etag: str) -> str:
    return hashlib.sha256(etag.encode()).hexdigest()[:16]


def _decode(answer: Answer) -> str:
    return answer.content.decode("utf-8", "replace")


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
