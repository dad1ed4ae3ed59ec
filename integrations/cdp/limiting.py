"""How often the doors of customer data may be used.

Requests are counted for each source and for each address that writes with its key, so that one visitor of a site does not use up what
the others need. Refused ones are counted for each address.
"""

from django.http import HttpRequest

from integrations.cdp.answers import Refusal
from integrations.limits import Limit, address_of, seconds_to_wait
from integrations.models import CustomerDataSource

OF_ADDRESS = Limit("customer-data-address", 6_000, 60)
OF_SOURCE = Limit("customer-data-source", 30_000, 60)
REFUSED_OF_ADDRESS = Limit("customer-data-refused", 300, 60)


def count(request: HttpRequest, source: CustomerDataSource) -> None:
    """Count one request whose key or signature is right. Raises ``Refusal`` (429) where there were too many."""
    wait = seconds_to_wait(OF_ADDRESS, (source.pk, _address(request))) or seconds_to_wait(OF_SOURCE, source.pk)
    if wait:
        raise _too_many(wait)


def refused(request: HttpRequest, refusal: Refusal) -> Refusal:
    """Count one request that proves nothing; the refusal to raise: the given one, or 429 where there were too many."""
    wait = seconds_to_wait(REFUSED_OF_ADDRESS, _address(request))
    return _too_many(wait) if wait else refusal


def _too_many(wait: float) -> Refusal:
    return Refusal(429, "Too many requests: wait as many seconds as Retry-After says.", wait=wait)


def _address(request: HttpRequest) -> str:
    forwarded = request.headers.get("X-Forwarded-For", "").encode("latin-1", errors="replace")
    return address_of(client=(str(request.META.get("REMOTE_ADDR", "")), 0), forwarded=forwarded)
