"""How connectors speak HTTP: through the one client, within the shared budget, with answers turned into the three errors."""

import email.utils
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from integrations import http_client
from integrations.crm.errors import Misconfigured, Permanent, Retry, Stale
from integrations.http_client import Answer

# What one answer may hold: an address book of some thousand cards in one report.
MAX_BYTES = 32 * 1024 * 1024
LONGEST_WAIT = 3600.0


Secrets = Mapping[str, Any]
# Given the credentials that were refused and a way to get new ones: those that hold now.
Renew = Callable[[Secrets, Callable[[Secrets], Secrets]], Secrets]


def _cannot_renew(_refused: Secrets, _ask: Callable[[Secrets], Secrets]) -> Secrets:
    raise Misconfigured("There is nowhere to keep new credentials")


class Wire:
    """Calls of one connection. ``spend`` is asked before each call and raises ``Retry`` when the budget is used up; ``hold`` is told
    for how many seconds the other system wants silence. ``renew`` replaces expired credentials, once for all workers: a connector
    calls it with those that were refused and with what gets new ones."""

    def __init__(
        self,
        *,
        spend: Callable[[], None] = lambda: None,
        hold: Callable[[float], None] = lambda _seconds: None,
        renew: Renew = _cannot_renew,
    ) -> None:
        self._spend = spend
        self.hold = hold
        self.renew = renew

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        expect: Collection[int] = (),
    ) -> Answer:
        """The answer, if its status is 2xx or one of ``expect``. Raises the errors of the contract for every other."""
        self._spend()
        try:
            answer = http_client.request(method, url, headers=headers, params=params, json=json, content=content, max_bytes=MAX_BYTES)
        except http_client.RefusedAddress as error:
            raise Misconfigured(str(error)) from error
        except http_client.AnswerTooLarge as error:
            raise Permanent(str(error)) from error
        except http_client.HttpError as error:
            raise Retry(str(error)) from error
        status = answer.status
        if status in expect or 200 <= status < 300:
            return answer
        said = f"{method} {status}"
        if status in (429, 503):
            self.wait(said, seconds_to_wait(answer.headers.get("retry-after", "")))
        if status in (409, 412, 423):
            raise Stale(said)
        if status == 401:
            raise Misconfigured(_("The other system does not accept the key, or the user and password (%(answer)s).") % {"answer": said})
        if status == 403:
            raise Misconfigured(_("The other system does not allow that to this user or key (%(answer)s).") % {"answer": said})
        if status in (408, 425) or status >= 500:
            raise Retry(_("The other system has a fault of its own (%(answer)s).") % {"answer": said})
        if status in (404, 405, 410):
            raise Permanent(_("The other system has nothing of that kind at that address (%(answer)s).") % {"answer": said})
        raise Permanent(_("The other system does not take it (%(answer)s).") % {"answer": said})

    def wait(self, said: str, seconds: float) -> NoReturn:
        """Nobody calls that account for so many seconds. Raises ``Retry``."""
        self.hold(seconds)
        raise Retry(said, after=seconds)


def seconds_to_wait(retry_after: str) -> float:
    """What a Retry-After header asks for: seconds, or a date. One second where it says nothing; at most an hour."""
    text = retry_after.strip()
    if text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 1.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - datetime.now(UTC)).total_seconds(), 1.0), LONGEST_WAIT)
