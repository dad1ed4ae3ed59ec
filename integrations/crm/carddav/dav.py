"""WebDAV's questions and answers (RFC 4918, 6352, 6578), as far as an address book needs them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from integrations.crm.contract import Retry

DAV, CARD, CALENDAR_SERVER = "DAV:", "urn:ietf:params:xml:ns:carddav", "http://calendarserver.org/ns/"
_SPACES = f'xmlns:d="{DAV}" xmlns:c="{CARD}" xmlns:cs="{CALENDAR_SERVER}"'


@dataclass
class Response:
    """One resource of a multi-status answer: its own status, and the properties that were found."""

    href: str
    status: int = 200
    props: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        found = self.props.get(name)
        return (found.text or "").strip() if found is not None else ""


@dataclass
class MultiStatus:
    responses: list[Response]
    sync_token: str = ""


def propfind(*names: str) -> bytes:
    """The question for properties, by names such as ``d:getetag``."""
    return _document("d:propfind", f"<d:prop>{''.join(f'<{name}/>' for name in names)}</d:prop>")


def sync_collection(token: str) -> bytes:
    return _document(
        "d:sync-collection",
        f"<d:sync-token>{escape(token)}</d:sync-token><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop>",
    )


def multiget(hrefs: Iterable[str]) -> bytes:
    wanted = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
    return _document("c:addressbook-multiget", f"<d:prop><d:getetag/><d:getlastmodified/><c:address-data/></d:prop>{wanted}")


def read(content: bytes) -> MultiStatus:
    """Raises ``Retry`` for what is no multi-status: a proxy's error page with status 207 has been seen."""
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise Retry("The answer is no XML") from error
    found = []
    for node in root.findall(f"{{{DAV}}}response"):
        href = (node.findtext(f"{{{DAV}}}href") or "").strip()
        response = Response(href, _status(node.findtext(f"{{{DAV}}}status")))
        for propstat in node.findall(f"{{{DAV}}}propstat"):
            if _status(propstat.findtext(f"{{{DAV}}}status")) == 200:
                response.props |= {prop.tag: prop for group in propstat.findall(f"{{{DAV}}}prop") for prop in group}
        found.append(response)
    return MultiStatus(found, (root.findtext(f"{{{DAV}}}sync-token") or "").strip())


def _status(line: str | None) -> int:
    """The number in ``HTTP/1.1 404 Not Found``; 200 where there is no line."""
    words = (line or "").split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 200


def _document(name: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><{name} {_SPACES}>{inner}</{name}>'.encode()
