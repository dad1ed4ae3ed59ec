"""What only Salesforce's SOAP interface can do: merge two records, and take deleted ones out of the recycle bin. Pure but for ``Api``."""

from typing import Any
from xml.sax.saxutils import escape

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from integrations.crm.contract import Misconfigured, Permanent, Retry
from integrations.crm.salesforce.api import BUSY, Api

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_API = "urn:partner.soap.sforce.com"
_OBJECT = "urn:sobject.partner.soap.sforce.com"


def merge(api: Api, *, version: str, sobject: str, loser: str, survivor: str) -> None:
    """Make one record of two; the survivor keeps its own values. Raises the contract's errors."""
    body = (
        f"<a:merge><a:request><a:masterRecord><o:type>{escape(sobject)}</o:type><o:Id>{escape(survivor)}</o:Id></a:masterRecord>"
        f"<a:recordToMergeIds>{escape(loser)}</a:recordToMergeIds></a:request></a:merge>"
    )
    _call(api, version, body)


def empty_recycle_bin(api: Api, *, version: str, external_id: str) -> None:
    """What was deleted cannot be taken back any more."""
    _call(api, version, f"<a:emptyRecycleBin><a:ids>{escape(external_id)}</a:ids></a:emptyRecycleBin>")


def _call(api: Api, version: str, body: str) -> None:
    header = f"<s:Header><a:SessionHeader><a:sessionId>{escape(api.token)}</a:sessionId></a:SessionHeader></s:Header>"
    envelope = f'<s:Envelope xmlns:s="{_SOAP}" xmlns:a="{_API}" xmlns:o="{_OBJECT}">{header}<s:Body>{body}</s:Body></s:Envelope>'
    answer = api.call(
        "POST",
        f"/services/Soap/u/{version}",
        headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""', "Accept": "text/xml"},
        content=envelope.encode(),
        expect=(500,),
    )
    root = _parsed(answer.content)
    if fault := _text(root, "faultcode"):
        raise _error(fault.rpartition(":")[2])
    if _text(root, f"{{{_API}}}success") != "true":
        raise _error(_text(root, f"{{{_API}}}statusCode"))


def _error(code: str) -> Exception:
    if code in BUSY or code == "REQUEST_LIMIT_EXCEEDED" or code == "INVALID_SESSION_ID":
        return Retry(f"SOAP {code}")
    if code in ("API_DISABLED_FOR_ORG", "INVALID_TYPE", "INSUFFICIENT_ACCESS"):
        return Misconfigured(f"SOAP {code}")
    return Permanent(f"SOAP {code or '—'}"[:80])


def _parsed(content: bytes) -> Any:
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise Retry("Salesforce's answer is no XML") from error


def _text(root: Any, name: str) -> str:
    found = next(root.iter(name), None)
    return (found.text or "").strip() if found is not None else ""
